"""What the segment questions answer, as the JSON that the command line prints and the API sends."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from profiles.rfm.report import RfmReport, migration

if TYPE_CHECKING:
    from profiles.groups.drift import GroupPair
    from profiles.groups.report import GroupReport
    from profiles.influence.report import InfluenceReport
    from profiles.ltv.report import LtvReport


def rfm_document(found: RfmReport, before: RfmReport | None = None) -> dict[str, Any]:
    """RFM as JSON; with ``before``, RFM of an earlier day, also who moved where."""
    migrated = {
        "from": str(before.as_of),
        "to": str(found.as_of),
        "segments8": migration(before, found, "segment8"),
        "segments11": migration(before, found, "segment11"),
    } if before else None  # fmt: skip
    return {
        "as_of": str(found.as_of),
        "method": found.method,
        "persons": found.persons,
        "tie_share": found.ties["largest"],
        "tie_shares": found.ties,
        "cut": asdict(found.cut) if found.cut else None,
        "segments_version": found.segments.version,
        "segments8": {row.key: row.persons for row in found.eight},
        "segments11": {row.key: row.persons for row in found.eleven},
        "summary8": [asdict(row) for row in found.eight],
        "summary11": [asdict(row) for row in found.eleven],
        "rows": asdict(found.counts),
        "migration": migrated,
    }


def ltv_document(found: LtvReport) -> dict[str, Any]:
    """Lifetime value as JSON."""
    worth = found.gamma_gamma
    return {
        "end": str(found.summary.until),
        "fitted_to": str(found.end),
        "unit": found.unit,
        "horizon": found.horizon,
        "persons": len(found.summary),
        "repeaters": int((found.summary.x > 0).sum()),
        **{name: asdict(model) for name, model in found.models.items()},
        "gamma_gamma": asdict(worth) if worth else None,
        "gamma_gamma_missing": found.no_gamma_gamma,
        "expected_purchases_total": found.expected_total["bg_nbd"],
        "expected_purchases_by_model": found.expected_total,
        "value_total_cny": found.value_total_cny,
        "season": _season(found),
        "intervals": found.intervals or None,
        "resamples": found.resamples,
        "holdout": _holdout(found),
        "rows": asdict(found.summary.counts),
    }


def _season(found: LtvReport) -> dict[str, Any] | None:
    if found.season is None:
        return None
    days = {f"{m:02}-{d:02}": one for (m, d), one in found.season.days.items()}
    return {"months": found.season.months, "days": days}


def _holdout(found: LtvReport) -> dict[str, Any] | None:
    """Of the model chosen before the holdout was looked at, and of all."""
    if not found.holdouts:
        return None
    by_model = {name: asdict(one) for name, one in found.holdouts.items()}
    return {
        **by_model[found.chosen],
        "model": found.chosen,
        "from": str(found.end),
        "to": str(found.summary.until),
        "by_model": by_model,
    }


def groups_document(found: GroupReport, pairs: list[GroupPair] | None = None) -> dict[str, Any]:
    """Interest groups as JSON; ``pairs`` are those with an earlier grouping."""
    return {
        "persons": found.persons,
        "left_out": found.left_out,
        "k": found.model.k,
        "stability": found.model.stability.get(found.model.k),
        "stabilities": found.model.stability,
        "groups": [asdict(group) for group in found.groups],
        "drift": [asdict(pair) for pair in pairs] if pairs is not None else None,
    }


def influence_document(found: InfluenceReport) -> dict[str, Any]:
    """Influence as JSON: the first 100 persons and circles, and the seeds."""
    return {
        "persons": found.graph.persons,
        "edges": found.graph.edges,
        "left_out": found.graph.left_out,
        "tiers": found.tiers,
        "communities": len(found.communities),
        "community_sizes": found.communities[:100],
        "modularity": found.modularity,
        "max_core": found.max_core,
        "top": found.table.slice(0, 100).to_pylist(),
        "hops": found.hops,
        "seeds": [
            {"person_id": person, "added": seed.added, "reached": seed.reached}
            for person, seed in found.seeds
        ],
    }
