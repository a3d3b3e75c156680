"""What the dimensions read: the columns of each input, as ibis tables that belong to no engine.

``user_id`` is the person, as text or as a number: nothing here looks inside. Topics and aspects
come unnested, one row each, because engines differ in nested columns.
"""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import ibis
from ibis import ir

MOMENT: Final = "timestamp('UTC', 3)"
SCALE: Final = 1_000_000_000  # weights are added as whole billionths: exact in any order of rows
DAY_S: Final = 86_400
LOCAL_S: Final = 8 * 3_600  # China is UTC+8 the year round
MAX_ROWS: Final = 3  # ids that a value carries; ``profiles.trace`` lists all

SCHEMAS: Final = MappingProxyType(
    {
        "comments": {
            "user_id": "int64",
            "comment_id": "string",
            "platform": "string",
            "content_id": "string",
            "parent_id": "string",
            "text": "string",
            "created_at": MOMENT,
            "like_count": "int64",
            "reply_count": "int64",
            "region": "string",
            "sentiment": "string",
            "sentiment_score": "float32",
            "p_negative": "float32",
            "p_neutral": "float32",
            "p_positive": "float32",
            "emotion": "string",
        },
        # one per topic of a comment; ``place`` counts from 1 within the comment
        "topics": {
            "user_id": "int64",
            "comment_id": "string",
            "platform": "string",
            "content_id": "string",
            "created_at": MOMENT,
            "topic": "string",
            "score": "float32",
            "place": "int64",
        },
        # one per aspect of a comment
        "aspects": {
            "user_id": "int64",
            "comment_id": "string",
            "created_at": MOMENT,
            "aspect": "string",
            "polarity": "string",
        },
        # one per account
        "users": {
            "user_id": "int64",
            "account_id": "string",
            "platform": "string",
            "gender": "string",
            "age": "int64",
            "region": "string",
            "follower_count": "int64",
            "following_count": "int64",
            "verified": "boolean",
            "created_at": MOMENT,
        },
        "events": {
            "user_id": "int64",
            "platform": "string",
            "event": "string",
            "time": MOMENT,
            "content_id": "string",
        },
        "orders": {
            "user_id": "int64",
            "order_id": "string",
            "platform": "string",
            "time": MOMENT,
            "amount_cny": "float64",
            "items": "string",
        },
        "relations": {
            "user_id": "int64",
            "target_id": "int64",
            "relation": "string",
            "created_at": MOMENT,
        },
        # what a content is about; ``place`` counts from 1 within the content
        "content_topics": {
            "platform": "string",
            "content_id": "string",
            "topic": "string",
            "share": "float64",
            "place": "int64",
        },
    }
)


def table(name: str, stored_as: str | None = None) -> ir.Table:
    """Return an input as an unbound table; ``stored_as`` is the relation that holds it.

    ``all_topics`` are the topics of every comment, whoever wrote it.
    """
    return ibis.table(SCHEMAS[name.removeprefix("all_")], name=stored_as or f"{name}_in")


def visible(rows: ir.Table, as_of: datetime, time: str = "created_at") -> ir.Table:
    """Return the rows known as of a moment: those not later, and undated ones."""
    at = rows[time]
    return rows.filter(at.isnull() | (at <= moment(as_of)))


def moment(as_of: datetime) -> ir.TimestampScalar:
    """Return a moment as a literal of the inputs' type."""
    return ibis.literal(as_of.astimezone(UTC), type="timestamp('UTC', 6)")


def seconds(at: ir.TimestampColumn) -> ir.IntegerColumn:
    """Return a moment in seconds since 1970."""
    return at.epoch_seconds()


def fixed(value: Any) -> Any:
    """Return a real number as whole billionths, to be added exactly."""
    return (value * float(SCALE)).round().cast("int64")


def real(total: Any) -> Any:
    """Return whole billionths as a real number."""
    return total.cast("float64") / float(SCALE)


def halved(age_s: Any, half_life_days: float) -> Any:
    """Return what is left of 1 after an age, halved every half-life."""
    exponent: Any = age_s.cast("float64") / (-DAY_S * half_life_days)
    return ibis.literal(2.0).pow(exponent)


def ratio(part: Any, whole: Any) -> Any:
    """Return a quotient rounded to six decimals, null over zero."""
    return (part.cast("float64") / whole.cast("float64").nullif(0.0)).round(6)


def newest(rows: ir.Table, by: list[str], *, at: str, ref: str) -> ir.Table:
    """Return per group the ``ref`` of its newest rows as ``row_1`` to ``row_3``, null where fewer.

    Undated rows are the oldest; of equally old ones the greatest ``ref`` goes first.
    """
    order = [ibis.desc(rows[at], nulls_first=False), ibis.desc(rows[ref])]
    place = ibis.row_number().over(ibis.window(group_by=by, order_by=order))
    few = rows.mutate(newest_place=place).filter(lambda t: t.newest_place < MAX_ROWS)
    return few.group_by(by).aggregate(
        **{
            f"row_{number + 1}": few[ref].max(where=few.newest_place == number)
            for number in range(MAX_ROWS)
        }
    )


def with_newest(counted: ir.Table, rows: ir.Table, by: list[str], *, at: str, ref: str) -> ir.Table:
    """Return ``counted`` with the newest rows of each of its groups."""
    found = newest(rows, by, at=at, ref=ref)
    return counted.left_join(found, by).drop(*(f"{name}_right" for name in by))
