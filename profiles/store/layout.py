"""Every stored table as ibis and Arrow schemas, so that all engines agree on columns and types.

``tables.py`` writes the layout once, in DuckDB's terms; here it is read for the other engines.
Arrow moments are microseconds in UTC and JSON is text, whatever engine answered.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from profiles.store.ddl import quoted, sql_type
from profiles.store.tables import DERIVED, INPUTS

if TYPE_CHECKING:
    import ibis

MOMENT = pa.timestamp("us", tz="UTC")


def load_ibis() -> Any:
    """Return the module ibis; imported here because it takes a second, which few commands need."""
    import ibis

    return ibis


def table_names() -> tuple[str, ...]:
    """Return the names of every table of this release, inputs first."""
    return (*INPUTS, *DERIVED)


@lru_cache(maxsize=128)
def ibis_schema(name: str) -> ibis.Schema:
    """Return the columns of a stored table as ibis types, without an engine's own columns."""
    ibis_module = load_ibis()
    from ibis.backends.sql.datatypes import DuckDBType

    parsed = {
        column: DuckDBType.from_string(kind, nullable=True) for column, kind in _declared(name)
    }
    return ibis_module.schema(parsed)


@lru_cache(maxsize=128)
def arrow_schema(name: str) -> pa.Schema:
    """Return the columns of a stored table as Arrow types."""
    return to_arrow(ibis_schema(name))


def to_arrow(schema: Any) -> pa.Schema:
    """Return an ibis schema as Arrow types: JSON as text, moments in microseconds."""
    return pa.schema([pa.field(name, _arrow_type(kind)) for name, kind in schema.items()])


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return ``table`` with the columns of ``schema`` in its order; absent columns are null.

    Moments are cut to microseconds.

    Raises:
        pa.ArrowInvalid: a value does not fit its column.
    """
    columns = []
    for field in schema:
        if field.name in table.column_names:
            columns.append(table[field.name].cast(field.type, safe=not _is_moment(field.type)))
        else:
            columns.append(pa.chunked_array([pa.nulls(table.num_rows, field.type)]))
    return pa.table(columns, schema=schema)


def _declared(name: str) -> list[tuple[str, str]]:
    """Column names and DuckDB types of one table."""
    if name in INPUTS:
        fields = [(field.name, sql_type(field.type)) for field in INPUTS[name].schema]
        return [*fields, ("run_id", "VARCHAR")]
    import sqlglot

    created = sqlglot.parse_one(f"CREATE TABLE {quoted(name)} ({DERIVED[name]})", read="duckdb")
    return [
        (column.name, column.args["kind"].sql("duckdb"))
        for column in created.this.expressions
        if column.args.get("kind") is not None
    ]


def _is_moment(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind))


def _arrow_type(kind: Any) -> pa.DataType:
    if kind.is_array():
        return pa.list_(_arrow_type(kind.value_type))
    if kind.is_struct():
        return pa.struct([(name, _arrow_type(inner)) for name, inner in kind.items()])
    if kind.is_timestamp():
        return MOMENT if kind.timezone else pa.timestamp("us")
    if kind.is_string() or kind.is_json():
        return pa.string()
    if kind.is_floating():
        return {32: pa.float32()}.get(kind.nbytes * 8, pa.float64())
    if kind.is_boolean():
        return pa.bool_()
    if kind.is_date():
        return pa.date32()
    if kind.is_integer():
        return {8: pa.int8(), 16: pa.int16(), 32: pa.int32()}.get(kind.nbytes * 8, pa.int64())
    if kind.is_decimal():
        return pa.decimal128(kind.precision or 38, kind.scale or 0)
    raise TypeError(f"expected a type that a stored table or a read can have, found {kind}")
