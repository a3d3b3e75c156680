"""Events as a relation of a DuckDB connection: from a file, an Arrow table or the store.

Every relation has ``person_id``, ``event``, ``time`` and properties as further columns, or as
members of a JSON column ``properties``. Files: CSV, TSV, JSON, JSON lines, Parquet. Times are
seconds since the epoch (milliseconds by their size) or ISO 8601; without a zone they are UTC+8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import duckdb
import pyarrow as pa

from profiles.funnel.errors import EventsError
from profiles.funnel.sql import FIXED, INTEGERS, literal, quoted, time_ms_sql
from profiles.sql import LOCAL_ZONE

# names that mean the person; an event file of the store's own kind says user_id
PERSON_NAMES: Final = ("person_id", "customer_id", "user_id")
_TEXT_OPTIONS: Final = "all_varchar = true, header = true, sample_size = 20000"
_READERS: Final = MappingProxyType(
    {
        ".csv": f"read_csv({{0}}, {_TEXT_OPTIONS})",
        ".tsv": f"read_csv({{0}}, delim = '\t', {_TEXT_OPTIONS})",
        ".jsonl": "read_json({0}, format = 'newline_delimited')",
        ".ndjson": "read_json({0}, format = 'newline_delimited')",
        ".json": "read_json({0}, format = 'auto')",
        ".parquet": "read_parquet({0})",
    }
)
_CONFIG: Final = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A named relation: its connection, its columns and their types, the time as SQL."""

    connection: duckdb.DuckDBPyConnection
    name: str
    types: Mapping[str, str]

    @property
    def columns(self) -> list[str]:
        """Every column, in order."""
        return list(self.types)

    @property
    def time_ms(self) -> str:
        """SQL of the time as milliseconds since the epoch, null where it cannot be read."""
        return time_ms_sql("time", self.types["time"])

    @property
    def usable(self) -> str:
        """SQL that tells whether a row has a person, an event and a time."""
        is_number = self.types["person_id"] in INTEGERS
        person = "person_id IS NOT NULL" if is_number else "CAST(person_id AS VARCHAR) <> ''"
        time = "time" if self.types["time"] in INTEGERS else self.time_ms
        return f"coalesce({person} AND event <> '' AND {time} IS NOT NULL, FALSE)"


@contextmanager
def open_events(source: str | Path | pa.Table) -> Iterator[Relation]:
    """The events of a file or an Arrow table.

    Raises:
        EventsError: the file cannot be read, or lacks a person, an event or a time.
    """
    with duckdb.connect(config=dict(_CONFIG)) as connection:
        connection.execute(f"SET TimeZone = '{LOCAL_ZONE}'")
        if isinstance(source, pa.Table):
            connection.register("events_given", source)
            sql = "events_given"
        else:
            sql = _reader(Path(source))
        yield relation(connection, sql, str(source) if not isinstance(source, pa.Table) else "rows")


def read_table(path: str | Path) -> pa.Table:
    """The rows of a file, as they are.

    Raises:
        EventsError: the file cannot be read.
    """
    with duckdb.connect(config=dict(_CONFIG)) as connection:
        try:
            return connection.sql(f"SELECT * FROM {_reader(Path(path))}").to_arrow_table()
        except duckdb.Error as error:
            raise EventsError(_unreadable(str(path), error)) from error


def read_profiles(path: str | Path) -> pa.Table:
    """A file with ``person_id`` and what is known of persons in further columns.

    Raises:
        EventsError: the file cannot be read or has no ``person_id``.
    """
    table = read_table(path)
    person = next((name for name in PERSON_NAMES if name in table.column_names), None)
    if person is None:
        raise EventsError(
            f"expected the column person_id in {path}, found {', '.join(table.column_names)}; "
            "rename the column"
        )
    names = ["person_id" if name == person else name for name in table.column_names]
    return table.rename_columns(names)


def _unreadable(label: str, error: Exception) -> str:
    reason = " ".join(str(error).split())[:200]
    return (
        f"expected a table that can be read, found {label}: {reason}; "
        "give UTF-8 CSV, JSON lines or Parquet"
    )


def relation(connection: duckdb.DuckDBPyConnection, sql: str, label: str) -> Relation:
    """The relation that ``sql`` (a table, or a call of a reader) names; text is read once.

    Raises:
        EventsError: it cannot be read, or lacks a person, an event or a time.
    """
    kept = "TABLE" if sql.startswith(("read_csv", "read_json")) else "VIEW"
    try:
        connection.execute(f"CREATE OR REPLACE TEMP {kept} events_raw AS SELECT * FROM {sql}")
        described = connection.execute("DESCRIBE events_raw").fetchall()
    except duckdb.Error as error:
        raise EventsError(_unreadable(label, error)) from error
    types = {str(row[0]): str(row[1]) for row in described}
    person = _person(types, label)
    renamed = ", ".join(
        f"{quoted(name)} AS person_id" if name == person else quoted(name) for name in types
    )
    connection.execute(f"CREATE OR REPLACE TEMP VIEW events_in AS SELECT {renamed} FROM events_raw")
    named = {"person_id" if name == person else name: kind for name, kind in types.items()}
    return Relation(connection=connection, name="events_in", types=named)


def _person(types: Mapping[str, str], label: str) -> str:
    """The column of the person; says all that is missing."""
    person = next((name for name in PERSON_NAMES if name in types), None)
    missing = [name for name in FIXED[1:] if name not in types]
    if person is None or missing:
        lacking = [*([] if person else ["person_id"]), *missing]
        raise EventsError(
            f"expected the columns {', '.join(FIXED)} in {label}, found no {', no '.join(lacking)} "
            f"among {', '.join(types)}; rename the columns"
        )
    return person


def _reader(path: Path) -> str:
    if not path.is_file():
        raise EventsError(f"expected a file at {path}, found none; check the path")
    if path.suffix.lower() not in _READERS:
        raise EventsError(
            f"expected a name ending in {', '.join(_READERS)}, found {path.name!r}; convert it"
        )
    if path.stat().st_size == 0:
        raise EventsError(f"expected rows in {path}, found an empty file; give at least a header")
    return _READERS[path.suffix.lower()].format(literal(str(path)))
