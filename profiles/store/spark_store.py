"""The store beyond one machine: Parquet tables in a warehouse folder, computed by Apache Spark.

A table is a list of folders of Parquet files; ``current.json`` in the warehouse names the folders
of every table, and replacing that one file is how a whole transaction becomes visible. Appends add
a folder; a merge that changes stored rows writes the table anew without them (anti-join) with the
new ones (union). One process at a time may write (a lock on ``write.lock``); the folder must be one
that the driver and all workers see. Folders that no table names any more are removed when the
store is next opened for writing.

A load costs a join with the key column stored, so give rows by the million; a merge that changes
rows costs a rewrite of its table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from profiles.errors import StoreError
from profiles.identity_rules import IdentityRules
from profiles.store.base import Among, Between
from profiles.store.expressions import compiled, expression_of
from profiles.store.layout import arrow_schema, conform, load_ibis, table_names, to_arrow
from profiles.store.loading import LoadingStore
from profiles.store.migrate import Step
from profiles.store.spark_merge import add_identifiers, merge_input
from profiles.store.tables import INPUTS, SCHEMA_VERSION, InputTable, check_derived
from profiles.store.warehouse import Warehouse

_SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    # without it nulls become NaN and the text 'NaN' on their way through pandas
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.caseSensitive": "true",
    "spark.ui.enabled": "false",
    "spark.sql.catalogImplementation": "in-memory",
}


class SparkStore(LoadingStore):
    """A store in the folder ``warehouse``, computed by the Spark at ``master``; use it as a context
    manager.

    ``master`` is ``local[N]``, ``local[*]`` or ``spark://host:port``. A session that runs in this
    process is taken as it is. ``options`` are settings of Spark beside those this store needs.

    Raises:
        StoreError: Spark cannot start, another process writes there, or the warehouse was made with
            another key or schema version.
    """

    engine = "spark"
    rows_per_load = 1_000_000

    def __init__(
        self,
        master: str,
        warehouse: str | Path,
        *,
        key: bytes,
        rules: IdentityRules | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(f"{master}?warehouse={warehouse}", key=key, rules=rules)
        self._files = Warehouse(Path(warehouse).absolute())
        self._session: Any = None
        self._backend: Any = None
        self._depth = 0
        try:
            self._session = _start(master, options)
            self._files.use(self._session)
            self._prepare()
        except BaseException:
            self._files.close()
            raise

    def close(self) -> None:
        """Release the warehouse; the Spark session stays for others of this process."""
        self._files.close()

    @property
    def backend(self) -> Any:
        """The ibis connection over this process's Spark session."""
        if self._backend is None:
            self._backend = load_ibis().pyspark.connect(self._session)
        return self._backend

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables in the warehouse, sorted."""
        return tuple(sorted(self._files.tables))

    def table(self, name: str) -> Any:
        """Return a stored table as an ibis expression."""
        return expression_of(self.backend, name, self._files.view(name))

    def fetch(self, expr: Any) -> pa.Table:
        """Return what an expression says, in the Arrow types that every engine gives."""
        self._files.refresh_views()
        found = self._session.sql(compiled(self.backend, expr)).toArrow()
        return conform(found, to_arrow(expr.as_table().schema()))

    def rows_where(self, name: str, column: str, values: Sequence[str]) -> pa.Table:
        """Return the rows of a table whose ``column`` has one of ``values``."""
        return self._files.arrow(name, pc.field(column).isin(pa.array(list(values), pa.string())))

    def scan(
        self, name: str, columns: Sequence[str], only: Among | Between | None = None
    ) -> Iterator[pa.Table]:
        """Yield columns of a table in batches, read here without Spark."""
        return self._files.scan(name, columns, _filter(only))

    def count(self, table: str) -> int:
        """Return the number of rows of one of the store's tables."""
        return self._files.count(table)

    def bulk_load(self, name: str, table: pa.Table) -> int:
        """Append rows by column name; absent columns are null."""
        check_derived(name)
        if table.num_rows:
            with self.transaction():
                self._files.append(name, table)
        return int(table.num_rows)

    def merge(self, name: str, table: pa.Table, key: Sequence[str]) -> int:
        """Replace the rows whose ``key`` columns equal a given row's; null equals null."""
        check_derived(name)
        if table.num_rows == 0:
            return 0
        with self.transaction(), self._files.staged(conform(table, arrow_schema(name))) as given:
            stored = self._files.frame(name)
            same = [stored[one].eqNullSafe(given[one]) for one in key]
            kept = stored.join(given, same, "left_anti")
            self._files.replace(name, kept.unionByName(given))
        return int(table.num_rows)

    def swap(self, tables: Mapping[str, Any]) -> None:
        """Write new tables beside the old ones, then let all of them count at once."""
        for name in tables:
            check_derived(name)
        with self.transaction():
            written = {name: self._write(name, new) for name, new in tables.items()}
            for name, folders in written.items():
                self._files.point(name, folders)

    def delete(self, name: str, column: str, values: Sequence[str]) -> int:
        """Delete the rows whose ``column`` has one of ``values``; return their number."""
        with self.transaction():
            frame = self._files.frame(name, keyed=name in INPUTS)
            theirs = frame[column].isin(list(values))
            gone = int(frame.where(theirs).count())
            if gone:
                self._files.replace(name, frame.where(~theirs | frame[column].isNull()))
        return gone

    def stamp(self, names: Sequence[str], as_of: datetime) -> None:
        """Let every row of the derived tables ``names`` hold as of a moment; writes them anew."""
        from pyspark.sql.functions import lit

        with self.transaction():
            for name in names:
                check_derived(name)
                self._files.replace(name, self._files.frame(name).withColumn("as_of", lit(as_of)))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen together or not at all."""
        if self._depth:
            yield
            return
        self._depth = 1
        try:
            with self._files.changes():
                yield
        finally:
            self._depth = 0

    @contextmanager
    def refresh_lock(self) -> Iterator[None]:
        """Nothing further to wait for: this process is the only one that writes here."""
        yield

    def meta(self) -> dict[str, str]:
        """Return the store's notes about itself."""
        return {row["name"]: row["value"] for row in self._files.arrow("meta").to_pylist()}

    def _marks(self) -> list[str]:
        return list(self._files.arrow("tombstones")["mark"].to_pylist())

    def _is_empty(self) -> bool:
        return not self._files.tables

    def _create(self) -> None:
        for name in table_names():
            self._files.point(name, [])

    def _run_steps(self, steps: Sequence[Step]) -> None:
        for name in (name for step in steps for name in step.tables):
            if name not in self._files.tables:
                self._files.point(name, [])
        if steps:
            meta = {**self.meta(), "schema_version": str(SCHEMA_VERSION)}
            self.swap({"meta": pa.table({"name": list(meta), "value": list(meta.values())})})

    def _merge_input(self, spec: InputTable, staged: pa.Table, run: str) -> Mapping[str, int]:
        return merge_input(self._files, spec, staged, run)

    def _add_identifiers(self, rows: pa.Table, source: str, run: str) -> int:
        return add_identifiers(self._files, rows, source, run)

    def _write(self, name: str, new: Any) -> list[str]:
        if isinstance(new, pa.Table):
            return self._files.write_arrow(name, conform(new, arrow_schema(name)))
        if isinstance(new, pa.RecordBatchReader):
            parts = (conform(pa.Table.from_batches([one]), arrow_schema(name)) for one in new)
            return [folder for part in parts for folder in self._files.write_arrow(name, part)]
        self._files.refresh_views()
        frame = self._session.sql(compiled(self.backend, new))
        wanted = arrow_schema(name).names
        absent = [one for one in wanted if one not in frame.columns]
        for one in absent:
            frame = self._files.with_null(frame, name, one)
        return self._files.write_frame(name, frame.select(*wanted))


def _filter(only: Among | Between | None) -> Any:
    """The rows that are wanted, as Arrow filters files."""
    if only is None:
        return None
    column = pc.field(only.column)
    if isinstance(only, Among):
        return column.isin(only.values)
    low, high = (pa.scalar(one, pa.timestamp("us", "UTC")) for one in (only.low, only.high))
    return (column > low) & (column <= high)


def _start(master: str, options: Mapping[str, str]) -> Any:
    """The session of this process, or a new one."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise StoreError(
            "expected pyspark for a Spark store, found none; pip install 'tingfeng[spark]'"
        ) from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master(master).appName("tingfeng")
    for name, value in {**options, **_SETTINGS}.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise StoreError(
            f"expected Spark to start at {master}, found: {_first_line(error)}; "
            "it needs Java 17 or newer (java -version, JAVA_HOME)"
        ) from error
    for name in ("spark.sql.session.timeZone", "spark.sql.execution.arrow.pyspark.enabled"):
        session.conf.set(name, _SETTINGS[name])
    return session


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
