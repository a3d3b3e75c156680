"""Surges as the report tells them: days in a row are one crisis, with its contents and risks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Concerned:
    """A content with far more negative comments than usual, on its worst day of a crisis.

    ``expected`` and ``basis`` are None for a new content that has nothing to be compared with.
    """

    platform: str | None
    content_id: str
    day: date
    n_negative: int
    expected: float | None
    basis: str | None  # what ``expected`` comes from: "own" days or others' "first_days"
    alarmed_at: datetime | None  # None: above its normal, but not alarming by itself
    evidence: list[Row]


@dataclass(frozen=True, kw_only=True)
class Crisis:
    """Surges on consecutive days; ``worst`` is the brand's worst day, else a content's."""

    days: list[date]
    alarmed_at: datetime
    worst: Row
    surges: list[Row]
    contents: list[Concerned]

    @property
    def factor(self) -> float | None:
        """How many times the expected negatives the worst day had; None where none were."""
        expected = self.worst["expected"]
        return self.worst["n_negative"] / expected if expected else None


def crises(surges: Iterable[Row]) -> list[Crisis]:
    """Return the crises that rows of ``profiles.surge`` make up, the largest first."""
    groups: list[list[Row]] = []
    for row in sorted(surges, key=lambda one: (one["day"], one["scope"])):
        if groups and row["day"] - groups[-1][-1]["day"] <= timedelta(days=1):
            groups[-1].append(row)
        else:
            groups.append([row])
    return sorted((_crisis(group) for group in groups), key=lambda one: -one.worst["n_negative"])


def _crisis(surges: Sequence[Row]) -> Crisis:
    worst = max(surges, key=lambda one: (one["scope"] == "brand", one["n_negative"]))
    return Crisis(
        days=sorted({row["day"] for row in surges}),
        alarmed_at=min(row["alarmed_at"] for row in surges),
        worst=worst,
        surges=list(surges),
        contents=_contents(surges),
    )


def _contents(surges: Sequence[Row]) -> list[Concerned]:
    """Each content once: its alarming day if it has one, else its worst; most negative first."""
    found: dict[tuple[str | None, str], Concerned] = {}
    for one in sorted([*_alarming(surges), *_behind(surges)], key=_weight, reverse=True):
        found.setdefault((one.platform, one.content_id), one)
    return sorted(found.values(), key=lambda one: -one.n_negative)


def _weight(one: Concerned) -> tuple[bool, int]:
    return one.alarmed_at is not None, one.n_negative


def _alarming(surges: Sequence[Row]) -> list[Concerned]:
    names = ("platform", "content_id", "day", "n_negative", "expected", "basis", "alarmed_at")
    return [
        Concerned(**{name: row[name] for name in names}, evidence=row["evidence"] or [])
        for row in surges
        if row["scope"] == "content"
    ]


def _behind(surges: Sequence[Row]) -> list[Concerned]:
    return [
        Concerned(
            platform=content["platform"],
            content_id=content["content_id"],
            day=row["day"],
            n_negative=content["n_negative"],
            expected=content["expected"],
            basis=None if content["expected"] is None else "own",
            alarmed_at=None,
            evidence=content["evidence"] or [],
        )
        for row in surges
        for content in row["contents"]
    ]
