"""The negative comments of the last two days, kept for evidence, and what they say about a key."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from serving.alerts.army import suspect
from serving.alerts.comments import WATCHED
from serving.alerts.notice import Evidence
from serving.alerts.rules import Rules

KEEP_S: Final = 48 * 3600
MAX_ROWS: Final = 100_000  # the newest; evidence needs examples, not everything
MAX_EVIDENCE: Final = 5
TOP: Final = 5
MIN_KEYWORD: Final = 3  # comments with a word before it is told


class Recent:
    """Negative comments, oldest first in the order in which they came."""

    def __init__(self, table: pa.Table | None = None) -> None:
        self.table = WATCHED.empty_table() if table is None else table

    def add(self, comments: pa.Table) -> None:
        """Keeps the negative ones and those with a risk; drops what is too old."""
        telling = pc.or_(
            comments["negative"], pc.greater(pc.list_value_length(comments["risks"]), 0)
        )
        news = comments.filter(pc.fill_null(telling, False))
        if news.num_rows:
            self.table = pa.concat_tables([self.table, news]).combine_chunks()
            newest = pc.max(self.table["at"]).as_py()
            table = self.table.filter(pc.greater(self.table["at"], newest - KEEP_S))
            self.table = table.slice(max(0, table.num_rows - MAX_ROWS))

    def about(self, key: dict[str, str], since: int, until: int) -> pa.Table:
        """The comments of a key with since < at <= until; of its tenant, or of nobody's."""
        at = self.table["at"]
        found = self.table.filter(pc.and_(pc.greater(at, since), pc.less_equal(at, until)))
        if "tenant" not in key:
            found = found.filter(pc.is_null(found["tenant"]))
        for name, value in key.items():
            if name == "aspect":
                keep = [value in (row or ()) for row in found["bad_aspects"].to_pylist()]
            elif name == "risk":
                keep = [value in (row or ()) for row in found["risks"].to_pylist()]
            else:
                found = found.filter(pc.fill_null(pc.equal(found[name], value), False))
                continue
            found = found.filter(pa.array(keep, pa.bool_()))
        return found


@dataclass(frozen=True, kw_only=True)
class Told:
    """What comments of one key have in common: the fields of a notice of these names."""

    fields: dict[str, Any]
    without_suspects: int
    young_accounts: int
    hub_accounts: int
    critical_risk_share: float
    weighted: float  # sum of 1 + log2(1 + likes): loud comments count more


def tell(found: pa.Table, before: pa.Table, rules: Rules) -> Told:
    """Sums up the comments; ``before`` are earlier ones, against which keywords are lifted."""
    found = found.slice(max(0, found.num_rows - rules.water_army.max_comments))
    suspicion = suspect(found, rules.water_army)
    likes = np.array(found["likes"].to_pylist(), dtype=float)
    risks = found["risks"].to_pylist()
    critical = [bool(set(r or ()) & set(rules.severity.critical_risks)) for r in risks]
    return Told(
        fields={
            "reach": int(likes.sum() + sum(found["replies"].to_pylist())),
            "aspects": _top(a for row in found["bad_aspects"].to_pylist() for a in row or ()),
            "risks": _top(r for row in risks for r in row or ()),
            "emotions": _top(e for e in found["emotion"].to_pylist() if e and e != "none"),
            "platforms": _top(p for p in found["platform"].to_pylist() if p),
            "contents": _top(c for c in found["content"].to_pylist() if c),
            "keywords": keywords(found["keywords"].to_pylist(), before["keywords"].to_pylist()),
            "evidence": evidence(found, suspicion.group),
            "suspected_water_army": round(suspicion.share, 4) if found.num_rows else None,
        },
        without_suspects=int((~suspicion.suspects).sum()),
        young_accounts=suspicion.young,
        hub_accounts=suspicion.hubs,
        critical_risk_share=float(np.mean(critical)) if critical else 0.0,
        weighted=float((1 + np.log2(1 + np.maximum(likes, 0))).sum()),
    )


def _top(values: Any) -> tuple[tuple[str, int], ...]:
    counts = Counter(values)
    return tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:TOP])


def keywords(now: list[Any], before: list[Any]) -> tuple[tuple[str, float], ...]:
    """Words by how much more often they come than before, add-one smoothed; (word, lift)."""
    new = Counter(w for row in now for w in set(row or ()))
    old = Counter(w for row in before for w in set(row or ()))
    lifts = {
        word: (n / len(now)) / ((old[word] + 1) / (len(before) + 2))
        for word, n in new.items()
        if n >= MIN_KEYWORD
    }
    best = sorted(lifts.items(), key=lambda one: (-one[1] * new[one[0]], one[0]))[:TOP]
    return tuple((word, round(lift, 1)) for word, lift in best)


def evidence(found: pa.Table, group: np.ndarray) -> tuple[Evidence, ...]:
    """The largest groups of like texts, the most liked, the first: each comment once."""
    rows = found.to_pylist()
    if not rows:
        return ()
    chosen: dict[int, tuple[str, int]] = {}
    by_likes = sorted(range(len(rows)), key=lambda at: (-(rows[at]["likes"] or 0), rows[at]["at"]))
    for number, size in Counter(group[group >= 0].tolist()).most_common(2):
        chosen[next(at for at in by_likes if group[at] == number)] = ("代表相似评论", size)
    told = {int(group[at]) for at in chosen}
    for at in [at for at in by_likes if int(group[at]) not in told][:2]:
        chosen.setdefault(at, ("点赞最多", 1))
    first = min(range(len(rows)), key=lambda at: rows[at]["at"])
    chosen.setdefault(first, ("最早出现", 1))
    for at in by_likes:
        if len(chosen) >= 3:
            break
        chosen.setdefault(at, ("负面评论", 1))
    return tuple(_evidence(rows[at], *why) for at, why in list(chosen.items())[:MAX_EVIDENCE])


def _evidence(row: dict[str, Any], why: str, similar: int) -> Evidence:
    return Evidence(
        comment_id=row["comment_id"] or "",
        text=row["text"] or "",
        why=why,
        likes=row["likes"] or 0,
        at=datetime.fromtimestamp(row["at"], UTC),
        platform=row["platform"],
        content_id=row["content"],
        similar=similar,
    )
