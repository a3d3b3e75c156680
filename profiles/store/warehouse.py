"""Parquet folders as tables: which folders are whose, and changing all of that in one step.

``current.json`` is {"tables": {NAME: [FOLDER, …]}}. A change is made in memory, its files are
written beside the others, and at the end the file is replaced (``os.replace``), so that a reader or
a crash sees the state before or after it, never between.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import dataset

from profiles.errors import StoreError
from profiles.store.layout import arrow_schema, conform, table_names
from profiles.store.tables import INPUTS

CURRENT: Final = "current.json"
ROW_KEY: Final = "row_key"


class Warehouse:
    """The folders of one store.

    Raises:
        StoreError: another process has it open.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder / "write.lock")
        self._name = f"w{uuid.uuid4().hex[:8]}"  # views of two stores in one session stay apart
        self._session: Any = None
        self._viewed: dict[str, list[str]] = {}
        self.tables: dict[str, list[str]] = self._read()
        self._sweep()

    def use(self, session: Any) -> None:
        """Read and write through a Spark session from here on."""
        session.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        self._session = session

    def close(self) -> None:
        """Let another process have the warehouse."""
        if not self._lock.closed:
            self._lock.close()

    def frame(self, name: str, *, keyed: bool = False) -> Any:
        """Return a table as a DataFrame with the columns of the layout; ``keyed`` with row keys."""
        schema = stored_schema(name)
        folders = [str(self.folder / one) for one in self.tables[name]]
        spark = spark_schema(schema)
        if folders:
            found = self._session.read.schema(spark).parquet(*folders)
        else:
            found = self._session.createDataFrame([], spark)
        return found if keyed or name not in INPUTS else found.drop(ROW_KEY)

    def view(self, name: str) -> str:
        """Return the temporary view that stands for a table as it is now."""
        if name not in self.tables:
            return name
        self._viewed[name] = list(self.tables[name])
        self.frame(name).createOrReplaceTempView(f"{self._name}_{name}")
        return f"{self._name}_{name}"

    def refresh_views(self) -> None:
        """Let every view that was given out show its table as it is now."""
        for name, folders in list(self._viewed.items()):
            if folders != self.tables[name]:
                self.view(name)

    def arrow(self, name: str, rows: Any = None) -> pa.Table:
        """Return a table's rows, those for which the Arrow expression ``rows`` is true, read here
        without Spark: for small tables and single persons.
        """
        schema = arrow_schema(name)
        parts = [self._dataset(folder).to_table(filter=rows) for folder in self.tables[name]]
        return pa.concat_tables([schema.empty_table(), *(conform(part, schema) for part in parts)])

    def scan(self, name: str, columns: Sequence[str], rows: Any = None) -> Iterator[pa.Table]:
        """Yield columns of a table in batches, all rows or those for which the Arrow expression
        ``rows`` is true; read here without Spark.
        """
        whole = arrow_schema(name)
        schema = pa.schema([whole.field(one) for one in columns])
        for folder in self.tables[name]:
            files = self._dataset(folder)
            there = [one for one in columns if one in files.schema.names]
            for batch in files.to_batches(columns=there, filter=rows):
                yield conform(pa.Table.from_batches([batch]), schema)

    def count(self, name: str) -> int:
        """Return the number of rows of a table, from the files' footers."""
        return sum(self._dataset(folder).count_rows() for folder in self.tables[name])

    def _dataset(self, folder: str) -> Any:
        return dataset.dataset(self.folder / folder, format="parquet")

    def append(self, name: str, table: pa.Table) -> None:
        """Add rows to a table: one more folder."""
        rows = conform(table, stored_schema(name))
        self.tables[name] = [*self.tables[name], *self.write_arrow(name, rows)]

    def replace(self, name: str, frame: Any) -> None:
        """Let a table be what ``frame`` computes, which may read the table itself."""
        self.point(name, self.write_frame(name, frame))

    def point(self, name: str, folders: Sequence[str]) -> None:
        """Let a table be the given folders."""
        self.tables[name] = list(folders)

    def write_arrow(self, name: str, table: pa.Table) -> list[str]:
        """Write rows as one new folder; return it, or nothing for no rows."""
        if table.num_rows == 0:
            return []
        folder = self._fresh(name)
        (self.folder / folder).mkdir(parents=True)
        pq.write_table(table, self.folder / folder / "part-0.parquet")
        return [folder]

    def write_frame(self, name: str, frame: Any) -> list[str]:
        """Write what ``frame`` computes as one new folder; return it."""
        folder = self._fresh(name)
        frame.write.parquet(str(self.folder / folder))
        return [folder]

    @contextmanager
    def staged(self, table: pa.Table) -> Iterator[Any]:
        """Let Spark read an Arrow table, as a DataFrame, for the time of the block."""
        folder = self.folder / self._fresh("staged")
        folder.mkdir(parents=True)
        pq.write_table(table, folder / "part-0.parquet")
        try:
            yield self._session.read.schema(spark_schema(table.schema)).parquet(str(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def changes(self) -> Iterator[None]:
        """Make all changes of the block count at its end, or none if it fails."""
        before = {name: list(folders) for name, folders in self.tables.items()}
        try:
            yield
        except BaseException:
            self.tables = before
            raise
        if self.tables != before:
            self._write()

    def with_null(self, frame: Any, name: str, column: str) -> Any:
        """Return ``frame`` with a null column of the type it has in table ``name``."""
        from pyspark.sql import functions

        kind = spark_schema(arrow_schema(name))[column].dataType
        return frame.withColumn(column, functions.lit(None).cast(kind))

    def _fresh(self, name: str) -> str:
        return f"{name}/{uuid.uuid4().hex}"

    def _read(self) -> dict[str, list[str]]:
        path = self.folder / CURRENT
        if path.exists():
            return dict(json.loads(path.read_text("utf-8"))["tables"])
        strangers = sorted(
            one.name for one in self.folder.iterdir() if one.name not in ("write.lock", CURRENT)
        )
        if set(strangers) - set(table_names()):
            self.close()
            raise StoreError(
                f"expected a Tingfeng warehouse or an empty folder at {self.folder}, found "
                f"{', '.join(strangers[:5])}; name another folder"
            )
        return {}

    def _write(self) -> None:
        draft = self.folder / f".{CURRENT}.{uuid.uuid4().hex}"
        with draft.open("w", encoding="utf-8") as file:
            json.dump({"tables": self.tables}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self.folder / CURRENT)

    def _sweep(self) -> None:
        """Remove folders that no table names: what failed, and what was replaced."""
        named = {folder for folders in self.tables.values() for folder in folders}
        for parent in (self.folder / name for name in (*table_names(), "staged")):
            for one in parent.iterdir() if parent.is_dir() else ():
                if f"{parent.name}/{one.name}" not in named:
                    shutil.rmtree(one, ignore_errors=True)


def stored_schema(name: str) -> pa.Schema:
    """Return the columns of a table's files: the layout's, for inputs with the row key."""
    schema = arrow_schema(name)
    return schema.append(pa.field(ROW_KEY, pa.string())) if name in INPUTS else schema


def spark_schema(schema: pa.Schema) -> Any:
    """Return an Arrow schema as Spark's."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema)


def _locked(path: Path) -> Any:
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise StoreError(
            f"expected {path.parent} to be free, found it in use by {holder}; "
            "end that one or wait for it"
        ) from error
    file.seek(0)
    file.truncate()
    file.write(f"process {os.getpid()}")
    file.flush()
    return file
