"""SQLite databases, opened read-only: one table of them.

Which table is the caller's to say when more than one could be meant. Cells keep SQLite's own
values; a text that is not UTF-8 is a reject.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from data.readers import limits
from data.readers.errors import DumpError, fail, printable
from data.readers.infer import ColumnTypes
from data.readers.report import RepairReport
from data.readers.rows import Reject, Row, Scan
from data.readers.source import RowSource, column_names, shown_columns

_SCAN_ROWS: Final = 4_096


def connect(path: Path) -> sqlite3.Connection:
    """A read-only connection that leaves nothing behind next to the file."""
    logged = path.with_name(path.name + "-wal").exists()
    mode = "mode=ro" if logged else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True)
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return connection


def list_tables(path: Path) -> dict[str, list[str]]:
    """Columns by table or view, in the database's order. Raises: DumpError when it is broken."""
    query = (
        "SELECT name FROM sqlite_master"
        " WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
    )
    try:
        with closing(connect(path)) as connection:
            names = [name for (name,) in connection.execute(query)]
            return {name: _columns(connection, name) for name in names}
    except sqlite3.Error as error:
        raise _broken(path, error) from error


def count_rows(path: Path, table: str) -> int:
    """Rows of one table."""
    try:
        with closing(connect(path)) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()[0])
    except sqlite3.Error as error:
        raise _broken(path, error) from error


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    cursor = connection.execute(f"SELECT * FROM {_quoted(table)} LIMIT 0")
    return [column[0] for column in cursor.description]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _broken(path: Path, error: Exception) -> DumpError:
    return fail(path, "a readable SQLite database", str(error), "copy or export it again")


class SqliteSource(RowSource):
    """Rows of one table in the database's order; the line is the row number."""

    container = "SQLite"

    def __init__(self, path: Path, table: str) -> None:
        super().__init__(path, table)
        tables = list_tables(path)
        if table not in tables:
            found = f"no table {printable(table)!r}, but {shown_columns(list(tables)) or 'none'}"
            raise fail(path, "the table named after ::", found, "name one of them")
        self._names = tables[table]

    def rows(self, report: RepairReport) -> Iterator[Row | Reject]:  # noqa: ARG002
        """Every row; those with text that is not UTF-8 are rejects."""
        try:
            with closing(connect(self.path)) as connection:
                cursor = connection.execute(f"SELECT * FROM {_quoted(self.table or '')}")
                for number, cells in enumerate(cursor, start=1):
                    yield self._row_or_reject(number, cells)
        except sqlite3.Error as error:
            raise _broken(self.path, error) from error

    def _row_or_reject(self, number: int, cells: tuple[Any, ...]) -> Row | Reject:
        size = 0
        for cell in cells:
            if type(cell) is str or type(cell) is bytes:
                size += len(cell)
                if type(cell) is str and not cell.isascii() and _undecoded(cell):
                    reason = "invalid_bytes: a text of this row is not valid UTF-8"
                    return self.reject(number, number, reason, repr(cells))
        if size > limits.MAX_ROW_BYTES:
            reason = f"row_too_large: {size:,} characters"
            return self.reject(number, number, reason, repr(cells)[: limits.MAX_RAW_CHARS])
        return Row(number, number, cells, size)

    def scan(self) -> Scan:
        """Settle one type per column and count the rows."""
        types = [ColumnTypes() for _ in self._names]
        head: list[Row] = []
        waiting: list[Row] = []
        total = 0
        for item in self.rows(RepairReport()):
            total += 1
            if isinstance(item, Row):
                waiting.append(item)
            if len(waiting) == _SCAN_ROWS:
                head += waiting[: limits.HEAD_ROWS - len(head)]
                _see(types, waiting)
                waiting = []
        _see(types, waiting)
        head += waiting[: limits.HEAD_ROWS - len(head)]
        names, _ = column_names(self.path, self._names)
        kinds = [column.arrow_type() for column in types]
        self.schema = pa.schema(
            [pa.field(name, kind) for name, kind in zip(names, kinds, strict=True)]
        )
        columns = self.columns(head)
        return Scan(schema=self.schema, rows=total, head=[list(values) for values in columns])


def _see(types: list[ColumnTypes], rows: list[Row]) -> None:
    if rows:
        for column, values in zip(
            types, zip(*(row.cells for row in rows), strict=True), strict=True
        ):
            column.see(values)


def _undecoded(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
