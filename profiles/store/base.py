"""What every store can do, whatever engine is behind it.

Reads are ibis expressions over ``table(name)``, answered as Arrow by ``fetch``. Writes are three
verbs that each engine has in its own file: ``bulk_load`` appends, ``merge`` replaces rows by
natural key, ``swap`` puts whole new tables in the place of old ones in one step. ``load`` is how
input comes in, on top of them. ``transaction`` makes several writes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import pyarrow as pa

if TYPE_CHECKING:
    import ibis

    from profiles.identity_rules import IdentityRules


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What one load did: ``rows`` came in; rows with an equal key count once in the other three.

    ``rejected`` are the positions of rows of identifiers that carry none; ``invalid`` counts values
    that name nobody (masked, malformed), by type of identifier; ``forgotten`` counts rows of
    persons who were forgotten, which are not stored.
    """

    rows: int
    inserted: int
    updated: int
    unchanged: int
    rejected: tuple[int, ...] = ()
    invalid: Mapping[str, int] = field(default_factory=dict)
    forgotten: int = 0

    @property
    def duplicates(self) -> int:
        """Rows that a later row with the same natural key replaced within the load."""
        stored = self.inserted + self.updated + self.unchanged
        return self.rows - stored - len(self.rejected) - self.forgotten


@dataclass(frozen=True, kw_only=True)
class Among:
    """Rows whose ``column`` has one of ``values`` (text); null is none of them."""

    column: str
    values: pa.Array


@dataclass(frozen=True, kw_only=True)
class Between:
    """Rows whose moment ``column`` is after ``low`` and not after ``high``."""

    column: str
    low: datetime
    high: datetime


@runtime_checkable
class Store(Protocol):
    """A store; use it as a context manager. ``url`` names it in messages, without a password."""

    engine: str
    url: str
    rules: IdentityRules
    rows_per_load: int  # rows in one load at which the engine works well
    by_key: bool  # finding and replacing some rows costs little more than those rows

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: Any) -> None: ...

    def close(self) -> None:
        """Release what the store holds."""

    @property
    def backend(self) -> Any:
        """The ibis connection; it sees what the present transaction has written."""

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables that are there, sorted, asked from the catalogue."""

    def table(self, name: str) -> ibis.Table:
        """Return a stored table as an ibis expression with the same columns on every engine."""

    def fetch(self, expr: ibis.Expr) -> pa.Table:
        """Return what an expression says, with the same Arrow types on every engine."""

    def rows_where(self, name: str, column: str, values: Sequence[str]) -> pa.Table:
        """Return the rows of a table whose ``column`` has one of ``values``: a point read."""

    def scan(
        self, name: str, columns: Sequence[str], only: Among | Between | None = None
    ) -> Iterator[pa.Table]:
        """Yield columns of a table in batches, for tables larger than memory; all rows or ``only``.

        Lists come as they are or as JSON text. Nothing else may be asked of the store until the
        last batch is taken.
        """

    def count(self, table: str) -> int:
        """Return the number of rows of a table."""

    def load(
        self, kind: str, table: pa.Table, run: str, *, allow_return: bool = False
    ) -> LoadResult:
        """Add or replace input rows of ``kind`` by natural key; all of it happens or none."""

    def bulk_load(self, name: str, table: pa.Table) -> int:
        """Append rows by column name, absent columns null; return their number."""

    def merge(self, name: str, table: pa.Table, key: Sequence[str]) -> int:
        """Replace the rows whose ``key`` columns equal a given row's; return the rows given.

        Null equals null. Keys must be distinct within ``table``.
        """

    def swap(self, tables: Mapping[str, pa.Table | pa.RecordBatchReader | ibis.Table]) -> None:
        """Put new contents in the place of whole tables, all in one step.

        Expressions may read the tables that are replaced; they see the old contents. Readers are
        for contents larger than memory.
        """

    def delete(self, name: str, column: str, values: Sequence[str]) -> int:
        """Delete the rows whose ``column`` has one of ``values``; return their number."""

    def stamp(self, names: Sequence[str], as_of: datetime) -> None:
        """Let every row of the derived tables ``names`` hold as of a moment."""

    def transaction(self) -> AbstractContextManager[None]:
        """Make everything inside happen together or not at all."""

    def refresh_lock(self) -> AbstractContextManager[None]:
        """Hold the right to recompute the derived tables; transactions inside see one state.

        Raises:
            StoreError: another process holds it.
        """

    def meta(self) -> dict[str, str]:
        """Return the store's notes about itself: schema version, key check, rules in force."""

    def person_id(self, platform: str | None, user_id: str) -> str:
        """Return the person id under which the rows of a user are stored."""

    def identifier_key(self, text: str) -> str:
        """Return the key of an identifier written ``TYPE:VALUE`` or ``TYPE:NAMESPACE:VALUE``."""

    def read_tombstones(self) -> None:
        """Read again who is forgotten; after a change of the table."""

    def tombstone(self, person: str) -> str:
        """Return the mark under which a forgotten key is remembered; it cannot be turned back."""


def batches_of(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    """Yield ``table`` in pieces of at most ``rows``; nothing for an empty one."""
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, rows)
