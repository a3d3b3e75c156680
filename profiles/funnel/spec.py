"""What a funnel asks: steps, order, windows, exclusions, breakdown; frozen, checked when made.

``parse_spec`` takes the JSON form (see docs/funnel.md) and names every fault of it at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

Order = Literal["ordered", "strict", "unordered"]
Ties = Literal["by_step", "later", "input"]
Attribution = Literal["first_touch", "last_touch", "step", "all_events"]

MAX_STEPS: Final = 31  # one bit each beside one for what is no step; ClickHouse takes 32
ORDERS: Final = ("ordered", "strict", "unordered")
TIES: Final = ("by_step", "later", "input")
ATTRIBUTIONS: Final = ("first_touch", "last_touch", "step", "all_events")
NO_FILTER: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Match:
    """Which events are meant: any of ``events`` (none given: every event) that pass ``where``."""

    events: tuple[str, ...]
    where: Mapping[str, Any] = field(default_factory=lambda: NO_FILTER)

    @property
    def name(self) -> str:
        """The events in words."""
        return " | ".join(self.events) or "*"


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """An event that must not happen between two steps (numbered from 1) of a chain."""

    match: Match
    after_step: int
    before_step: int


@dataclass(frozen=True, kw_only=True)
class Breakdown:
    """Counts apart by the values of a property of events or, with ``of_person``, of persons.

    ``step`` (from 1) is the step whose event gives the value where ``attribution`` is ``step``.
    """

    name: str
    attribution: Attribution = "first_touch"
    step: int = 1
    of_person: bool = False


@dataclass(frozen=True, kw_only=True)
class FunnelSpec:
    """One question. ``window_s`` counts from the first step, inclusive; None sets no limit.

    ``step_windows_s`` has one entry per step, the longest time since the step before. ``ties`` is
    what events of one moment are to each other: ``by_step`` in order of the steps, ``later`` no
    successors at all, ``input`` in the order they came. One event fills one step at most unless
    ``reuse``.
    """

    steps: tuple[Match, ...]
    order: Order = "ordered"
    window_s: float | None = None
    step_windows_s: tuple[float | None, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    breakdown: Breakdown | None = None
    hold_constant: tuple[str, ...] = ()
    where: Mapping[str, Any] = field(default_factory=lambda: NO_FILTER)
    ties: Ties = "by_step"
    reuse: bool = False

    @property
    def sees_all(self) -> bool:
        """Whether events that match no step matter."""
        return self.order == "strict"

    def step_window_s(self, step: int) -> float | None:
        """The longest time from the step before to ``step`` (from 0); None sets no limit."""
        return self.step_windows_s[step] if self.step_windows_s else None

    def properties(self) -> list[str]:
        """The properties of events that the question names, each once, in order of appearance."""
        named = [*self.where]
        for match in (*self.steps, *(one.match for one in self.exclusions)):
            named += match.where
        named += self.hold_constant
        if self.breakdown is not None and not self.breakdown.of_person:
            named.append(self.breakdown.name)
        return list(dict.fromkeys(named))


def as_breakdown(given: Any) -> Breakdown | None:
    """A breakdown as JSON has it: a property's name, or an object with ``property`` or ``profile``.

    Raises:
        ValueError: it is neither.
    """
    if given is None or isinstance(given, Breakdown):
        return given
    if isinstance(given, str):
        return Breakdown(name=given)
    known = {"property", "profile", "attribution", "step"}
    if not isinstance(given, dict) or set(given) - known or len({*given} & known & _SOURCES) != 1:
        raise ValueError(
            'breakdown: expected a name, {"property": NAME, "attribution": …} or '
            f'{{"profile": NAME}}, found {given!r}'
        )
    attribution = given.get("attribution", "first_touch")
    if attribution not in ATTRIBUTIONS:
        raise ValueError(
            f"breakdown.attribution: expected {' or '.join(ATTRIBUTIONS)}, found {attribution!r}"
        )
    name = given.get("property", given.get("profile"))
    if not isinstance(name, str) or not name:
        raise ValueError(f"breakdown: expected the name of a property, found {name!r}")
    step = given.get("step", 1)
    if not isinstance(step, int) or isinstance(step, bool):
        raise ValueError(f"breakdown.step: expected a step's number, found {step!r}")
    return Breakdown(name=name, attribution=attribution, step=step, of_person="profile" in given)


_SOURCES: Final = frozenset({"property", "profile"})
