"""Aspects as the report shows them: one row per aspect, its polarities side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data.labels import POLARITIES
from serving.report.groups import Group
from serving.report.words import name_of


@dataclass(frozen=True, kw_only=True)
class AspectRow:
    """One aspect by polarity; ``most`` is the largest total of any aspect."""

    name: str
    negative: Group
    neutral: Group
    positive: Group
    most: int

    @property
    def n(self) -> int:
        """Mentions, whatever the polarity."""
        return self.negative.n + self.neutral.n + self.positive.n


def aspect_rows(groups: Sequence[Group]) -> list[AspectRow]:
    """Return a row per aspect of groups keyed ``aspect/polarity``, most negative first."""
    found = {group.key: group for group in groups}
    aspects = sorted({group.key.rsplit("/", 1)[0] for group in groups})
    per_aspect = [[_of(found, aspect, polarity) for polarity in POLARITIES] for aspect in aspects]
    most = max((sum(group.n for group in three) for three in per_aspect), default=0)
    rows = [
        AspectRow(
            name=name_of("aspect", aspect), positive=good, neutral=so, negative=bad, most=most
        )
        for aspect, (good, so, bad) in zip(aspects, per_aspect, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row.negative.n, -row.n, row.name))


def _of(found: dict[str, Group], aspect: str, polarity: str) -> Group:
    key = f"{aspect}/{polarity}"
    nothing = Group(
        kind="aspect", key=key, name=key, n=0, n_judged=0, n_negative=0, n_positive=0, evidence=[]
    )
    return found.get(key, nothing)
