"""No small groups for who is no ``admin``: counts are rounded down, small ones hidden.

The API asks it for keys, the dashboard for sessions: one rule.

Rounding to multiples of ``min_group`` also blurs one person as the difference of two counts. A
count below ``min_group`` is null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from profiles.intervals import wilson_interval
from serving.api.auth import Caller
from serving.api.errors import ApiError
from serving.settings import Settings

_TIMES: Final = ("mean_s", "median_s", "mean_from_first_s", "median_from_first_s")
BLURRED: Final = 3  # digits of what follows from exact counts


@dataclass(frozen=True, kw_only=True)
class Floor:
    """How a caller may see counts of persons; ``least`` 1 is exactly, ``names`` is also who."""

    least: int
    names: bool

    def count(self, n: int) -> int | None:
        """The count as the caller may see it."""
        if self.least == 1:
            return n
        return n - n % self.least if n >= self.least else None

    def counts(self, found: dict[str, int]) -> dict[str, int | None]:
        """Every one of them."""
        return {name: self.count(n) for name, n in found.items()}

    def row(self, found: dict[str, Any], *names: str) -> dict[str, Any]:
        """A row with the members ``names`` as the caller may see them."""
        return found | {name: self.count(found[name]) for name in names}

    def require(self, n: int) -> None:
        """Raises ApiError (422) for a group that the caller may not look into."""
        if n < self.least:
            raise ApiError(
                422,
                "group_too_small",
                f"expected a group of at least {self.least} persons, found a smaller one",
                "widen the rule, or use a key with the scope admin",
            )

    def funnel(self, found: dict[str, Any]) -> dict[str, Any]:
        """A funnel's document with rounded counts and the shares that follow from them."""
        if self.least == 1:
            return found
        shown = found | {"steps": self._steps(found["steps"]), "excluded": None}
        shown["time_to_convert"] = None
        shown["dropped"] = _dropped(shown["steps"], found["dropped"])
        for one in shown["dropped"]:
            if "reasons" in one:
                told = [self.reason(reason) for reason in one["reasons"]]
                one["reasons"] = [reason for reason in told if reason is not None]
        if "breakdown" in found:
            kept = [one for one in found["breakdown"] if one["steps"][0]["persons"] >= self.least]
            shown["breakdown"] = [one | {"steps": self._steps(one["steps"])} for one in kept]
            shown["withheld"] = len(found["breakdown"]) - len(kept)
        if "trend" in found:
            shown["trend"] = [self._period(one) for one in found["trend"]]
        return shown

    def _period(self, one: dict[str, Any]) -> dict[str, Any]:
        shown = self.row(one, "entered", "converted")
        return shown | {"share": share(shown["converted"], shown["entered"])}

    def reason(self, one: dict[str, Any]) -> dict[str, Any] | None:
        """A reason for leaving, or None where too few have its value on either side."""
        if min(one["dropped"], one["went_on"]) < self.least:
            return None
        names = ("share_dropped", "share_went_on", "ratio", "p_value", "q_value")
        return self.row(one, "dropped", "went_on") | {name: blurred(one[name]) for name in names}

    def _steps(self, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = []
        for step in steps:
            n = self.count(step["persons"])
            before = shown[-1]["persons"] if shown else n
            low, high = _bounds(n, before)
            shown.append(
                step
                | {name: blurred(step[name]) if n is not None else None for name in _TIMES}
                | {
                    "persons": n,
                    "conversion_from_first": share(n, shown[0]["persons"] if shown else n),
                    "conversion_from_previous": share(n, before),
                    "low": low,
                    "high": high,
                }
            )
        return shown


def floor_for(caller: Caller, settings: Settings) -> Floor:
    """Exact and by name for the scope ``admin`` (and where the service is open), else from
    ``min_group`` on and nobody by name.
    """
    is_admin = "admin" in caller.scopes
    return Floor(least=1 if is_admin else settings.min_group, names=is_admin)


def share(part: int | None, whole: int | None) -> float | None:
    """The share that follows from shown counts."""
    return None if part is None or not whole else part / whole


def blurred(value: float | None) -> float | None:
    """A figure over a group that is large enough, to three digits."""
    return None if value is None else float(f"{value:.{BLURRED}g}")


def _bounds(part: int | None, whole: int | None) -> tuple[float | None, float | None]:
    if part is None or not whole:
        return None, None
    low, high = wilson_interval(part, whole)
    return float(low), float(high)


def _dropped(steps: list[dict[str, Any]], dropped: list[dict[str, Any]]) -> list[dict[str, Any]]:
    shown = []
    for one in dropped:
        here, there = (steps[one[name] - 1]["persons"] for name in ("after_step", "before_step"))
        lost = None if here is None or there is None else here - there
        shown.append(one | {"persons": lost, "share": share(lost, here)})
    return shown
