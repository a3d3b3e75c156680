"""What the benchmark's hand-written SQL makes is what a refresh makes, to the last byte."""

from __future__ import annotations

from benchmarks.profiles import AS_OF, KEY, generate
from benchmarks.profiles_peer import WRITTEN, refresh_by_hand
from profiles.refresh import refresh
from profiles.store.duckdb_store import DuckDBStore


def test_the_peer_makes_the_same_rows_in_the_same_tables() -> None:
    with DuckDBStore(":memory:", key=KEY) as store:
        generate(store, 3_000)
        refresh(store, AS_OF, "full")
        refresh_by_hand(store, AS_OF)
        for name in (*WRITTEN, "content_insights"):
            made = store.read(f"FROM by_hand_{name}")
            columns = ", ".join(made.column_names)
            other = store.read(f"SELECT {columns} FROM {name} EXCEPT FROM by_hand_{name}")
            assert made.num_rows == store.count(name) > 0, name
            assert other.num_rows == 0, name
