"""Tables of any store lent to a DuckDB store, for work that is done in its SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore

_NO_KEY = bytes(32)  # nothing is hashed on a workbench


class LentStore(DuckDBStore):
    """A DuckDB store that stands in for another one, whose key it asks and does not hold."""

    def __init__(self, lender: Store, path: str | Path) -> None:
        super().__init__(path, key=_NO_KEY, rules=lender.rules)
        self._lender = lender
        self.execute("DELETE FROM meta")

    def person_id(self, platform: str | None, user_id: str) -> str:
        """Return the person id under which the lender stores a user."""
        return self._lender.person_id(platform, user_id)

    def identifier_key(self, text: str) -> str:
        """Return the lender's key of an identifier."""
        return self._lender.identifier_key(text)


@contextmanager
def workbench(store: Store, tables: Mapping[str, tuple[str, ...] | None]) -> Iterator[DuckDBStore]:
    """Give a store in memory with copies of ``tables``: whole, or the named columns of each.

    For tables of identifiers, which that work holds in memory anyway; never for comments or events.
    Of ``touched`` only what asks for identity is lent, so that what is there afterwards is new.
    """
    with LentStore(store, ":memory:") as bench:
        for name, columns in tables.items():
            table = store.table(name)
            if name == "touched":
                table = table.filter(table.kind == "identity")
            bench.insert(name, store.fetch(table.select(*columns) if columns else table))
        yield bench
