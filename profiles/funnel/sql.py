"""The question's conditions as DuckDB SQL over a relation of events.

Properties are columns, or members of a JSON column ``properties``. Text is compared as text and
numbers as numbers, whatever the column's type; a property that is absent is null and passes only
``null``, ``not`` and ``{"set": false}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from profiles.funnel.errors import EventsError
from profiles.funnel.spec import FunnelSpec, Match

FIXED: Final = ("person_id", "event", "time")
JSON_COLUMN: Final = "properties"
INTEGERS: Final = frozenset(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "USMALLINT", "UINTEGER", "UBIGINT")
)


def quoted(name: str) -> str:
    """``name`` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """``text`` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def property_sql(name: str, columns: Sequence[str]) -> str:
    """A property's value, from its column or from the JSON members.

    Raises:
        EventsError: there is neither.
    """
    if name in columns:
        return quoted(name)
    if JSON_COLUMN in columns:
        key = literal('$."' + name.replace('"', '\\"') + '"')
        return f"(CAST({quoted(JSON_COLUMN)} AS JSON) ->> {key})"
    raise EventsError(
        f"expected the property {name!r} among the columns of the events, found "
        f"{', '.join(columns)}; correct the question or the file"
    )


def match_sql(match: Match, columns: Sequence[str]) -> str:
    """Whether an event is meant by ``match``."""
    parts = []
    if match.events:
        names = ", ".join(literal(name) for name in match.events)
        parts.append(f"event IN ({names})" if len(match.events) > 1 else f"event = {names}")
    parts += [filters_sql(match.where, columns)] if match.where else []
    return " AND ".join(parts) or "TRUE"


def filters_sql(where: Mapping[str, Any], columns: Sequence[str]) -> str:
    """Whether every filter of ``where`` passes; TRUE where there is none."""
    parts = [_filter(property_sql(name, columns), value) for name, value in where.items()]
    return " AND ".join(parts) or "TRUE"


def _filter(column: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return " AND ".join(_operator(column, name, one) for name, one in value.items())
    if isinstance(value, list):
        return "(" + " OR ".join(_equals(column, one) for one in value) + ")"
    return _equals(column, value)


def _operator(column: str, name: str, value: Any) -> str:
    text = f"CAST({column} AS VARCHAR)"
    if name == "not":
        return f"NOT {_equals(column, value)}"
    if name == "set":
        return f"({column} IS {'NOT ' if value else ''}NULL)"
    if name == "contains":
        return f"coalesce(contains({text}, {literal(str(value))}), FALSE)"
    sign = ">=" if name == "min" else "<="
    return f"coalesce(TRY_CAST({text} AS DOUBLE) {sign} {float(value)!r}, FALSE)"


def _equals(column: str, value: Any) -> str:
    text = f"CAST({column} AS VARCHAR)"
    if value is None:
        return f"({column} IS NULL)"
    if isinstance(value, bool):
        words = "'true', '1'" if value else "'false', '0'"
        return f"coalesce(lower({text}) IN ({words}), FALSE)"
    if isinstance(value, int | float):
        return f"coalesce(TRY_CAST({text} AS DOUBLE) = {float(value)!r}, FALSE)"
    return f"coalesce({text} = {literal(value)}, FALSE)"


def code_sql(spec: FunnelSpec, columns: Sequence[str]) -> str:
    """One number per event: bit k for step k, bit n + c for what excludes after step c (from 0)."""
    n = len(spec.steps)
    terms = [
        f"(CASE WHEN {match_sql(step, columns)} THEN {1 << at} ELSE 0 END)"
        for at, step in enumerate(spec.steps)
    ]
    for one in spec.exclusions:
        bits = sum(1 << (n + at - 1) for at in range(one.after_step, one.before_step))
        terms.append(f"(CASE WHEN {match_sql(one.match, columns)} THEN {bits} ELSE 0 END)")
    plain = _by_name_only(spec)
    code = f"CAST({plain or ' | '.join(terms)} AS BIGINT)"
    if not spec.where:
        return code
    return f"(CASE WHEN {filters_sql(spec.where, columns)} THEN {code} ELSE 0 END)"


def plain_names(spec: FunnelSpec) -> list[str] | None:
    """The event of each step, where each step is one event's name and none is there twice."""
    names = [step.events for step in spec.steps]
    simple = not spec.exclusions and len(set(names)) == len(names)
    if not simple or any(len(step.events) != 1 or step.where for step in spec.steps):
        return None
    return [one[0] for one in names]


def _by_name_only(spec: FunnelSpec) -> str | None:
    """One lookup where names are all there is to ask: four times faster."""
    names = plain_names(spec)
    if names is None:
        return None
    cases = " ".join(f"WHEN {literal(one)} THEN {1 << at}" for at, one in enumerate(names))
    return f"CASE event {cases} ELSE 0 END"


def time_ms_sql(column: str, kind: str) -> str:
    """A time column of DuckDB type ``kind`` as milliseconds since the epoch, null where unreadable.

    Text without a zone is in the connection's zone.
    """
    name = quoted(column)
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"epoch_ms(CAST({name} AS TIMESTAMPTZ))"
    if kind in INTEGERS:
        return (
            f"CAST(CASE WHEN abs({name}) < 100000000000 THEN {name}::BIGINT * 1000 "
            f"ELSE {_by_size(f'{name}::DOUBLE')} END AS BIGINT)"
        )
    if kind in ("DOUBLE", "FLOAT") or kind.startswith("DECIMAL"):
        return f"TRY_CAST({_by_size(f'{name}::DOUBLE')} AS BIGINT)"
    text = f"CAST({name} AS VARCHAR)"
    number = f"TRY_CAST({text} AS DOUBLE)"
    return (
        f"coalesce(TRY_CAST({_by_size(number)} AS BIGINT), "
        f"epoch_ms(TRY_CAST({text} AS TIMESTAMPTZ)))"
    )


def _by_size(number: str) -> str:
    return (
        f"round(CASE WHEN abs({number}) < 1e11 THEN {number} * 1e3 "
        f"WHEN abs({number}) < 1e14 THEN {number} "
        f"WHEN abs({number}) < 1e17 THEN {number} / 1e3 ELSE {number} / 1e6 END)"
    )
