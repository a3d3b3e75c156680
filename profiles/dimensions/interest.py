"""Interest preference: what a person speaks of (explicit), and watches, likes, buys (implied).

A comment weighs its topic scores; an event the share of each topic of its content, times the weight
of its kind (``profiles.signals``). Weights halve every 30 days, for the short and the long vector
every 7 and 90, and are stated at the moment of the person's newest signal: shares do not depend on
when they are asked for. Undated comments count and weigh nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import ibis
from ibis import ir

from profiles.dimensions.inputs import (
    fixed,
    halved,
    ratio,
    real,
    seconds,
    visible,
    with_newest,
)
from profiles.interest import HALF_LIFE_DAYS, LONG_HALF_LIFE_DAYS, SHORT_HALF_LIFE_DAYS
from profiles.signals import (
    EVENT_SIGNALS,
    MIN_CONTENT_COMMENTS,
    MIN_CONTENT_SHARE,
    SIGNAL_WEIGHTS,
)

KINDS: Final = ("comment", "purchase", "like", "watch")
_SHARE_DIGITS: Final = 1  # coarse on purpose: a content's topics change seldom, its viewers' less


def content_topics(topics: ir.Table, as_of: datetime) -> ir.Table:
    """Return what contents are about, by the comments under them.

    Columns: platform, content_id, topic, share (of the content's topics, in tenths), place (from
    1). Contents with fewer than ``MIN_CONTENT_COMMENTS`` comments with a topic are left out, and so
    are topics below ``MIN_CONTENT_SHARE``.
    """
    seen = visible(topics, as_of).filter(
        lambda t: t.content_id.notnull() & t.created_at.notnull() & (t.score > 0)
    )
    key = ["platform", "content_id"]
    told = seen.group_by(*key).aggregate(n_told=seen.count(where=seen.place == 1))
    scored = seen.group_by(*key, "topic").aggregate(total=fixed(seen.score.cast("float64")).sum())
    whole = scored.group_by(*key).aggregate(whole=scored.total.sum())
    told = told.rename(told_platform="platform", told_content="content_id")
    whole = whole.rename(whole_platform="platform", whole_content="content_id")
    found = scored.join(
        told,
        [scored.content_id == told.told_content, _same(scored.platform, told.told_platform)],
    )
    found = found.join(
        whole,
        [found.content_id == whole.whole_content, _same(found.platform, whole.whole_platform)],
    )
    share = found.total.cast("float64") / found.whole.cast("float64")
    found = found.filter((found.n_told >= MIN_CONTENT_COMMENTS) & (share >= MIN_CONTENT_SHARE))
    share = (found.total.cast("float64") / found.whole.cast("float64")).round(_SHARE_DIGITS)
    order = ibis.window(group_by=key, order_by=[ibis.desc(found.total), ibis.asc(found.topic)])
    return found.select(*key, "topic", share=share, place=ibis.row_number().over(order) + 1)


def signals(
    topics: ir.Table,
    events: ir.Table,
    contents: ir.Table,
    as_of: datetime,
    weights: Mapping[str, float] = SIGNAL_WEIGHTS,
) -> ir.Table:
    """Return every sign of interest: user_id, topic, kind, weight, at, place, ref.

    ``place`` is 1 once per comment or event; ``ref`` names the row: ``comment:ID`` or
    ``event:NAME:CONTENT``.
    """
    spoken = visible(topics, as_of)
    explicit = spoken.select(
        "user_id",
        "topic",
        kind=ibis.literal("comment"),
        weight=spoken.score.cast("float64") * weights["comment"],
        at=spoken.created_at,
        place=spoken.place,
        ref=ibis.literal("comment:") + spoken.comment_id,
    )
    kinds = events.event.cases(*EVENT_SIGNALS.items(), else_=None)
    given = visible(events, as_of, "time").mutate(kind=kinds)
    given = given.filter(given.kind.notnull() & given.content_id.notnull())
    about = contents.rename(about_platform="platform", about_content="content_id")
    joined = given.join(
        about,
        [given.content_id == about.about_content, _same(given.platform, about.about_platform)],
    )
    worth = joined.kind.cases(*((kind, weights[kind]) for kind in KINDS[1:]), else_=0.0)
    implied = joined.select(
        "user_id",
        "topic",
        "kind",
        weight=joined.share * worth,
        at=joined.time,
        place=joined.place,
        ref=ibis.literal("event:") + joined.event + ":" + joined.content_id,
    )
    return ibis.union(explicit, implied)


def interest_by_person(found: ir.Table) -> ir.Table:
    """Return one row per person with ``signals``: user_id, n (rows behind it), last_seen."""
    return found.group_by("user_id").aggregate(
        n=found.count(where=found.place == 1),
        n_with_topic=found.count(where=(found.place == 1) & (found.kind == "comment")),
        last_seen=found["at"].max(),
    )


def interest_by_topic(found: ir.Table) -> ir.Table:
    """Return one row per person and topic of ``signals``.

    Columns: user_id, topic, n, n_<kind>, weight (at the person's newest signal), share, share_7d,
    share_90d (0..1, null where nothing is dated), last_seen, row_1 to row_3.
    """
    latest = found.group_by("user_id").aggregate(latest=found["at"].max())
    aged = found.join(latest, "user_id")
    age_s = seconds(aged.latest) - seconds(aged["at"])
    decayed = {
        name: fixed(aged.weight * halved(age_s, days))
        for name, days in (
            ("weight", HALF_LIFE_DAYS),
            ("short", SHORT_HALF_LIFE_DAYS),
            ("long", LONG_HALF_LIFE_DAYS),
        )
    }
    counted = aged.group_by("user_id", "topic").aggregate(
        n=aged.count(),
        **{f"n_{kind}": aged.count(where=aged.kind == kind) for kind in KINDS},
        **{name: value.sum().fill_null(0).cast("int64") for name, value in decayed.items()},
        last_seen=aged["at"].max(),
    )
    whole = ibis.window(group_by="user_id")
    counted = counted.mutate(
        share=ratio(counted.weight, counted.weight.sum().over(whole)),
        share_7d=ratio(counted.short, counted.short.sum().over(whole)),
        share_90d=ratio(counted.long, counted.long.sum().over(whole)),
    )
    counted = counted.mutate(weight=real(counted.weight).round(6)).drop("short", "long")
    return with_newest(counted, found, ["user_id", "topic"], at="at", ref="ref")


def _same(one: Any, other: Any) -> Any:
    """Whether two platforms are the same; one that was not given equals itself."""
    return one.fill_null("") == other.fill_null("")
