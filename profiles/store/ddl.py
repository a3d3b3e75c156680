"""Arrow schemas as DuckDB column lists, so that a column is named and typed in one place only."""

from __future__ import annotations

import pyarrow as pa

from profiles.store.tables import DERIVED, INPUTS, InputTable


def quoted(name: str) -> str:
    """Return ``name`` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def sql_type(kind: pa.DataType) -> str:
    """Return the DuckDB type that holds every value of the Arrow type ``kind``.

    Raises:
        TypeError: the type is none of those the canonical tables use.
    """
    if pa.types.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        inner = ", ".join(f"{quoted(field.name)} {sql_type(field.type)}" for field in kind)
        return f"STRUCT({inner})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    names = {
        pa.string(): "VARCHAR",
        pa.int64(): "BIGINT",
        pa.float32(): "FLOAT",
        pa.float64(): "DOUBLE",
        pa.bool_(): "BOOLEAN",
    }
    if kind not in names:
        raise TypeError(
            f"expected a type of the canonical tables, found {kind}; add it to sql_type"
        )
    return names[kind]


def create_statements() -> list[str]:
    """Return one CREATE TABLE per stored table, in a fixed order."""
    return [create_statement(name) for name in (*INPUTS, *DERIVED)]


def create_statement(name: str) -> str:
    """Return the CREATE TABLE of one stored table."""
    columns = _columns(INPUTS[name]) if name in INPUTS else DERIVED[name]
    return f"CREATE TABLE {name} ({columns})"


def _columns(table: InputTable) -> str:
    declared = [f"{quoted(field.name)} {sql_type(field.type)}" for field in table.schema]
    return ", ".join([*declared, "run_id VARCHAR"])
