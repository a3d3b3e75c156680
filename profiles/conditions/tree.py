"""The tree of a condition: tests of single fields, joined by all, any and not.

As data: ``{all: [...]}``, ``{any: [...]}``, ``{not: ...}`` and, for one field,
``{field: spending.orders, op: ">=", value: 3}``. A list by itself means all of it, a string is read
as text (see ``profiles.conditions.text``).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from profiles.errors import ProfilesError

Kind = Literal["number", "text", "bool", "time", "set"]
Value = str | float | bool | datetime
OPERATORS: Final = ("=", "!=", ">=", "<=", ">", "<", "in", "contains", "between", "known")
_ALLOWED: Final[Mapping[Kind, frozenset[str]]] = {
    "number": frozenset({"=", "!=", ">=", "<=", ">", "<", "in", "between", "known"}),
    "time": frozenset({"=", "!=", ">=", "<=", ">", "<", "between", "known"}),
    "text": frozenset({"=", "!=", "in", "contains", "known"}),
    "bool": frozenset({"=", "!=", "known"}),
    "set": frozenset({"=", "!=", "in"}),
}
_GROUPS: Final = ("all", "any", "not")


class ConditionError(ProfilesError):
    """A condition that cannot be meant; the message names every fault."""


@dataclass(frozen=True, kw_only=True)
class FieldTest:
    """One field compared with values: one for most operators, two for between, none for known.

    A person without a value passes no test but ``!=``; so ``not`` of any test is everybody else.
    """

    field: str
    op: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Group:
    """``all`` or ``any`` of the parts, or ``not`` of the single part."""

    how: Literal["all", "any", "not"]
    parts: tuple[Condition, ...]


Condition = FieldTest | Group


def from_data(data: Any, read_text: Callable[[str], Condition]) -> Condition:
    """The tree of parsed YAML or JSON; strings in it are read by ``read_text``.

    Raises:
        ConditionError: a part is neither a group, a test, a list nor a string.
    """
    if isinstance(data, str):
        return read_text(data)
    if isinstance(data, list) and data:
        return Group(how="all", parts=tuple(from_data(part, read_text) for part in data))
    if isinstance(data, Mapping) and len(data) == 1 and next(iter(data)) in _GROUPS:
        how, inside = next(iter(data.items()))
        parts = inside if isinstance(inside, list) and how != "not" else [inside]
        if parts:
            return Group(how=how, parts=tuple(from_data(part, read_text) for part in parts))
    if isinstance(data, Mapping) and {"field", "op"} <= set(data) <= {"field", "op", "value"}:
        value = data.get("value", ())
        values = tuple(value) if isinstance(value, list | tuple) else (value,)
        return FieldTest(field=str(data["field"]), op=str(data["op"]), values=values)
    raise ConditionError(
        "a condition: expected all, any, not, a list, a line of text or field with op and value, "
        f"found {data!r}; see docs/audiences.md"
    )


def to_data(condition: Condition) -> dict[str, Any]:
    """The tree as it would stand in YAML or JSON."""
    if isinstance(condition, FieldTest):
        values: Any = list(condition.values)
        if len(values) == 1 and condition.op not in ("in", "between"):
            values = values[0]
        value = {} if condition.op == "known" else {"value": values}
        return {"field": condition.field, "op": condition.op, **value}
    parts = [to_data(part) for part in condition.parts]
    return {condition.how: parts[0] if condition.how == "not" else parts}


def leaves_of(condition: Condition) -> Iterator[FieldTest]:
    """Every test of the tree, in the order in which they are written."""
    if isinstance(condition, FieldTest):
        yield condition
    else:
        for part in condition.parts:
            yield from leaves_of(part)


def check(condition: Condition, kinds: Mapping[str, Kind]) -> Condition:
    """The same tree with its values as the fields' kinds have them.

    ``kinds`` maps each field to its kind; a field that ends in ``.*`` stands for all that start so.

    Raises:
        ConditionError: unknown fields, operators that a kind does not have, values of another
            kind; all of them in one message.
    """
    faults: list[str] = []
    checked = _checked(condition, kinds, faults)
    if faults:
        raise ConditionError("; ".join(faults))
    return checked


def kind_of(field: str, kinds: Mapping[str, Kind]) -> Kind | None:
    """The kind of a field, or None when there is no such field."""
    found = kinds.get(field) or kinds.get(field.partition(".")[0] + ".*")
    return found


def operators_of(kind: Kind) -> list[str]:
    """The operators that fields of a kind have."""
    return [op for op in OPERATORS if op in _ALLOWED[kind]]


def _checked(condition: Condition, kinds: Mapping[str, Kind], faults: list[str]) -> Condition:
    if isinstance(condition, Group):
        parts = tuple(_checked(part, kinds, faults) for part in condition.parts)
        return Group(how=condition.how, parts=parts)
    kind = kind_of(condition.field, kinds)
    if kind is None:
        faults.append(_unknown(condition.field, kinds))
        return condition
    if condition.op not in _ALLOWED[kind]:
        allowed = ", ".join(operators_of(kind))
        faults.append(
            f"{condition.field}: expected one of {allowed} for a {kind}, found {condition.op}"
        )
        return condition
    wanted = {"known": 0, "between": 2}.get(condition.op, 1)
    if len(condition.values) != wanted and not (condition.op == "in" and condition.values):
        faults.append(
            f"{condition.field} {condition.op}: expected {wanted or 'no'} value"
            f"{'s' if wanted == 2 else ''}, found {len(condition.values)}"
        )
        return condition
    values = tuple(_value(condition, value, kind, faults) for value in condition.values)
    return FieldTest(field=condition.field, op=condition.op, values=values)


def _value(test: FieldTest, value: Value, kind: Kind, faults: list[str]) -> Value:
    try:
        return _CONVERTED[kind](value)
    except (TypeError, ValueError, OverflowError):
        faults.append(f"{test.field} {test.op}: expected a {kind}, found {value!r}")
        return value


def _number(value: Value) -> float:
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)  # type: ignore[arg-type]


def _text(value: Value) -> str:
    if isinstance(value, bool | datetime):
        raise TypeError(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _bool(value: Value) -> bool:
    words = {"true": True, "yes": True, "是": True, "false": False, "no": False, "否": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise ValueError(value)
    return words[str(value).lower()]


def _time(value: Value) -> datetime:
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, date):
        found = datetime(value.year, value.month, value.day)
    else:
        found = datetime.fromisoformat(str(value))
    return found.astimezone() if found.tzinfo is None else found


_CONVERTED: Final[Mapping[Kind, Callable[[Value], Value]]] = {
    "number": _number,
    "text": _text,
    "set": _text,
    "bool": _bool,
    "time": _time,
}


def _unknown(field: str, kinds: Collection[str]) -> str:
    near = difflib.get_close_matches(field, kinds, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; see tingfeng audience fields"
    return f"expected a field that persons have, found {field}{hint}"
