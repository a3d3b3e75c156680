"""What recognition is asked (``Wanted``), what it sees (``Table``) and what it answers
(``Binding``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from data.readers import names
from data.readers.shapes import Kind, Shape, shipped_shapes
from data.readers.times import Unit

TABLE_KINDS: Final = ("users", "events", "orders", "relations", "campaigns", "feedback")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user said about the file besides its format and mapping."""

    kind: Kind | None = None
    own: tuple[Shape, ...] = ()  # the user's shapes, before those that ship
    insist: bool = False  # only the user's
    filled: frozenset[str] = frozenset()  # columns that are given a value later
    columns: tuple[str, ...] = ()  # input columns that the user named

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Every shape that may be recognised, the user's first."""
        return self.own if self.insist else (*self.own, *shipped_shapes())


ANYTHING: Final = Wanted()


@dataclass(frozen=True, kw_only=True)
class Binding:
    """What the columns of one input mean. ``fields`` gives column positions, first with a value
    wins.
    """

    format: str
    kind: str  # a Kind, or table
    platform: str | None
    fields: Mapping[str, tuple[int, ...]]
    time_unit: Unit | None
    time_text: int | None
    zeroed: frozenset[str]  # id fields whose digits after the 15th are lost
    why: str
    shape: Shape | None = None  # whose rules hold for the values
    filled: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Table:
    """One input table as recognition sees it."""

    path: Path
    container: str
    name: str | None
    columns: Sequence[str]
    head: Sequence[Sequence[Any]]

    def position(self, column: str) -> int | None:
        """Where a column is, by its exact or else its compared name."""
        if column in self.columns:
            return self.columns.index(column)
        wanted = names.normal_name(column)
        found = [at for at, name in enumerate(self.columns) if names.normal_name(name) == wanted]
        return found[0] if found else None

    def positions(self, columns: Sequence[str]) -> tuple[int, ...]:
        """Where those of the columns are that are there."""
        found = (self.position(column) for column in columns)
        return tuple(dict.fromkeys(at for at in found if at is not None))


def lacking(table: Table, shape: Shape) -> list[str]:
    """What the shape requires and the table does not have; alternatives joined by ``or``."""
    return [" or ".join(each) for each in shape.requires if not table.positions(each)]


def fits(table: Table, shape: Shape) -> bool:
    """True when the table's name or columns give the shape away."""
    if not shape.requires or lacking(table, shape):
        return False
    return table.name in shape.tables or not table.positions(shape.lacks)


def best_shape(table: Table, shapes: Sequence[Shape]) -> Shape | None:
    """The fitting shape: by the table's name, else the one that requires most, the first of
    equals.
    """
    found = [shape for shape in shapes if fits(table, shape)]
    by_table = [shape for shape in found if table.name in shape.tables]
    return max(by_table or found, key=lambda shape: len(shape.requires), default=None)
