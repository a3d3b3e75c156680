"""What a segment's comments tell, counted: topics, aspects, hours, channels, questions.

``comments`` are Arrow tables with the columns of ``data.columns.COMMENTS`` and ``SCORES``, of the
segment's people alone. "Recent" are the last ``recent_days`` before ``as_of``, "before" the three
spans of that length ahead of them. Grows with the segment's comments, inside DuckDB.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from profiles.sql import LOCAL_ZONE, SEEN, TELLS, complete_comments, run_sql

RECENT_DAYS: Final = 30
SPANS_BEFORE: Final = 3
LEAST: Final = 5  # comments behind anything that is said
Z_SURE: Final = 1.96
QUOTES: Final = 3


@dataclass(frozen=True, kw_only=True)
class Quote:
    """One comment that shows what is said."""

    comment_id: str
    text: str
    likes: int


@dataclass(frozen=True, kw_only=True)
class TopicTrend:
    """Comments on a topic, recent and before; ``z`` of the change of its share, pooled test of two
    proportions; ``ratio`` of the shares, smoothed by half a comment."""

    topic: str
    recent: int
    before: int
    ratio: float
    z: float
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, kw_only=True)
class AspectView:
    """What is said of one aspect, with the most liked comments for and against."""

    aspect: str
    n: int
    positive: int
    negative: int
    for_it: tuple[Quote, ...]
    against_it: tuple[Quote, ...]


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Comments, likes per comment and mean sentiment (−1..1) on one platform."""

    platform: str
    n: int
    likes_per_comment: float
    mean_score: float | None


@dataclass(frozen=True, kw_only=True)
class Question:
    """A word that questions turn on, how many hold it, and the most liked of them."""

    word: str
    n: int
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, kw_only=True)
class RiskView:
    """Comments that state a risk."""

    risk: str
    n: int
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, kw_only=True)
class SegmentFacts:
    """Everything counted; hours are 0–23 in China with their comments."""

    comments: int
    recent: int
    topics: tuple[TopicTrend, ...]
    aspects: tuple[AspectView, ...]
    hours: tuple[tuple[int, int], ...]
    channels: tuple[Channel, ...]
    questions: tuple[Question, ...]
    risks: tuple[RiskView, ...]


_QUOTES: Final = """list({'comment_id': comment_id, 'text': text,
    'likes': coalesce(like_count, 0)} ORDER BY coalesce(like_count, 0) DESC, comment_id)"""
_BASE: Final = f"""WITH seen AS (
    SELECT *, created_at > $as_of - to_days({RECENT_DAYS}) AS is_recent,
        {TELLS} AS tells
    FROM comments_in
    WHERE {SEEN} AND (created_at IS NULL
        OR created_at > $as_of - to_days({RECENT_DAYS * (SPANS_BEFORE + 1)})))"""
_TOTALS: Final = f"""{_BASE} SELECT count(*) AS n,
    count(*) FILTER (is_recent) AS recent,
    count(*) FILTER (NOT is_recent) AS before FROM seen"""
_TOPICS: Final = f"""{_BASE} SELECT interest AS topic, count(*) FILTER (is_recent) AS recent,
    count(*) FILTER (NOT is_recent) AS before,
    {_QUOTES} FILTER (is_recent AND tells) AS quotes
    FROM seen WHERE interest IS NOT NULL GROUP BY ALL ORDER BY topic"""
_ASPECTS: Final = f"""{_BASE}, said AS (
    SELECT comment_id, text, like_count, tells, unnest(aspects) AS a FROM seen)
    SELECT a.aspect AS aspect, count(*) AS n,
    count(*) FILTER (a.polarity = 'positive') AS positive,
    count(*) FILTER (a.polarity = 'negative') AS negative,
    {_QUOTES} FILTER (a.polarity = 'positive' AND tells) AS for_it,
    {_QUOTES} FILTER (a.polarity = 'negative' AND tells) AS against_it
    FROM said GROUP BY ALL HAVING count(*) >= {LEAST} ORDER BY n DESC, aspect"""
_HOURS: Final = f"""{_BASE} SELECT CAST(hour(timezone('{LOCAL_ZONE}', created_at)) AS INT) AS h,
    count(*) AS n FROM seen WHERE created_at IS NOT NULL GROUP BY ALL ORDER BY h"""
_CHANNELS: Final = f"""{_BASE} SELECT coalesce(platform, 'unknown') AS platform, count(*) AS n,
    avg(coalesce(like_count, 0)) AS likes_per_comment, avg(sentiment_score) AS mean_score
    FROM seen GROUP BY ALL ORDER BY n DESC, platform"""
_QUESTIONS: Final = f"""{_BASE}, asked AS (
    SELECT comment_id, text, like_count, unnest(list_distinct(keywords)) AS word FROM seen
    WHERE list_contains(flags, 'question') AND tells)
    SELECT word, count(*) AS n, {_QUOTES} AS quotes FROM asked
    GROUP BY ALL HAVING count(*) >= 2 ORDER BY n DESC, word LIMIT 10"""
_RISKS: Final = f"""{_BASE}, said AS (
    SELECT comment_id, text, like_count, unnest(risks) AS risk FROM seen)
    SELECT risk, count(*) AS n, {_QUOTES} AS quotes FROM said GROUP BY ALL ORDER BY n DESC, risk"""


def segment_facts(comments: pa.Table, as_of: datetime) -> SegmentFacts:
    """What the comments of the last four spans tell as of a moment.

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    tables = {"comments_in": complete_comments(comments)}

    def rows(sql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = run_sql(sql, tables, as_of).to_pylist()
        return found

    (total,) = rows(_TOTALS)
    return SegmentFacts(
        comments=total["n"],
        recent=total["recent"],
        topics=tuple(_trend(row, total) for row in rows(_TOPICS)),
        aspects=tuple(_aspect(row) for row in rows(_ASPECTS)),
        hours=tuple((row["h"], row["n"]) for row in rows(_HOURS)),
        channels=tuple(Channel(**row) for row in rows(_CHANNELS)),
        questions=tuple(
            Question(word=row["word"], n=row["n"], quotes=_quotes(row["quotes"]))
            for row in rows(_QUESTIONS)
        ),
        risks=tuple(
            RiskView(risk=row["risk"], n=row["n"], quotes=_quotes(row["quotes"]))
            for row in rows(_RISKS)
        ),
    )


def rising(facts: SegmentFacts) -> list[TopicTrend]:
    """Topics whose share has surely grown, the surest first."""
    sure = [t for t in facts.topics if t.z >= Z_SURE and t.recent >= LEAST]
    return sorted(sure, key=lambda t: (-t.z, t.topic))


def falling(facts: SegmentFacts) -> list[TopicTrend]:
    """Topics whose share has surely shrunk, the surest first."""
    sure = [t for t in facts.topics if t.z <= -Z_SURE and t.before >= LEAST]
    return sorted(sure, key=lambda t: (t.z, t.topic))


def _trend(row: dict[str, Any], total: dict[str, Any]) -> TopicTrend:
    recent, before, n, m = row["recent"], row["before"], total["recent"], total["before"]
    ratio = ((recent + 0.5) / (n + 0.5)) / ((before + 0.5) / (m + 0.5))
    return TopicTrend(
        topic=row["topic"],
        recent=recent,
        before=before,
        ratio=ratio,
        z=two_proportions(recent, n, before, m),
        quotes=_quotes(row["quotes"]),
    )


def two_proportions(a: int, n: int, b: int, m: int) -> float:
    """z of a/n − b/m with the pooled variance; 0 where either is of nothing."""
    if not n or not m:
        return 0.0
    pooled = (a + b) / (n + m)
    variance = pooled * (1 - pooled) * (1 / n + 1 / m)
    return float((a / n - b / m) / variance**0.5) if variance else 0.0


def _aspect(row: dict[str, Any]) -> AspectView:
    return AspectView(
        aspect=row["aspect"],
        n=row["n"],
        positive=row["positive"],
        negative=row["negative"],
        for_it=_quotes(row["for_it"]),
        against_it=_quotes(row["against_it"]),
    )


def _quotes(found: list[dict[str, Any]] | None) -> tuple[Quote, ...]:
    return tuple(Quote(**quote) for quote in (found or [])[:QUOTES])
