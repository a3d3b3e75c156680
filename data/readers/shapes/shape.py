"""One dump shape as its YAML entry says it: how it is recognised, mapped, and its values read.

Fields name the input columns of a canonical column; of several, the first that holds a value in the
row counts. The traps of each shape (units, parents, clock faults, closed orders, one row per line
of an order) are settings of the same entry. Keys that no shape has are refused.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from data.columns import TABLES

# a table is told by its columns and given as it came
Kind = Literal[
    "comments",
    "contents",
    "users",
    "events",
    "orders",
    "relations",
    "campaigns",
    "feedback",
    "table",
]
MONEY: Final = ("amount_cny", "cost_cny")


def _names(value: Any) -> Any:
    """One name stands for a list of one."""
    return (value,) if isinstance(value, str) else value


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # KeyError: no such zone
        raise ValueError("expected a time zone such as Asia/Shanghai") from error
    return name


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Pattern = Annotated[re.Pattern[str], Field()]


class LeaveOut(BaseModel):
    """Rows that are no orders: those with one of ``values`` in ``column``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: Names
    values: Names
    because: str  # the key of the reject's reason


class Shape(BaseModel):
    """One dump shape. ``requires`` must all be there (of a list in it, one), ``lacks`` must not,
    for the shape to be recognised; a ``general`` shape is what a kind falls back on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    platform: str | None = None  # null: the columns do not say
    general: bool = False
    requires: Annotated[tuple[Names, ...], BeforeValidator(_names)] = ()
    lacks: Names = ()
    fields: dict[str, Names] = {}
    tables: Names = ()  # names of the shape's table in a database
    header: Names = ()  # columns of a file that has no header line
    header_patterns: tuple[Pattern, ...] = ()  # what the cells of its first line look like
    time_unit: Literal["s", "ms"] | None = None
    time_text: str | None = None  # a text column that repeats created_at and is right
    time_zone: Annotated[str, BeforeValidator(_known_zone)] = "Asia/Shanghai"
    dates: dict[str, Names] = {}  # strptime formats of a time, tried before the usual ones
    units: dict[str, Literal["yuan", "cents"]] = {}  # of an amount; yuan where not said
    words: dict[str, dict[str, str]] = {}  # what a field's values are called here
    leave_out: tuple[LeaveOut, ...] = ()
    subtract: dict[str, Names] = {}  # columns (refunds) taken off an amount
    lines: Literal["repeat", "sum"] | None = None  # a row is a line of an order
    line_id: Names = ()  # tells an order's lines apart; without it the whole row does

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Shape:
        """Every field is one of the kind's, every rule is about a field that can have it."""
        known = set(TABLES[self.kind].names) if self.kind in TABLES else set()
        faults = [
            f"{where}: expected one of {', '.join(sorted(allowed))}, found {name!r}"
            for where, names, allowed in (
                ("fields", self.fields, known),
                ("words", self.words, known),
                ("dates", self.dates, known & {"time", "created_at"}),
                ("units", self.units, known & set(MONEY)),
                ("subtract", self.subtract, known & set(MONEY)),
            )
            for name in names
            if name not in allowed
        ]
        if not self.requires and not self.general and not self.header:
            faults.append("requires: expected at least one column that gives the shape away")
        if len(self.header) != len(self.header_patterns):
            faults.append("header_patterns: expected one for each column of header")
        if self.lines and self.kind != "orders":
            faults.append("lines: expected only with kind orders")
        if faults:
            raise ValueError("; ".join(faults))
        return self
