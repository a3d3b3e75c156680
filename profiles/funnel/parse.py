"""A funnel's JSON form to ``FunnelSpec``; every fault is named in one error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from profiles.funnel.errors import SpecError
from profiles.funnel.spec import (
    MAX_STEPS,
    ORDERS,
    TIES,
    Exclusion,
    FunnelSpec,
    Match,
    as_breakdown,
)

KEYS: Final = (
    "steps",
    "order",
    "window_s",
    "step_windows_s",
    "exclusions",
    "breakdown",
    "hold_constant",
    "where",
    "ties",
    "reuse",
)
OPERATORS: Final = ("not", "min", "max", "contains", "set")
_SCALARS: Final = (str, int, float, bool, type(None))


def parse_spec(document: Any) -> FunnelSpec:
    """The question of a JSON document.

    Raises:
        SpecError: with every fault.
    """
    if not isinstance(document, Mapping):
        raise SpecError(
            f'expected an object with "steps", found {type(document).__name__}; see docs/funnel.md'
        )
    faults = [f"{name}: expected one of {', '.join(KEYS)}" for name in document if name not in KEYS]
    steps = _steps(document.get("steps"), faults)
    spec = FunnelSpec(
        steps=steps,
        order=_choice(document, "order", ORDERS, faults),
        window_s=_seconds(document.get("window_s"), "window_s", faults),
        step_windows_s=_step_windows(document.get("step_windows_s"), len(steps), faults),
        exclusions=_exclusions(document.get("exclusions"), len(steps), faults),
        breakdown=_breakdown(document.get("breakdown"), len(steps), faults),
        hold_constant=_names(document.get("hold_constant"), faults),
        where=_where(document.get("where"), "where", faults),
        ties=_choice(document, "ties", TIES, faults),
        reuse=_flag(document.get("reuse", False), faults),
    )
    faults += _together(spec)
    if faults:
        raise SpecError(
            f"expected a funnel, found {len(faults)} fault(s): {'; '.join(faults)}; "
            "see docs/funnel.md"
        )
    return spec


def parse_match(given: Any, where: str, faults: list[str]) -> Match:
    """``{"event": NAME, "where": {…}}``, or a bare name; ``*`` or null is every event."""
    if isinstance(given, str) or given is None:
        given = {"event": given}
    if not isinstance(given, Mapping):
        faults.append(f'{where}: expected {{"event": NAME, "where": {{…}}}}, found {given!r}')
        return Match(events=())
    faults += [f"{where}.{key}: expected event or where" for key in given if key not in _MATCH]
    if "event" not in given:
        faults.append(f"{where}.event: is missing")
    event = given.get("event")
    names = event if isinstance(event, list) else [event]
    if not all(isinstance(name, str) and name for name in names if name is not None) or not names:
        faults.append(f"{where}.event: expected a name, found {event!r}")
        names = []
    if "*" in names or None in names:
        names = []
    filters = _where(given.get("where"), f"{where}.where", faults)
    return Match(events=tuple(map(str, names)), where=filters)


_MATCH: Final = ("event", "where")


def _steps(given: Any, faults: list[str]) -> tuple[Match, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_STEPS:
        found = f"{len(given)} of them" if isinstance(given, list) else repr(given)
        faults.append(f"steps: expected a list of 1 to {MAX_STEPS} steps, found {found}")
        return ()
    return tuple(parse_match(one, f"steps[{at}]", faults) for at, one in enumerate(given))


def _choice(
    document: Mapping[str, Any], name: str, known: tuple[str, ...], faults: list[str]
) -> Any:
    value = document.get(name)
    if value is None:
        return known[0]
    if value not in known:
        faults.append(f"{name}: expected {' or '.join(known)}, found {value!r}")
        return known[0]
    return value


def _seconds(value: Any, name: str, faults: list[str]) -> float | None:
    if value is None:
        return None
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or value < 0:
        faults.append(f"{name}: expected seconds from 0, or null for no limit, found {value!r}")
        return None
    return float(value)


def _step_windows(given: Any, n: int, faults: list[str]) -> tuple[float | None, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > n:
        faults.append(
            f"step_windows_s: expected a list with one entry per step ({n}, the first null), "
            f"found {given!r}"
        )
        return ()
    given = [*given, *[None] * (n - len(given))]
    found = tuple(_seconds(one, f"step_windows_s[{at}]", faults) for at, one in enumerate(given))
    if found and found[0] is not None:
        faults.append(
            f"step_windows_s[0]: expected null, no step is before the first, found {found[0]!r}"
        )
    return found if any(one is not None for one in found) else ()


def _exclusions(given: Any, n: int, faults: list[str]) -> tuple[Exclusion, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        faults.append(f"exclusions: expected a list, found {given!r}")
        return ()
    return tuple(_exclusion(one, f"exclusions[{at}]", n, faults) for at, one in enumerate(given))


def _exclusion(given: Any, name: str, n: int, faults: list[str]) -> Exclusion:
    if not isinstance(given, Mapping):
        faults.append(f'{name}: expected {{"event": NAME, "after_step": 1, …}}, found {given!r}')
        return Exclusion(match=Match(events=()), after_step=1, before_step=2)
    after, before = given.get("after_step", 1), given.get("before_step", n)
    whole = all(isinstance(one, int) and not isinstance(one, bool) for one in (after, before))
    if not whole or not 1 <= after < before <= n:
        faults.append(
            f"{name}: expected 1 <= after_step < before_step <= {n}, found {after!r} and {before!r}"
        )
        after, before = 1, 2
    rest = {key: one for key, one in given.items() if key not in ("after_step", "before_step")}
    match = parse_match(rest, name, faults)
    return Exclusion(match=match, after_step=after, before_step=before)


def _breakdown(given: Any, n: int, faults: list[str]) -> Any:
    try:
        found = as_breakdown(given)
    except ValueError as error:
        faults.append(str(error))
        return None
    if found is not None and not 1 <= found.step <= max(n, 1):
        faults.append(f"breakdown.step: expected 1 to {n}, found {found.step}")
    return found


def _names(given: Any, faults: list[str]) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else given or []
    if not isinstance(names, list) or not all(isinstance(one, str) and one for one in names):
        faults.append(f"hold_constant: expected a property or a list of them, found {given!r}")
        return ()
    return tuple(names)


def _where(given: Any, name: str, faults: list[str]) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        faults.append(f'{name}: expected {{"property": value}}, found {given!r}')
        return {}
    for key, value in given.items():
        if not _filter_is_known(value):
            faults.append(
                f"{name}.{key}: expected a value, a list of values or an object with "
                f"{', '.join(OPERATORS)}, found {value!r}"
            )
    return dict(given)


def _filter_is_known(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, _SCALARS) for one in value)
    if not isinstance(value, Mapping):
        return isinstance(value, _SCALARS)
    return bool(value) and all(
        key in OPERATORS
        and isinstance(one, {"min": (int, float), "max": (int, float)}.get(key, _SCALARS))
        for key, one in value.items()
    )


def _flag(value: Any, faults: list[str]) -> bool:
    if not isinstance(value, bool):
        faults.append(f"reuse: expected true or false, found {value!r}")
        return False
    return value


def _together(spec: FunnelSpec) -> list[str]:
    """What does not go together."""
    faults = []
    if spec.order == "unordered":
        whole = all(
            one.after_step == 1 and one.before_step == len(spec.steps) for one in spec.exclusions
        )
        if not whole:
            faults.append(
                "exclusions: an unordered funnel has no parts, exclude from 1 to the last"
            )
        if spec.step_windows_s:
            faults.append("step_windows_s: an unordered funnel has none, set window_s")
        breakdown = spec.breakdown
        if breakdown and breakdown.attribution == "step" and breakdown.step != 1:
            faults.append("breakdown.step: an unordered funnel knows step 1 only")
        if spec.reuse:
            faults.append("reuse: an unordered funnel gives each event to one step")
    if spec.reuse and (spec.order == "strict" or spec.ties != "by_step"):
        faults.append('reuse: expected order "ordered" and ties "by_step"')
    if spec.breakdown and spec.breakdown.attribution == "all_events" and spec.hold_constant:
        faults.append("hold_constant: all_events holds the breakdown constant already")
    return faults
