"""An Arrow table as it came, made ready to load: checked, cast, folded and hashed.

Every fault of a table is reported in one error. Columns that the store does not keep are left out,
except for events, whose further columns become members of ``properties``.
"""

from __future__ import annotations

from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from profiles.errors import StoreError
from profiles.identity import hash_user_ids
from profiles.identity_rules import IdentityRules, identifier_names
from profiles.store.ddl import quoted
from profiles.store.tables import INPUTS, InputTable, account_columns

_NOT_PROPERTIES: Final = frozenset({"user_name"})


def stage(kind: str, table: pa.Table, key: bytes, rules: IdentityRules) -> pa.Table:
    """Return the rows of ``table`` with stored columns only, canonical types and hashed user ids.

    Row order is kept. Columns that the rules name as identifiers become no properties of events. A
    natural-key column the table lacks is added as null where it may be null.

    Raises:
        StoreError: the kind is unknown, or the table has faults (all of them are named).
    """
    spec = input_table(kind)
    if kind == "events":
        table = _fold_properties(table, spec, identifier_names(rules))
    faults: list[str] = []
    staged = {name: _cast(table, name, spec, faults) for name in _present(table, spec)}
    _check_required(staged, spec, faults)
    if faults:
        raise StoreError(
            f"expected a table of {kind}, found {len(faults)} fault(s): {'; '.join(faults)}; "
            "correct the file or map its columns"
        )
    for name in spec.key:
        staged.setdefault(name, pa.nulls(table.num_rows, spec.schema.field(name).type))
    result = pa.table(staged)
    for name in account_columns(staged):
        result = hash_user_ids(result, key, name)
    return result


def input_table(kind: str) -> InputTable:
    """Return the description of one loadable table.

    Raises:
        StoreError: there is no such table.
    """
    if kind not in INPUTS:
        raise StoreError(f"expected one of {', '.join(INPUTS)}, found {kind!r}; name one of them")
    return INPUTS[kind]


def _present(table: pa.Table, spec: InputTable) -> list[str]:
    return [name for name in spec.schema.names if name in table.column_names]


def _cast(table: pa.Table, name: str, spec: InputTable, faults: list[str]) -> pa.ChunkedArray:
    wanted = spec.schema.field(name).type
    column = table[name]
    is_id = wanted == pa.string() and name.endswith("_id")
    if is_id and pa.types.is_floating(column.type):  # 1.2e17: the digits are gone already
        faults.append(f"{name} is {column.type}, expected text or whole numbers")
        return column
    try:
        # unsafe only where it means cutting microseconds to milliseconds
        return pc.cast(column, wanted, safe=not pa.types.is_timestamp(wanted))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        faults.append(f"{name} is {column.type}, expected {wanted}")
        return column


def _check_required(
    staged: dict[str, pa.ChunkedArray], spec: InputTable, faults: list[str]
) -> None:
    for field in spec.schema:
        if field.nullable:
            continue
        if field.name not in staged:
            faults.append(f"column {field.name} is missing")
        elif staged[field.name].null_count:
            faults.append(f"{field.name} is empty in {staged[field.name].null_count} row(s)")


def _fold_properties(table: pa.Table, spec: InputTable, hidden: frozenset[str]) -> pa.Table:
    """Return ``table`` with its further columns, where not null, inside ``properties``."""
    known = {*spec.schema.names, *_NOT_PROPERTIES, *hidden}
    further = [name for name in table.column_names if name not in known]
    if not further:
        return table
    given = "properties" if "properties" in table.column_names else "NULL"
    members = ", ".join(f"{quoted(name)}: {quoted(name)}" for name in further)
    with duckdb.connect() as connection:
        connection.register("events_in", table)
        folded = connection.sql(
            f"""SELECT nullif(json_merge_patch(coalesce({given}, '{{}}')::JSON,
                to_json({{{members}}}))::VARCHAR, '{{}}') AS properties FROM events_in"""
        ).to_arrow_table()
    kept = table.drop_columns([*further, *({"properties"} & set(table.column_names))])
    return kept.append_column("properties", folded["properties"])
