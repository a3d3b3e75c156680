"""Tables of any store lent to a DuckDB store in memory, for work that is done in its SQL.

For tables of identifiers, which that work holds in memory anyway; never for comments or events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore

_NO_KEY = bytes(32)  # nothing is hashed on a workbench


@contextmanager
def workbench(store: Store, tables: Mapping[str, tuple[str, ...] | None]) -> Iterator[DuckDBStore]:
    """Give a store in memory with copies of ``tables``: whole, or the named columns of each.

    Of ``touched`` only what asks for identity is lent, so that what is there afterwards is new.
    """
    with DuckDBStore(":memory:", key=_NO_KEY, rules=store.rules) as bench:
        bench.execute("DELETE FROM meta")
        for name, columns in tables.items():
            table = store.table(name)
            if name == "touched":
                table = table.filter(table.kind == "identity")
            bench.insert(name, store.fetch(table.select(*columns) if columns else table))
        yield bench
