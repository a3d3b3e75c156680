"""Columns that a user fills for a whole file, as ``--set platform=shop``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from data.columns import TABLES
from profiles.store.tables import INPUTS
from serving.errors import UsageError

_IDENTIFIER_CONSTANTS: Final = pa.schema(
    [pa.field(name, pa.string()) for name in ("platform", "app_id", "open_platform")]
)


def check_constants(kind: str, constants: Mapping[str, str]) -> None:
    """Raises UsageError when a constant is of a column that the kind does not have."""
    names = _constant_schema(kind).names
    for name in constants:
        if name not in names:
            raise UsageError(
                f"--set: expected one of {', '.join(names)}, found {name!r}; correct it"
            )


def _constant_schema(kind: str) -> pa.Schema:
    if kind == "users":
        return TABLES[kind]
    return INPUTS[kind].schema if kind in INPUTS else _IDENTIFIER_CONSTANTS


def with_constants(kind: str, table: pa.Table, constants: Mapping[str, str]) -> pa.Table:
    """The table with each constant where its column lacks or is null."""
    schema = _constant_schema(kind)
    for name, value in constants.items():
        at = table.schema.get_field_index(name)
        if at < 0:
            constant = _constant(name, value, schema.field(name).type)
            table = table.append_column(name, pa.repeat(constant, table.num_rows))
        else:
            constant = _constant(name, value, table.schema.field(at).type)
            table = table.set_column(at, name, pc.fill_null(table.column(at), constant))
    return table


def _constant(name: str, value: str, kind: pa.DataType) -> pa.Scalar:
    try:
        return pa.scalar(value).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(
            f"--set {name}: expected a value of type {kind}, found {value!r}; correct it"
        ) from error
