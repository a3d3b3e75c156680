"""The columns of a scored file: the input's as they came, ``comment_id``, then the scores.

An input column that bears the name of a score column is kept under the prefix ``input_``. Where
several inputs disagree on a column's type the column is text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from data.columns import SCORES
from data.readers.infer import to_array

INPUT_PREFIX: Final = "input_"


class OutputColumns:
    """Where each input column goes, for all inputs of one output."""

    def __init__(self, inputs: Sequence[pa.Schema]) -> None:
        self._taken = {name for schema in inputs for name in schema.names}
        columns: dict[str, pa.DataType] = {}
        for schema in inputs:
            for column in schema:
                name = self.name(column.name)
                known = columns.get(name, column.type)
                columns[name] = column.type if known == column.type else pa.string()
        columns["comment_id"] = pa.string()
        self.schema = pa.schema([pa.field(n, kind) for n, kind in columns.items()] + list(SCORES))

    def name(self, column: str) -> str:
        """The name under which an input column is kept."""
        if column not in SCORES.names:
            return column
        name = INPUT_PREFIX + column
        while name in self._taken:
            name = INPUT_PREFIX + name
        return name

    def join(self, original: pa.RecordBatch, records: pa.RecordBatch, scores: pa.Table) -> pa.Table:
        """Input columns, ids and scores of the same rows side by side, under ``schema``.

        An input column ``comment_id`` stays as it came, except that blank cells are filled with the
        id that the reader gave the row.
        """
        columns: dict[str, Any] = {
            self.name(name): original.column(at) for at, name in enumerate(original.schema.names)
        }
        columns["comment_id"] = _ids(columns.get("comment_id"), records["comment_id"])
        columns |= {name: scores[name] for name in SCORES.names}
        rows = original.num_rows
        arrays = [_as_type(columns.get(f.name), f.type, rows) for f in self.schema]
        return pa.table(arrays, schema=self.schema)


def _ids(own: pa.Array | None, given: pa.Array) -> pa.Array:
    if own is None:
        return given
    text = _as_type(own, pa.string(), len(own))
    blank = pc.equal(pc.utf8_trim_whitespace(text), "")
    return pc.coalesce(pc.if_else(blank, pa.scalar(None, pa.string()), text), given)


def _as_type(column: Any, kind: pa.DataType, rows: int) -> Any:
    """The column as that type; what Arrow cannot cast to text becomes JSON text."""
    if column is None:
        return pa.nulls(rows, kind)
    if column.type == kind:
        return column
    try:
        return column.cast(kind)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return to_array(column.to_pylist(), kind, None)
