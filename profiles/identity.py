"""User ids as keyed hashes: the only form in which this project stores who said something.

A person id is the first 32 hexadecimal digits of HMAC-SHA256 over platform and user id. The
platform is part of the message, so equal ids on two platforms are two persons, and without the key
nobody can enumerate phone numbers or account numbers to find whose id a hash is.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

PERSON_ID_LENGTH: Final = 32
_SEPARATOR: Final = "\x1f"


def person_id(key: bytes, platform: str | None, user_id: str) -> str:
    """Return the person id of a user as the source names them; an unknown platform counts as ''."""
    message = f"{platform or ''}{_SEPARATOR}{user_id}".encode()
    return hmac.digest(key, message, "sha256").hex()[:PERSON_ID_LENGTH]


def identifier_key(key: bytes, kind: str, namespace: str, value: str) -> str:
    """Return the key of an identifier that is no user id; never equal to a person id by design."""
    message = f"identifier\x1e{kind}\x1f{namespace}\x1f{value}".encode()
    return hmac.digest(key, message, "sha256").hex()[:PERSON_ID_LENGTH]


def hash_user_ids(table: pa.Table, key: bytes, column: str = "user_id") -> pa.Table:
    """Return ``table`` with ``column`` replaced by person ids; null stays null.

    Needs text columns ``platform`` and ``column``. Hashes each distinct pair once (about 1 µs),
    whatever the number of rows; memory grows with the distinct users of this table.
    """
    if table.num_rows == 0:
        return table
    pairs = pc.dictionary_encode(
        pc.binary_join_element_wise(pc.fill_null(table["platform"], ""), table[column], _SEPARATOR)
    ).combine_chunks()
    if isinstance(pairs, pa.ChunkedArray):
        pairs = pairs.unify_dictionaries().chunk(0)
    hashed = _hash_all(key, pairs.dictionary.to_pylist())
    person_ids = pa.array(hashed, pa.string()).take(pairs.indices)
    return table.set_column(table.column_names.index(column), column, person_ids)


def _hash_all(key: bytes, pairs: list[str]) -> list[str]:
    """The person ids of platform and user id with the separator between them: what is hashed."""
    keyed, ids = hmac.new(key, digestmod=hashlib.sha256), []
    for pair in pairs:
        one = keyed.copy()  # the key is taken in once
        one.update(pair.encode())
        ids.append(one.hexdigest()[:PERSON_ID_LENGTH])
    return ids
