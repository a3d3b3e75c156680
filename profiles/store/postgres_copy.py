"""Arrow to and from PostgreSQL through COPY: columns as CSV made and read by compiled code.

A row loop in Python would take some 20 s per million rows, this takes about one. Empty text and
null stay apart (quoted and unquoted in the CSV). Lists travel as text. PostgreSQL cannot hold the
character U+0000; it becomes U+FFFD on the way in.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from profiles.store.ddl import quoted

_NUL: Final = "\x00"
_CHUNK_BYTES: Final = 1 << 20
_SCAN_BYTES: Final = 1 << 24  # of one batch; no row may be longer


def copy_in(connection: psycopg.Connection[Any], relation: str, table: pa.Table) -> None:
    """Append ``table`` to ``relation``, whose columns have its names; see ``flat`` for lists."""
    names = ", ".join(quoted(name) for name in table.column_names)
    if table.num_rows == 0:
        return
    buffer = io.BytesIO()
    options = pa_csv.WriteOptions(include_header=False)
    pa_csv.write_csv(_without_empty(flat(table)), buffer, options)
    view = buffer.getbuffer()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {relation} ({names}) FROM STDIN (FORMAT csv)") as copy,
    ):
        for start in range(0, len(view), _CHUNK_BYTES):
            copy.write(view[start : start + _CHUNK_BYTES])


def _without_empty(table: pa.Table) -> pa.Table:
    """The rows without chunks of none, for which ``write_csv`` writes stale bytes (pyarrow 26)."""
    filled = [batch for batch in table.to_batches() if batch.num_rows]
    return pa.Table.from_batches(filled, table.schema)


def copy_out(connection: psycopg.Connection[Any], sql: str, schema: pa.Schema) -> pa.Table:
    """Return the result of a SELECT whose columns are, in order, those of ``schema``.

    Lists and records come as jsonb; records by name or by position (f1, f2, …).
    """
    columns = ", ".join(
        f"to_jsonb({quoted(field.name)}) AS {quoted(field.name)}"
        if pa.types.is_nested(field.type)
        else quoted(field.name)
        for field in schema
    )
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY (SELECT {columns} FROM ({sql}) AS q) TO STDOUT (FORMAT csv)") as copy,
    ):
        parts = [bytes(part) for part in copy]
    flat_schema = {
        field.name: pa.string() if pa.types.is_nested(field.type) else field.type
        for field in schema
    }
    if not parts:
        return schema.empty_table()
    read = pa_csv.read_csv(
        io.BytesIO(b"".join(parts)),
        read_options=pa_csv.ReadOptions(column_names=schema.names),
        parse_options=_PARSE,
        convert_options=_convert(flat_schema),
    )
    arrays = [_nested(read[field.name], field.type) for field in schema]
    return pa.table(arrays, schema=schema)


def scan_out(
    connection: psycopg.Connection[Any],
    name: str,
    schema: pa.Schema,
    where: str = "",
    given: Sequence[object] = (),
) -> Iterator[pa.Table]:
    """Yield the columns ``schema`` of a table in batches; lists as JSON text.

    ``where`` is a WHERE clause with a ``%s`` for each of ``given``.
    """
    listed = ", ".join(
        f"to_jsonb({quoted(field.name)})::text" if _is_list(field.type) else quoted(field.name)
        for field in schema
    )
    types = {field.name: pa.string() if _is_list(field.type) else field.type for field in schema}
    with (
        connection.cursor() as cursor,
        cursor.copy(
            f"COPY (SELECT {listed} FROM {quoted(name)} {where}) TO STDOUT (FORMAT csv)", given
        ) as copy,
    ):
        blocks = _Blocks(copy)
        if blocks.empty:
            return
        reader = pa_csv.open_csv(
            pa.PythonFile(blocks, mode="r"),
            read_options=pa_csv.ReadOptions(
                column_names=schema.names, block_size=_SCAN_BYTES, use_threads=False
            ),
            parse_options=_PARSE,
            convert_options=_convert(types),
        )
        for batch in reader:
            yield pa.Table.from_batches([batch])


@contextmanager
def wanted(connection: psycopg.Connection[Any], values: pa.Array) -> Iterator[str]:
    """Give a SELECT of text values that the server holds for the time of the block."""
    connection.execute("DROP TABLE IF EXISTS pg_temp.wanted_in")  # of a scan that was not ended
    connection.execute("CREATE TEMP TABLE wanted_in (value text)")
    copy_in(connection, "wanted_in", pa.table({"value": values}))
    connection.execute("ANALYZE wanted_in")
    yield "SELECT value FROM wanted_in"
    connection.execute("DROP TABLE wanted_in")


class _Blocks(io.RawIOBase):
    """What COPY sends, as a file."""

    def __init__(self, copy: Any) -> None:
        super().__init__()
        self._parts = (bytes(part) for part in copy)
        self._left = next(self._parts, b"")
        self.empty = not self._left

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts, n = [self._left], len(self._left)
        while size < 0 or n < size:
            part = next(self._parts, b"")
            if not part:
                break
            parts.append(part)
            n += len(part)
        whole = b"".join(parts)
        cut = len(whole) if size < 0 else size
        self._left = whole[cut:]
        return whole[:cut]


# a null alone in its row is an empty line
_PARSE: Final = pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)


def _convert(types: Mapping[str, pa.DataType]) -> pa_csv.ConvertOptions:
    return pa_csv.ConvertOptions(
        column_types=dict(types),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        true_values=["t"],
        false_values=["f"],
    )


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind))


def flat(table: pa.Table) -> pa.Table:
    """Return ``table`` without U+0000, lists as text: of words as PostgreSQL writes them, of
    records as JSON.
    """
    nested = [field for field in table.schema if pa.types.is_nested(field.type)]
    if nested:
        picked = ", ".join(f"{_list_text(field)} AS {quoted(field.name)}" for field in nested)
        with duckdb.connect() as memory:
            memory.register("given", table.select([field.name for field in nested]))
            memory.execute("SET TimeZone = 'UTC'")
            texts = memory.execute(f"SELECT {picked} FROM given").to_arrow_table()
        for field in nested:
            at = table.column_names.index(field.name)
            table = table.set_column(at, field.name, texts[field.name])
    for at, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(at, field.name, _without_nul(table.column(at)))
    return table


def _list_text(field: pa.Field) -> str:
    name = quoted(field.name)
    if not pa.types.is_list(field.type) or pa.types.is_nested(field.type.value_type):
        return f"to_json({name})::VARCHAR"
    escaped = """replace(replace(word::VARCHAR, '\\', '\\\\'), '"', '\\"')"""
    words = f"""list_transform({name}, lambda word: coalesce('"' || {escaped} || '"', 'NULL'))"""
    return f"""CASE WHEN {name} IS NOT NULL
        THEN '{{' || coalesce(array_to_string({words}, ','), '') || '}}' END"""


def _without_nul(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pc.any(pc.match_substring(column, _NUL)).as_py():
        return column
    return pc.replace_substring(column, _NUL, "\ufffd")


def _nested(column: pa.ChunkedArray, kind: pa.DataType) -> Any:
    if not pa.types.is_nested(kind):
        return column
    values = [None if text is None else json.loads(text) for text in column.to_pylist()]
    return pa.array([_named(value, kind) for value in values], kind)


def _named(value: Any, kind: pa.DataType) -> Any:
    """``value`` with the members of records under their names, where they came by position."""
    if value is None:
        return None
    if pa.types.is_list(kind):
        return [_named(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        return {
            field.name: _named(value.get(field.name, value.get(f"f{at}")), field.type)
            for at, field in enumerate(kind, start=1)
        }
    if pa.types.is_timestamp(kind) and isinstance(value, str):
        return _moment(value)
    return value


def _moment(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)
