"""A checked condition as an ibis expression over a table of persons.

The table has ``person_id`` and one column per plain field (see ``column_of``). A test of any other
field (tags, segments, audiences, what packs read) is asked of ``members``.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, Final, cast

import ibis.expr.types as ir

from profiles.conditions.tree import Condition, FieldTest, Group

Members = Callable[[FieldTest], ir.Table]
_SIGNS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def compiled(condition: Condition, persons: ir.Table, members: Members) -> ir.BooleanValue:
    """True for the persons of whom the condition holds, never null.

    ``members(test)`` is a table with the ``person_id`` of everybody who passes a test of a field
    that is no column.
    """
    if isinstance(condition, Group):
        parts = [compiled(part, persons, members) for part in condition.parts]
        if condition.how == "not":
            return cast(ir.BooleanValue, ~parts[0])
        join = operator.and_ if condition.how == "all" else operator.or_
        return cast(ir.BooleanValue, functools.reduce(join, parts))
    if condition.op == "!=":
        same = FieldTest(field=condition.field, op="=", values=condition.values)
        return cast(ir.BooleanValue, ~compiled(same, persons, members))
    column = column_of(condition.field)
    if column not in persons.columns:
        return cast(ir.BooleanValue, persons.person_id.isin(members(condition).person_id))
    return passes(condition, persons[column])


def column_of(field: str) -> str:
    """The column of a field: spending.orders is spending__orders, which every engine can name."""
    return field.replace(".", "__")


def passes(test: FieldTest, column: Any) -> ir.BooleanValue:
    """Whether a column's value passes the test, False where it is null."""
    if test.op == "known":
        return cast(ir.BooleanValue, column.notnull())
    if test.op == "in":
        found = column.isin(list(test.values))
    elif test.op == "between":
        found = column.between(*test.values)
    elif test.op == "contains":
        found = column.contains(str(test.values[0]))
    else:
        found = _SIGNS[test.op](column, test.values[0])
    return cast(ir.BooleanValue, found.fill_null(False))
