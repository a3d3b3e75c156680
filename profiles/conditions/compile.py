"""A checked condition as an ibis expression over a table of persons.

The table has ``person_id`` and one column per field, named as the field. Fields of kind set
(tags, segments, groups, audiences) have no column: ``members`` gives their persons as a table.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, Final, cast

import ibis.expr.types as ir

from profiles.conditions.tree import Condition, FieldTest, Group

Members = Callable[[str, tuple[str, ...]], ir.Table]
_SIGNS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def compiled(condition: Condition, persons: ir.Table, members: Members) -> ir.BooleanValue:
    """True for the persons of whom the condition holds, never null.

    ``members(field, values)`` is a table with the ``person_id`` of everybody who is in one of the
    named sets.
    """
    if isinstance(condition, Group):
        parts = [compiled(part, persons, members) for part in condition.parts]
        if condition.how == "not":
            return cast(ir.BooleanValue, ~parts[0])
        join = operator.and_ if condition.how == "all" else operator.or_
        return cast(ir.BooleanValue, functools.reduce(join, parts))
    return _test(condition, persons, members)


def _test(test: FieldTest, persons: ir.Table, members: Members) -> ir.BooleanValue:
    if test.op == "!=":
        same = FieldTest(field=test.field, op="=", values=test.values)
        return cast(ir.BooleanValue, ~_test(same, persons, members))
    names = tuple(str(value) for value in test.values)
    if test.field not in persons.columns:
        inside = members(test.field, names)
        return cast(ir.BooleanValue, persons.person_id.isin(inside.person_id))
    column: Any = persons[test.field]
    if test.op == "known":
        return cast(ir.BooleanValue, column.notnull())
    if test.op == "in":
        found = column.isin(list(test.values))
    elif test.op == "between":
        found = column.between(*test.values)
    elif test.op == "contains":
        found = column.contains(names[0])
    else:
        found = _SIGNS[test.op](column, test.values[0])
    return cast(ir.BooleanValue, found.fill_null(False))
