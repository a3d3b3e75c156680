"""Behaviour path: where a person stands, which ways they take, when they are there, and where.

A path is three events in a row with at most ``SESSION_S`` between two of them. Events of one moment
are taken in the order of the stages (``behaviour.yaml``), then by name, so that the same rows give
the same paths everywhere. Hours are those of the week in China, 0 being Monday 0:00-1:00.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import ibis
from ibis import ir

from profiles.dimensions.inputs import LOCAL_S, ratio, seconds, visible
from profiles.dimensions.rules import rules

PATH_LENGTH: Final = 3
SESSION_S: Final = 1_800
MAX_PATHS: Final = 3
MAX_HOURS: Final = 5
_THURSDAY_H: Final = 72  # 1970 began on a Thursday


def behaviour_by_person(events: ir.Table, as_of: datetime) -> ir.Table:
    """Return one row per person: user_id, n, first_at, last_at."""
    seen = visible(events, as_of, "time")
    return seen.group_by("user_id").aggregate(
        n=seen.count(), first_at=seen.time.min(), last_at=seen.time.max()
    )


def stage_by_person(counted: ir.Table) -> ir.Table:
    """Return where a person stands, from rows of ``events_counted``.

    Columns: user_id, last_stage, last_stage_at, furthest_stage. Of two stages of one moment the
    later one is the last.
    """
    staged = counted.mutate(stage=_stage(counted.event)).filter(lambda t: t.stage.notnull())
    newest = staged.group_by("user_id").aggregate(
        last_stage_at=staged.last_seen.max(), furthest=staged.stage.max()
    )
    joined = staged.join(newest, "user_id")
    at_last = joined.last_seen == joined.last_stage_at
    found = joined.group_by("user_id", "last_stage_at", "furthest").aggregate(
        last=joined.stage.max(where=at_last)
    )
    return found.select(
        "user_id",
        last_stage=_stage_name(found["last"]),
        last_stage_at=found.last_stage_at,
        furthest_stage=_stage_name(found.furthest),
    )


def events_counted(events: ir.Table, as_of: datetime) -> ir.Table:
    """Return one row per person and kind of event: user_id, event, n, last_seen."""
    seen = visible(events, as_of, "time")
    return seen.group_by("user_id", "event").aggregate(n=seen.count(), last_seen=seen.time.max())


def channels(events: ir.Table, as_of: datetime) -> ir.Table:
    """Return one row per person and platform: user_id, platform, n, share, last_seen."""
    seen = visible(events, as_of, "time").filter(lambda t: t.platform.notnull())
    counted = seen.group_by("user_id", "platform").aggregate(
        n=seen.count(), last_seen=seen.time.max()
    )
    whole = counted.n.sum().over(ibis.window(group_by="user_id"))
    return counted.mutate(share=ratio(counted.n, whole))


def active_hours(events: ir.Table, as_of: datetime) -> ir.Table:
    """Return each person's busiest hours of the week: user_id, place, hour, n, last_seen."""
    seen = visible(events, as_of, "time")
    hour = ((seconds(seen.time) + LOCAL_S) // 3_600 + _THURSDAY_H) % 168
    counted = seen.group_by("user_id", hour=hour.cast("int64")).aggregate(
        n=seen.count(), last_seen=seen.time.max()
    )
    return _top(counted, [ibis.desc(counted.n), ibis.asc(counted.hour)], MAX_HOURS)


def paths(events: ir.Table, as_of: datetime) -> ir.Table:
    """Return each person's favourite paths: user_id, place, path ("view>pay"…), n, last_seen."""
    seen = visible(events, as_of, "time")
    stage = _stage(seen.event).fill_null(-1)
    order = [seen.time, stage, seen.event, seen.content_id.fill_null("")]
    way = ibis.window(group_by="user_id", order_by=order)
    steps = seen.select(
        "user_id",
        "event",
        "time",
        one=seen.event.lag(2).over(way),
        two=seen.event.lag(1).over(way),
        since_one=seen.time.lag(2).over(way),
        since_two=seen.time.lag(1).over(way),
    )
    steps = steps.filter(
        steps.one.notnull()
        & (seconds(steps.time) - seconds(steps.since_two) <= SESSION_S)
        & (seconds(steps.since_two) - seconds(steps.since_one) <= SESSION_S)
    )
    counted = steps.group_by("user_id", "one", "two", "event").aggregate(
        n=steps.count(), last_seen=steps.time.max()
    )
    counted = counted.select(
        "user_id", "n", "last_seen", path=counted.one + ">" + counted.two + ">" + counted.event
    )
    return _top(counted, [ibis.desc(counted.n), ibis.asc(counted.path)], MAX_PATHS)


def stage_names() -> dict[str, str]:
    """Return the Chinese name of every stage, first to last."""
    return {key: str(one["name"]) for key, one in rules("behaviour")["stages"].items()}


def _top(counted: ir.Table, order: list[Any], most: int) -> ir.Table:
    place = ibis.row_number().over(ibis.window(group_by="user_id", order_by=order)) + 1
    return counted.mutate(place=place).filter(lambda t: t.place <= most)


def _stage(event: ir.StringColumn) -> Any:
    """The number of an event's stage, null outside the stages."""
    stages = enumerate(rules("behaviour")["stages"].values())
    return event.cases(*((name, place) for place, one in stages for name in one["events"]))


def _stage_name(number: Any) -> Any:
    return number.cases(*((place, key) for place, key in enumerate(stage_names())))
