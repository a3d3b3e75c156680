"""The embedded store: one DuckDB file, nothing to start.

``load`` fills the input tables, each whole or not at all, and twice the same changes nothing;
``read`` and ``stream`` give Arrow back. A refresh writes its results through ``transaction`` and
``execute``. One process at a time may hold the file. User ids are stored as keyed hashes and user
names not at all.

Loads grow with the rows given plus one pass over the key columns stored (a hash join, no index to
keep in memory): give large dumps in pieces of some hundred thousand rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from profiles.errors import StoreError
from profiles.identity_rules import IdentityRules
from profiles.store.base import Among, Between, LoadResult
from profiles.store.ddl import create_statement, create_statements, quoted
from profiles.store.duckdb_indexes import INDEXED, drop_indexes, make_indexes
from profiles.store.expressions import compiled, expression_of
from profiles.store.identifiers import add_identifiers
from profiles.store.layout import conform, load_ibis, to_arrow
from profiles.store.loading import LoadingStore
from profiles.store.merge import merge_staged
from profiles.store.migrate import Step
from profiles.store.tables import SCHEMA_VERSION, InputTable, check_derived

__all__ = ["DuckDBStore", "LoadResult"]

_URL_PREFIX: Final = "duckdb://"
_MEMORY: Final = ":memory:"
# nothing may be fetched from the network while a query runs
_CONFIG: Final[dict[str, Any]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

Parameters = Mapping[str, object]

FEW_VALUES: Final = 100
ROWS_AT_A_POINT: Final = 2_048


class DuckDBStore(LoadingStore):
    """A store in one DuckDB file; use it as a context manager.

    ``url_or_path`` is a path, ``duckdb:///absolute/path``, ``duckdb://relative/path`` or
    ``:memory:``.

    Raises:
        StoreError: the file is in use elsewhere, is no DuckDB file, or was made with another key or
            another schema version.
    """

    engine = "duckdb"
    rows_per_load = 524_288  # more than four row groups, which go to the file past the log

    def __init__(
        self, url_or_path: str | Path, *, key: bytes, rules: IdentityRules | None = None
    ) -> None:
        self.path = _path(url_or_path)
        super().__init__(self.path, key=key, rules=rules)
        self._connection = _connect(self.path)
        self._backend: Any = None
        self._depth = 0
        try:
            self._connection.execute("SET TimeZone = 'UTC'")
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Release the file; a closed store answers nothing any more."""
        self._connection.close()

    @property
    def backend(self) -> Any:
        """The ibis connection over this store's own; it sees the present transaction."""
        if self._backend is None:
            self._backend = load_ibis().duckdb.from_connection(self._connection)
        return self._backend

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables in the file, sorted."""
        found = self.read("SELECT table_name AS name FROM duckdb_tables() WHERE NOT temporary")
        return tuple(sorted(found["name"].to_pylist()))

    def table(self, name: str) -> Any:
        """Return a stored table as an ibis expression."""
        return expression_of(self.backend, name)

    def fetch(self, expr: Any) -> pa.Table:
        """Return what an expression says, in the Arrow types that every engine gives."""
        found = self.read(compiled(self.backend, expr))
        return conform(found, to_arrow(expr.as_table().schema()))

    def rows_where(self, name: str, column: str, values: Sequence[str]) -> pa.Table:
        """Return the rows of a table whose ``column`` has one of ``values``."""
        given: dict[str, object] = {"values": list(values)}
        wanted = "SELECT unnest($values)"
        if 0 < len(values) <= FEW_VALUES:  # literals, so that row groups without them are not read
            given = {f"value{number}": one for number, one in enumerate(values)}
            wanted = ", ".join(f"${place}" for place in given)
        there = f"FROM {quoted(name)} WHERE {quoted(column)} IN ({wanted})"
        if INDEXED.get(name) != column:  # else every column of the row group would be decoded
            there = f"FROM {quoted(name)} WHERE rowid IN (SELECT rowid {there})"
        found = self._connection.execute(f"SELECT * {there}", given)
        # as one table, DuckDB makes room for as many rows as it expects, which grows with the table
        return found.to_arrow_reader(ROWS_AT_A_POINT).read_all()

    def make_indexes(self) -> None:
        """Make the indexes of point reads, after a refresh and outside its transaction."""
        make_indexes(self._connection)

    def drop_indexes(self) -> None:
        """Drop the indexes, before their tables are written anew."""
        drop_indexes(self._connection)

    def scan(
        self, name: str, columns: Sequence[str], only: Among | Between | None = None
    ) -> Iterator[pa.Table]:
        """Yield columns of a table in batches, of all rows or ``only`` some."""
        listed = ", ".join(quoted(one) for one in columns)
        where, given = "", {}
        if isinstance(only, Among):
            where, given = "IN (SELECT unnest($values))", {"values": only.values.to_pylist()}
        elif only is not None:
            where, given = "> $low AND {0} <= $high", {"low": only.low, "high": only.high}
        if only is not None:
            where = f"WHERE {quoted(only.column)} {where.format(quoted(only.column))}"
        found = self._connection.execute(f"SELECT {listed} FROM {quoted(name)} {where}", given)
        for batch in found.to_arrow_reader(self.rows_per_load):
            yield pa.Table.from_batches([batch])

    def bulk_load(self, name: str, table: pa.Table) -> int:
        """Append rows by column name; absent columns are null."""
        check_derived(name)
        self.insert(name, table)
        return int(table.num_rows)

    def insert(self, name: str, table: pa.Table) -> None:
        """Append rows by column name; absent columns are null."""
        with self.registered("rows_in", table):
            self._connection.execute(f"INSERT INTO {quoted(name)} BY NAME SELECT * FROM rows_in")

    def merge(self, name: str, table: pa.Table, key: Sequence[str]) -> int:
        """Replace the rows whose ``key`` columns equal a given row's; null equals null."""
        check_derived(name)
        same = " AND ".join(
            f"given.{quoted(one)} IS NOT DISTINCT FROM stored.{quoted(one)}" for one in key
        )
        with self.transaction(), self.registered("rows_in", table):
            self._connection.execute(
                f"""DELETE FROM {quoted(name)} AS stored
                    USING (SELECT * FROM rows_in) AS given WHERE {same}"""
            )
            self._connection.execute(f"INSERT INTO {quoted(name)} BY NAME SELECT * FROM rows_in")
        return int(table.num_rows)

    def swap(self, tables: Mapping[str, Any]) -> None:
        """Put new contents in the place of whole tables, all in one step."""
        for name in tables:
            check_derived(name)
        with self.transaction():
            for name, new in tables.items():
                self._build(f"new_{name}", new)
            for name in tables:
                self._connection.execute(f"DELETE FROM {quoted(name)}")
                self._connection.execute(
                    f"INSERT INTO {quoted(name)} BY NAME SELECT * FROM {quoted(f'new_{name}')}"
                )
                self._connection.execute(f"DROP TABLE {quoted(f'new_{name}')}")

    def _build(self, name: str, new: Any) -> None:
        if isinstance(new, pa.Table | pa.RecordBatchReader):
            with self.registered("rows_in", new):
                self._connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS SELECT * FROM rows_in"
                )
            return
        sql = compiled(self.backend, new)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS {sql}")

    def delete(self, name: str, column: str, values: Sequence[str]) -> int:
        """Delete the rows whose ``column`` has one of ``values``; return their number."""
        (gone,) = self._connection.execute(
            f"DELETE FROM {quoted(name)} WHERE {quoted(column)} IN (SELECT unnest($values))",
            {"values": list(values)},
        ).fetchall()[0]
        return int(gone)

    def stamp(self, names: Sequence[str], as_of: datetime) -> None:
        """Let every row of the derived tables ``names`` hold as of a moment."""
        for name in names:
            self._connection.execute(
                f"""UPDATE {quoted(name)} SET as_of = $as_of
                    WHERE as_of IS DISTINCT FROM $as_of::TIMESTAMPTZ""",
                {"as_of": as_of},
            )

    def read(self, sql: str, parameters: Parameters | None = None) -> pa.Table:
        """Return the result of a SELECT; ``$name`` in it stands for ``parameters["name"]``."""
        return self._connection.execute(sql, dict(parameters or {})).to_arrow_table()

    def count(self, table: str) -> int:
        """Return the number of rows of one of the store's tables."""
        return int(self.read(f"SELECT count(*) AS n FROM {table}")["n"][0].as_py())

    def stream(
        self, sql: str, parameters: Parameters | None = None, *, rows_per_batch: int = 50_000
    ) -> Iterator[pa.RecordBatch]:
        """Yield the result of a SELECT in batches, for results larger than memory."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("SET TimeZone = 'UTC'")
            yield from cursor.execute(sql, dict(parameters or {})).to_arrow_reader(rows_per_batch)
        finally:
            cursor.close()

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement of a refresh; for writes use it inside ``transaction``."""
        self._connection.execute(sql, dict(parameters or {}))

    @contextmanager
    def registered(self, name: str, table: Any) -> Iterator[None]:
        """Let statements inside name an Arrow table or reader."""
        self._connection.register(name, table)
        try:
            yield
        finally:
            self._connection.unregister(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen together or not at all; inside another one, be part of
        it.
        """
        if self._depth:
            yield
            return
        self._connection.begin()
        self._depth = 1
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        else:
            self._connection.commit()
        finally:
            self._depth = 0

    @contextmanager
    def refresh_lock(self) -> Iterator[None]:
        """Nothing to wait for: the process that holds the file is the only one."""
        yield

    def meta(self) -> dict[str, str]:
        """Return the store's notes about itself."""
        return dict(self._connection.execute("SELECT name, value FROM meta").fetchall())

    def _marks(self) -> list[str]:
        return list(self.read("SELECT mark FROM tombstones")["mark"].to_pylist())

    def _is_empty(self) -> bool:
        tables = self.tables()
        if tables and "meta" not in tables:
            raise StoreError(
                f"expected a Tingfeng store in {self.path}, found other tables; name another file"
            )
        return not tables

    def _create(self) -> None:
        for statement in create_statements():
            self._connection.execute(statement)

    def _run_steps(self, steps: Sequence[Step]) -> None:
        there = self.tables()
        for name in (name for step in steps for name in step.tables if name not in there):
            self._connection.execute(create_statement(name))
        for statement in (one for step in steps for one in step.sql):
            self._connection.execute(statement)
        if steps:
            self._connection.execute(
                "UPDATE meta SET value = $version WHERE name = 'schema_version'",
                {"version": str(SCHEMA_VERSION)},
            )

    def _merge_input(self, spec: InputTable, staged: pa.Table, run: str) -> Mapping[str, int]:
        return merge_staged(self._connection, spec, staged, run)

    def _add_identifiers(self, rows: pa.Table, source: str, run: str) -> int:
        return add_identifiers(self._connection, rows, source, run)


def _path(url_or_path: str | Path) -> str:
    text = str(url_or_path)
    if text.startswith(_URL_PREFIX):
        text = text.removeprefix(_URL_PREFIX)
    elif "://" in text:
        raise StoreError(
            f"expected a path or {_URL_PREFIX}/path, found {text!r}; this store is a file"
        )
    if text not in {_MEMORY, "/" + _MEMORY}:
        Path(text).parent.mkdir(parents=True, exist_ok=True)
        return text
    return _MEMORY


def _connect(path: str) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(path, config=_CONFIG)
    except duckdb.Error as error:
        raise StoreError(_why_not_opened(path, " ".join(str(error).split()))) from error


def _why_not_opened(path: str, reason: str) -> str:
    if "lock" in reason.lower():
        holder = re.search(r"PID (\d+)", reason)
        by = f"process {holder[1]}" if holder else "another process"
        return f"expected {path} to be free, found it in use by {by}; end that one or wait for it"
    return (
        f"expected a DuckDB file that can be opened at {path}, found: {reason}; name another file"
    )
