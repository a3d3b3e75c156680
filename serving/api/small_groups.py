"""Answers as a caller may see them: what ``floor`` says of counts, for whole documents.

One rule for all: counts of persons are rounded down and null below the smallest group; shares are
those of the shown counts; what follows from a hidden count is hidden; other figures of a group that
is large enough have three digits; nobody is named. With the scope ``admin`` nothing changes.
"""

from __future__ import annotations

from typing import Any, Final

from serving.api.floor import Floor, blurred, share

_MONEY: Final = (
    "revenue_cny", "revenue_share", "median_recency_days", "median_frequency", "median_spend_cny",
)  # fmt: skip
_STAGES: Final = ("sent", "matched", "shown", "clicked", "converted")
_OF_ARM: Final = ("conversion", "low", "high", "amount_cny", "mean_cny")
HIDDEN: Final = "too few persons for what follows from them: use a key with the scope admin"


def rfm(floor: Floor, found: dict[str, Any]) -> dict[str, Any]:
    """RFM: segments, summaries and who moved."""
    if floor.least == 1:
        return found
    persons = floor.count(found["persons"])
    told = {
        name: found[name] if persons is not None else None
        for name in ("tie_share", "tie_shares", "cut")
    }
    moved = found["migration"]
    if moved is not None:
        moved = moved | {
            name: {start: floor.counts(to) for start, to in moved[name].items()}
            for name in ("segments8", "segments11")
        }
    return (
        found
        | told
        | {
            "persons": persons,
            "segments8": floor.counts(found["segments8"]),
            "segments11": floor.counts(found["segments11"]),
            "summary8": [_summary(floor, row, persons) for row in found["summary8"]],
            "summary11": [_summary(floor, row, persons) for row in found["summary11"]],
            "rows": floor.row(found["rows"], "refund_only_persons"),
            "migration": moved,
        }
    )


def _summary(floor: Floor, row: dict[str, Any], persons: int | None) -> dict[str, Any]:
    n = floor.count(row["persons"])
    figures = {name: blurred(row[name]) if n is not None else None for name in _MONEY}
    return row | figures | {"persons": n, "share": share(n, persons)}


def ltv(floor: Floor, found: dict[str, Any]) -> dict[str, Any]:
    """Lifetime value. Raises: ApiError (422) where too few persons bought."""
    if floor.least == 1:
        return found
    floor.require(found["persons"])
    worth = found["gamma_gamma"]
    if worth is not None:
        worth = floor.row(worth, "persons") if worth["persons"] >= floor.least else None
    return floor.row(found, "persons", "repeaters") | {
        "gamma_gamma": worth,
        "value_total_cny": blurred(found["value_total_cny"]) if worth is not None else None,
        "rows": floor.row(found["rows"], "refund_only_persons"),
    }


def groups(floor: Floor, found: dict[str, Any]) -> dict[str, Any]:
    """Interest groups; a small one has neither name nor topics."""
    if floor.least == 1:
        return found
    shown = floor.row(found, "persons", "left_out")
    kept = []
    for one in found["groups"]:
        n = floor.count(one["persons"])
        hidden: dict[str, Any] = {"name": None, "terms": []} if n is None else {}
        kept.append(one | hidden | {"persons": n, "share": share(n, shown["persons"])})
    return shown | {"groups": kept}


def influence(floor: Floor, found: dict[str, Any]) -> dict[str, Any]:
    """Influence without names. Raises: ApiError (422) where too few persons are related."""
    if floor.names:
        return found
    floor.require(found["persons"])
    sizes = [floor.count(n) for n in found["community_sizes"]]
    return floor.row(found, "persons") | {
        "tiers": floor.counts(found["tiers"]),
        "community_sizes": [n for n in sizes if n is not None],
        "top": None,
        "seeds": None,
    }


def retention(floor: Floor, found: dict[str, Any]) -> dict[str, Any]:
    """Cohorts that are large enough; ``mean`` is over them."""
    if floor.least == 1:
        return found
    kept = [one for one in found["cohorts"] if one["persons"] >= floor.least]
    shown = [_cohort(floor, one) for one in kept]
    return found | {
        "cohorts": shown,
        "mean": [_mean(shown, n) for n in range(len(found["mean"]))],
        "withheld": len(found["cohorts"]) - len(kept),
    }


def _cohort(floor: Floor, one: dict[str, Any]) -> dict[str, Any]:
    persons = floor.count(one["persons"])
    returned = [floor.count(n) for n in one["returned"]]
    shares = [share(n, persons) for n in returned]
    return one | {"persons": persons, "returned": returned, "shares": shares}


def _mean(cohorts: list[dict[str, Any]], n: int) -> float | None:
    told = [one for one in cohorts if one["complete"][n] and one["returned"][n] is not None]
    persons = sum(one["persons"] for one in told)
    return sum(one["returned"][n] for one in told) / persons if persons else None


def paths(floor: Floor, found: dict[str, Any]) -> dict[str, Any]:
    """The links that enough persons took, and the nodes at their ends."""
    if floor.least == 1:
        return found
    links = [one for one in found["links"] if one["persons"] >= floor.least]
    ends = {one[end] for one in links for end in ("source", "target")}
    return floor.row(found, "persons", "sessions") | {
        "links": [
            floor.row(one, "persons", "sessions") | {"median_s": blurred(one["median_s"])}
            for one in links
        ],
        "nodes": [floor.row(one, "sessions") for one in found["nodes"] if one["id"] in ends],
        "withheld": len(found["links"]) - len(links),
    }


def campaign(floor: Floor, found: dict[str, Any]) -> dict[str, Any]:
    """Arms; lift and return only where no count that they follow from is hidden."""
    if floor.least == 1:
        return found
    told = all((one["converted"] or 0) >= floor.least for one in found["arms"])
    told &= all(one["persons"] - (one["converted"] or 0) >= floor.least for one in found["arms"])
    parts = {
        name: _blurred(found[name]) if told else None for name in ("lift", "spend_lift", "returns")
    }
    notes = [*found["notes"], *([] if told else [HIDDEN])]
    return found | parts | {"arms": [_arm(floor, one) for one in found["arms"]], "notes": notes}


def _arm(floor: Floor, one: dict[str, Any]) -> dict[str, Any]:
    shown = one | {"persons": floor.count(one["persons"])}
    shown |= {name: None if one[name] is None else floor.count(one[name]) for name in _STAGES}
    seen = shown["persons"] is not None and shown["converted"] is not None
    return shown | {name: blurred(one[name]) if seen else None for name in _OF_ARM}


def _blurred(part: dict[str, Any] | None) -> dict[str, Any] | None:
    if part is None:
        return None
    return {k: blurred(v) if isinstance(v, float) else v for k, v in part.items()}


def baseline(floor: Floor, found: dict[str, Any], small: set[str]) -> dict[str, Any]:
    """Verdicts but those of the segments ``small``."""
    if floor.least == 1:
        return found
    kept = {
        name: [one for one in found[name] if one["scope_id"] not in small]
        for name in ("latest", "left")
    }
    return found | kept | {"withheld": len(small)}


def overlap(floor: Floor, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Audiences two by two."""
    if floor.least == 1:
        return found
    shown = []
    for one in found:
        row = floor.row(one, "n_a", "n_b", "both")
        known = None not in (row["n_a"], row["n_b"], row["both"])
        either = row["n_a"] + row["n_b"] - row["both"] if known else None
        shown.append(row | {"jaccard": share(row["both"], either)})
    return shown
