"""Person ids: keyed, per platform, and never the raw id."""

from __future__ import annotations

import hashlib
import hmac

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from profiles.identity import hash_user_ids, person_id

KEY = b"k" * 32


def test_person_id_is_the_documented_hmac() -> None:
    expected = hmac.new(KEY, b"douyin\x1f42", hashlib.sha256).hexdigest()[:32]
    assert person_id(KEY, "douyin", "42") == expected


def test_person_id_differs_by_platform_and_key() -> None:
    ids = {
        person_id(KEY, "douyin", "42"),
        person_id(KEY, "xhs", "42"),
        person_id(b"x", "xhs", "42"),
    }
    assert len(ids) == 3


pairs = st.tuples(st.sampled_from(["douyin", "xhs", None]), st.none() | st.text(max_size=6))


@given(st.lists(pairs, max_size=30), st.integers(1, 5))
def test_hash_user_ids_equals_hashing_row_by_row(rows: list, pieces: int) -> None:
    schema = pa.schema([("platform", pa.string()), ("user_id", pa.string())])
    whole = pa.table([[p for p, _ in rows], [u for _, u in rows]], schema=schema)
    size = max(1, len(rows) // pieces)
    table = pa.concat_tables([whole.slice(i, size) for i in range(0, len(rows), size)] or [whole])
    expected = [None if user is None else person_id(KEY, platform, user) for platform, user in rows]
    assert hash_user_ids(table, KEY)["user_id"].to_pylist() == expected
