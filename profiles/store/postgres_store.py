"""The server store: one schema of a PostgreSQL database (15 or newer), for several processes.

Loads go in through COPY, those that bring stored keys again by way of a temporary table; derived
tables are built beside the old ones and renamed into their place. Readers never wait for a
refresh, and two refreshes never run at once (an advisory lock). Lists of records are ``jsonb``.

A load costs an index look-up per row: about linear in the rows given, and nearly independent of
those stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import psycopg
import pyarrow as pa

from profiles.errors import StoreError
from profiles.identity_rules import IdentityRules
from profiles.store.base import Among, Between
from profiles.store.ddl import quoted
from profiles.store.expressions import compiled, expression_of
from profiles.store.layout import arrow_schema, conform, load_ibis, table_names, to_arrow
from profiles.store.loading import LoadingStore
from profiles.store.migrate import Step
from profiles.store.postgres_compiler import with_text_members
from profiles.store.postgres_copy import copy_in, copy_out, scan_out, wanted
from profiles.store.postgres_ddl import create_statements, read_name
from profiles.store.postgres_identifiers import add_identifiers
from profiles.store.postgres_merge import merge_staged, stage_table
from profiles.store.postgres_stamp import stamp_rows
from profiles.store.postgres_swap import finish_fresh, make_fresh, put_in_place
from profiles.store.tables import SCHEMA_VERSION, InputTable, check_derived

MIN_VERSION: Final = 150_000  # MERGE, NULLS NOT DISTINCT; what the tests run against
FEW_VALUES: Final = 100  # as parameters of a statement; more go through a temporary table
# of one session; a load's keys and a refresh's ids stay in memory (PostgreSQL's own: 4 MB, 8 MB)
_MEMORY: Final = {"work_mem": "64MB", "temp_buffers": "64MB"}
_LOCK: Final = "hashtextextended('tingfeng ' || current_schema() || %s, 0)"


class PostgresStore(LoadingStore):
    """A store in the current schema of a PostgreSQL database; use it as a context manager.

    ``url`` is any connection URI of libpq; ``?options=-csearch_path%3Dteam`` names a schema.

    Raises:
        StoreError: the server cannot be reached, is too old, or the schema holds a store made with
            another key or schema version.
    """

    engine = "postgres"
    by_key = True

    def __init__(self, url: str, *, key: bytes, rules: IdentityRules | None = None) -> None:
        super().__init__(without_password(url), key=key, rules=rules)
        self._connection = _connect(url, self.url)
        self._backend: Any = None
        try:
            self._connection.execute("SET TIME ZONE 'UTC'")
            self._connection.execute("SET client_min_messages = warning")
            for name, size in _MEMORY.items():
                self._connection.execute(f"SET {name} = '{size}'")
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the connection; a closed store answers nothing any more."""
        self._connection.close()

    @property
    def backend(self) -> Any:
        """The ibis connection over this store's own; it sees the present transaction."""
        if self._backend is None:
            backend = load_ibis().postgres.from_connection(self._connection)
            self._backend = with_text_members(backend)
        return self._backend

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables in the schema, sorted."""
        rows = self._connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        )
        return tuple(name for (name,) in rows)

    def table(self, name: str) -> Any:
        """Return a stored table as an ibis expression."""
        stored_as = read_name(name) if name in table_names() else None
        return expression_of(self.backend, name, stored_as)

    def fetch(self, expr: Any) -> pa.Table:
        """Return what an expression says, in the Arrow types that every engine gives."""
        schema = to_arrow(expr.as_table().schema())
        return copy_out(self._connection, compiled(self.backend, expr), schema)

    def rows_where(self, name: str, column: str, values: Sequence[str]) -> pa.Table:
        """Return the rows of a table whose ``column`` has one of ``values``."""
        schema = arrow_schema(name)
        names = ", ".join(_read_column(field) for field in schema)
        cursor = self._connection.execute(
            f"SELECT {names} FROM {quoted(name)} WHERE {quoted(column)} = ANY(%s)",
            [list(values)],
            prepare=True,
        )
        rows = cursor.fetchall()
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
        return pa.table(
            [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)],
            schema=schema,
        )

    def scan(
        self, name: str, columns: Sequence[str], only: Among | Between | None = None
    ) -> Iterator[pa.Table]:
        """Yield columns of a table in batches, of all rows or ``only`` some; lists as text."""
        whole = arrow_schema(name)
        schema = pa.schema([whole.field(one) for one in columns])
        if only is None:
            yield from scan_out(self._connection, name, schema)
        elif isinstance(only, Between):
            where = "WHERE {0} > %s AND {0} <= %s".format(quoted(only.column))
            yield from scan_out(self._connection, name, schema, where, [only.low, only.high])
        else:
            with wanted(self._connection, only.values) as some:
                where = f"WHERE {quoted(only.column)} IN ({some})"
                yield from scan_out(self._connection, name, schema, where)

    def count(self, table: str) -> int:
        """Return the number of rows of one of the store's tables."""
        row = self._connection.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()
        return int(row[0]) if row else 0

    def bulk_load(self, name: str, table: pa.Table) -> int:
        """Append rows by column name; absent columns are null."""
        check_derived(name)
        if table.num_rows:
            with self.transaction():
                self._append(name, name, table)
        return int(table.num_rows)

    def merge(self, name: str, table: pa.Table, key: Sequence[str]) -> int:
        """Replace the rows whose ``key`` columns equal a given row's; null equals null."""
        check_derived(name)
        if table.num_rows == 0:
            return 0
        same = " AND ".join(_same(table, one) for one in key)
        with self.transaction():
            stage_table(self._connection, name, _conformed(name, table.select(list(key))))
            self._connection.execute(
                f"DELETE FROM {quoted(name)} AS stored USING staged_in AS given WHERE {same}"
            )
            self._connection.execute("DROP TABLE staged_in")
            self._append(name, name, table)
        return int(table.num_rows)

    def swap(self, tables: Mapping[str, Any]) -> None:
        """Build new tables beside the old ones, then rename all of them into place at once."""
        for name in tables:
            check_derived(name)
        with self.transaction():
            for name, new in tables.items():
                self._build(name, new)
            for name in tables:
                put_in_place(self._connection, name)

    def delete(self, name: str, column: str, values: Sequence[str]) -> int:
        """Delete the rows whose ``column`` has one of ``values``; return their number."""
        if len(values) <= FEW_VALUES:
            return self._connection.execute(
                f"DELETE FROM {quoted(name)} WHERE {quoted(column)} = ANY(%s)", [list(values)]
            ).rowcount
        with self.transaction(), wanted(self._connection, pa.array(values, pa.string())) as some:
            return self._connection.execute(
                f"DELETE FROM {quoted(name)} WHERE {quoted(column)} IN ({some})"
            ).rowcount

    def stamp(self, names: Sequence[str], as_of: datetime) -> None:
        """Let every row of the derived tables ``names`` hold as of a moment."""
        for name in names:
            check_derived(name)
            with self.transaction():
                stamp_rows(self._connection, name, as_of)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen together or not at all."""
        try:
            with self._connection.transaction():
                yield
        except psycopg.DatabaseError as error:
            raise StoreError(_one_line(error, self.url)) from error

    @contextmanager
    def refresh_lock(self) -> Iterator[None]:
        """Hold the right to recompute the derived tables; other processes may read and load.

        Transactions inside see the state at their beginning, so that what is loaded meanwhile
        stays marked for the next refresh.

        Raises:
            StoreError: another process holds it.
        """
        taken = self._connection.execute(
            f"SELECT pg_try_advisory_lock({_LOCK})", [" refresh"]
        ).fetchone()
        if not taken or not taken[0]:
            raise StoreError(
                f"expected nobody else to refresh {self.url}, found a refresh that is running; "
                "wait for it"
            )
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            yield
        finally:
            self._connection.isolation_level = None
            self._connection.execute(f"SELECT pg_advisory_unlock({_LOCK})", [" refresh"])

    def meta(self) -> dict[str, str]:
        """Return the store's notes about itself."""
        return dict(self._connection.execute("SELECT name, value FROM meta").fetchall())

    def _marks(self) -> list[str]:
        return [mark for (mark,) in self._connection.execute("SELECT mark FROM tombstones")]

    def _is_empty(self) -> bool:
        self._connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})", [" layout"])
        tables = self.tables()
        ours = sorted(set(tables) & set(table_names()))
        if ours and "meta" not in tables:
            raise StoreError(
                f"expected a Tingfeng store in {self.url}, found other tables named "
                f"{', '.join(ours)}; name another schema: ?options=-csearch_path%3DNAME"
            )
        return not ours

    def _create(self) -> None:
        for name in table_names():
            self._make(name)

    def _make(self, name: str) -> None:
        for statement in create_statements(name):
            self._connection.execute(statement)

    def _run_steps(self, steps: Sequence[Step]) -> None:
        there = self.tables()
        for name in (name for step in steps for name in step.tables if name not in there):
            self._make(name)
        for statement in (one for step in steps for one in step.sql):
            self._connection.execute(statement)
        if steps:
            self._connection.execute(
                "UPDATE meta SET value = %s WHERE name = 'schema_version'", [str(SCHEMA_VERSION)]
            )

    def _merge_input(self, spec: InputTable, staged: pa.Table, run: str) -> Mapping[str, int]:
        return merge_staged(self._connection, spec, staged, run)

    def _add_identifiers(self, rows: pa.Table, source: str, run: str) -> int:
        return add_identifiers(self._connection, rows, source, run)

    def _append(self, name: str, relation: str, table: pa.Table) -> None:
        """Append rows with columns of the table ``name`` to a relation that is made like it."""
        copy_in(self._connection, quoted(relation), _conformed(name, table))

    def _build(self, name: str, new: Any) -> None:
        """Make the table ``NAME_new`` with what ``name`` is to hold, and its indexes."""
        fresh = make_fresh(self._connection, name)
        if isinstance(new, pa.Table | pa.RecordBatchReader):
            for part in [new] if isinstance(new, pa.Table) else map(_as_table, new):
                self._append(name, fresh, part)
        else:
            names = new.as_table().schema().names
            listed = ", ".join(quoted(one) for one in names)
            self._connection.execute(
                f"INSERT INTO {quoted(fresh)} ({listed}) "
                f"SELECT {listed} FROM ({compiled(self.backend, new)}) AS q"
            )
        finish_fresh(self._connection, name)


def without_password(url: str) -> str:
    """Return a connection URI without its password, for messages."""
    return re.sub(r"(?<=//)([^/@:]*):[^/@]*@", r"\1@", url)


def _connect(url: str, shown: str) -> psycopg.Connection[Any]:
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.Error as error:
        raise StoreError(
            f"expected a PostgreSQL server at {shown}, found: {' '.join(str(error).split())}; "
            "start it, or correct the URL (see docs/stores.md)"
        ) from error
    if connection.info.server_version < MIN_VERSION:
        found = connection.info.server_version // 10_000
        connection.close()
        raise StoreError(f"expected PostgreSQL 15 or newer at {shown}, found {found}; upgrade it")
    return connection


def _as_table(batch: pa.RecordBatch) -> pa.Table:
    return pa.Table.from_batches([batch])


def _conformed(name: str, table: pa.Table) -> pa.Table:
    whole = arrow_schema(name)
    return conform(table, pa.schema([whole.field(one) for one in table.column_names]))


def _same(table: pa.Table, name: str) -> str:
    """A join that can be hashed where no key is null; null equals null where one is."""
    column = quoted(name)
    if table[name].null_count == 0:
        return f"stored.{column} = given.{column}"
    return f"stored.{column} IS NOT DISTINCT FROM given.{column}"


def _read_column(field: pa.Field) -> str:
    """JSON as text; lists as they are."""
    name = quoted(field.name)
    return f"{name}::text" if pa.types.is_string(field.type) else name


def _one_line(error: Exception, url: str) -> str:
    text = " ".join(str(error).split())
    return f"expected {url} to take the write, found: {text}; nothing of it was stored"
