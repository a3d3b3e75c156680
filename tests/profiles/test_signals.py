"""Signals of interest by day: weights by hand, contents by their comments, days in China."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import ModuleType

import pyarrow as pa
import pytest

from profiles.errors import ProfilesError
from profiles.signals import SIGNAL_WEIGHTS, signal_days

AS_OF = datetime(2026, 5, 1, tzinfo=UTC)


def said(user: str, at: datetime | None, content: str = "c", **topics: float) -> dict:
    items = [{"topic": topic, "score": score} for topic, score in topics.items()]
    return {"user_id": user, "content_id": content, "created_at": at, "interests": items}


def did(event: str, at: datetime, content: str = "c") -> dict:
    row = {"user_id": "u", "platform": "douyin", "event": event, "time": at}
    return row | {"content_id": content}


def rows_of(synthetic: ModuleType, said: list[dict], did: list[dict], **options: object) -> list:
    events = pa.Table.from_pylist(did) if did else None
    table = signal_days(synthetic.comments_table(said), events, AS_OF, **options)
    return [row for row in table.to_pylist() if row["person_id"] == "u"]


def test_comments_of_a_day_in_china_add_up(synthetic: ModuleType) -> None:
    late = datetime(2026, 4, 20, 17, tzinfo=UTC)  # one in the morning of the 21st in China
    (food, pets) = rows_of(
        synthetic,
        [said("u", late, food=0.5, pets=0.25), said("u", late + timedelta(hours=3), food=0.75)],
        [],
    )
    assert (food["day"], food["age_days"]) == (date(2026, 4, 21), 10)
    assert (food["topic"], food["weight"], food["n_signals"]) == ("food", 1.25, 2)
    assert (pets["topic"], pets["weight"], pets["n_signals"]) == ("pets", 0.25, 1)


def test_events_speak_for_what_their_content_is_about(synthetic: ModuleType) -> None:
    at = AS_OF - timedelta(days=2)
    others = [said(f"o{k}", at, food=0.75, pets=0.25, humor=0.01) for k in range(3)]
    events = [did("view", at), did("pay", at), did("collect", at), did("comment", at)]
    found = rows_of(synthetic, others, events)
    together = sum(SIGNAL_WEIGHTS[name] for name in ("watch", "purchase", "like"))
    weights = {row["topic"]: row["weight"] for row in found}
    assert weights == pytest.approx({"food": 0.75 * together, "pets": 0.25 * together}, abs=1e-5)
    assert rows_of(synthetic, others[:2], events) == []  # two comments do not make a content


def test_later_undated_and_unknown_are_left_out(synthetic: ModuleType) -> None:
    after, before = AS_OF + timedelta(seconds=1), AS_OF - timedelta(days=1)
    rows = [said("u", after, food=1), said("u", None, food=1), said("u", before, nonsense=1)]
    rows += [said(f"o{k}", after, food=1) for k in range(3)]
    assert rows_of(synthetic, rows, [did("like", before), did("like", after)]) == []


def test_weights_can_be_given_and_are_checked(synthetic: ModuleType) -> None:
    rows = [said("u", AS_OF, food=0.5)]
    (found,) = rows_of(synthetic, rows, [], weights={"comment": 3.0})
    assert found["weight"] == 1.5
    with pytest.raises(ProfilesError, match=r"unknown \['sneeze'\] and negative \['like'\]"):
        rows_of(synthetic, rows, [], weights={"sneeze": 1.0, "like": -1.0})
