"""The rows of a batch as the store takes them: canonical columns, and what carries identifiers.

Accounts and platforms are written alike whatever the kind, so that their keys agree.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from data.readers import Batch, Dump
from data.readers.ids import clean_ids, is_damaged
from data.readers.names import platform_key
from profiles.identity_rules import IdentityRules, carrying_names

_ACCOUNTS: Final = ("user_id", "platform_uid")  # columns of identifiers that hold an account's id


def table_rows(kind: str, dump: Dump, batch: Batch, rules: IdentityRules) -> pa.Table:
    """The batch under the columns of ``kind`` that the file has, with further ones that carry
    identifiers, and for events those that become properties; identifiers come as in the file.
    """
    if kind == "identifiers":
        return _identifiers(dump, batch)
    given = [name for name in batch.records.schema.names if _is_given(name, dump)]
    table = pa.Table.from_batches([batch.records]).select(given)
    return _with_further(table, kind, dump, batch, rules)


def _identifiers(dump: Dump, batch: Batch) -> pa.Table:
    """The rows as they came, accounts and platforms written as the other kinds have them."""
    table = pa.table(
        [_empty_as_null(column) for column in batch.original.columns],
        schema=batch.original.schema,
    )
    for at, name in enumerate(table.column_names):
        if name in _ACCOUNTS:
            ids = clean_ids(table[name].to_pylist(), dump.repairs, zeroed=False)
            whole = [None if one is None or is_damaged(one) else one for one in ids]
            table = table.set_column(at, name, pa.array(whole, pa.string()))
        elif name == "platform":
            keys = [
                platform_key(str(one).strip()) if one else None for one in table[name].to_pylist()
            ]
            table = table.set_column(at, name, pa.array(keys, pa.string()))
    return table


def _is_given(name: str, dump: Dump) -> bool:
    """Whether the file says something of this column; where it does not the store's stays."""
    return (
        name in dump.columns
        or name == "content_id"
        or (name == "platform" and dump.platform is not None)
    )


def _with_further(
    table: pa.Table, kind: str, dump: Dump, batch: Batch, rules: IdentityRules
) -> pa.Table:
    """The rows with the input columns that carry identifiers, which the store links, and those of
    events that no field took, which the store folds.
    """
    carrying = carrying_names(rules)
    taken = {name for names in dump.columns.values() for name in names}
    for name in batch.original.schema.names:
        folded = kind == "events" and name not in taken
        if name not in batch.records.schema.names and (folded or name in carrying):
            table = table.append_column(name, _empty_as_null(batch.original[name]))
    return table


def _empty_as_null(column: pa.Array) -> pa.Array:
    if not pa.types.is_string(column.type):
        return column
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
