"""Users, events, orders and campaigns in canonical form, and a reject with its reasons for every
row that is none.

A row is rejected when a required value is missing, unreadable or damaged, when an amount cannot be
read or is below zero, or when its shape says that such rows are left out (closed orders). All that
is wrong with a row is in one reason, the first key in front.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from data.columns import TABLES, TIMESTAMP
from data.readers.binding import Binding
from data.readers.cells import CellReader, says_nothing
from data.readers.consent import CONSENT_TIMES, consent_faults, consents_fit
from data.readers.errors import printable
from data.readers.ids import is_damaged
from data.readers.infer import as_text, to_array
from data.readers.order_lines import OrderLines
from data.readers.plain_cells import usable
from data.readers.report import RepairReport
from data.readers.rows import Batch, Chunk, Reject, cut
from data.readers.shapes.shape import MONEY

Faults = list[list[str]]  # by row of a chunk
Columns = dict[str, list[Any]]


class TableReader:
    """Turns chunks into batches for one pass over one dump."""

    def __init__(self, binding: Binding, label: str, report: RepairReport) -> None:
        if binding.shape is None:
            raise ValueError(f"expected a binding with a shape, found {binding.format}")
        self._binding, self._shape = binding, binding.shape
        self._label, self._report = label, report
        self._cells = CellReader(binding, report)
        self._lines = OrderLines(self._shape.lines) if self._shape.lines else None
        self.schema = TABLES[binding.kind]
        self._has_consent = "consent_purpose" in {*binding.fields, *binding.filled}

    @property
    def needs_lines(self) -> bool:
        """True when ``see_lines`` must have seen the whole file before ``convert``."""
        return self._lines is not None

    def see_lines(self, chunk: Chunk) -> None:
        """Learns what the orders of these lines are in all."""
        order_lines, report = self._lines, self._report
        if order_lines is None:
            return
        self._cells = CellReader(self._binding, RepairReport())  # the second pass counts
        columns, faults = self._read(chunk, RepairReport())
        self._cells = CellReader(self._binding, report)
        names = chunk.original.schema.names
        at = [names.index(each) for each in self._shape.line_id if each in names][:1]
        marks = [chunk.values(index) for index in (at or range(len(names)))]
        before = order_lines.repeated
        for row, fault in enumerate(faults):
            if not fault:
                order_lines.see(
                    columns["order_id"][row],
                    [as_text(mark[row]) for mark in marks],
                    columns["amount_cny"][row],
                    columns["time"][row],
                    columns["items"][row],
                )
        if order_lines.repeated > before:
            report.add("duplicate_lines", order_lines.repeated - before)

    def convert(self, chunk: Chunk) -> Batch:
        """The chunk's good rows under the canonical names, same order; the others as rejects."""
        plain = self._plain(chunk)
        if plain is not None:
            return Batch(
                original=chunk.original,
                records=plain,
                row_numbers=chunk.row_numbers,
                lines=chunk.lines,
                rejects=chunk.rejects,
            )
        columns, faults = self._read(chunk, self._report)
        if self._lines is not None:
            _as_whole(columns, faults, self._lines)
        for name in MONEY:
            for row, amount in enumerate(columns.get(name, ())):
                if amount is not None and amount < 0 and not faults[row]:
                    faults[row].append(f"negative_{name}: {amount:g}")
        kept = [row for row, fault in enumerate(faults) if not fault]
        rejects = [*chunk.rejects, *self._rejects(chunk, faults)]
        arrays = [
            _to_arrow([columns[field.name][row] for row in kept], field) for field in self.schema
        ]
        whole = len(kept) == len(faults)
        return Batch(
            original=chunk.original if whole else chunk.original.take(pa.array(kept, pa.int64())),
            records=pa.RecordBatch.from_arrays(arrays, schema=self.schema),
            row_numbers=[chunk.row_numbers[row] for row in kept],
            lines=[chunk.lines[row] for row in kept],
            rejects=sorted(rejects, key=lambda reject: reject.row),
        )

    def _plain(self, chunk: Chunk) -> pa.RecordBatch | None:
        """All rows under the canonical names, if no cell needs a look of its own."""
        shape, n = self._shape, chunk.original.num_rows
        if not n or shape.leave_out or shape.subtract or self._lines is not None:
            return None
        arrays: list[pa.Array] = []
        for field in self.schema:
            at = self._binding.fields.get(field.name, ())
            array = None
            if not at:
                constant = self._binding.platform if field.name == "platform" else None
                array = pa.repeat(pa.scalar(constant, field.type), n)
            elif len(at) == 1 and chunk.original.column(at[0]).type == pa.string():
                array = self._cells.read_column(field, chunk.original.column(at[0]))
            required = not field.nullable and field.name not in self._binding.filled
            if array is None or (at and not usable(array, required=required)):
                return None
            arrays.append(array)
        given = dict(zip(self.schema.names, arrays, strict=True))
        if self._has_consent and not consents_fit(given, self._binding.filled):
            return None
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _read(self, chunk: Chunk, report: RepairReport) -> tuple[Columns, Faults]:
        """Values by column and what is wrong by row."""
        faults: Faults = [[] for _ in chunk.row_numbers]
        self._leave_out(chunk, faults)
        columns = {field.name: self._column(field, chunk, faults) for field in self.schema}
        for name, sources in self._shape.subtract.items():
            self._subtract(columns[name], name, sources, chunk, faults, report)
        if self._has_consent:
            consent_faults(columns, faults, self._binding.filled)
        return columns, faults

    def _column(self, field: pa.Field, chunk: Chunk, faults: Faults) -> list[Any]:
        at = self._binding.fields.get(field.name, ())
        if not at:
            constant = self._binding.platform if field.name == "platform" else None
            return [constant] * len(faults)
        raw = [chunk.values(index) for index in at]
        read = [self._cells.read(field, values) for values in raw]
        values = [next((v for v in row if v is not None), None) for row in zip(*read, strict=True)]
        if not field.nullable or field.name in MONEY or field.name in CONSENT_TIMES:
            names = [chunk.original.schema.names[index] for index in at]
            self._check(field, values, raw, names, faults)
        return values

    def _check(
        self,
        field: pa.Field,
        values: list[Any],
        raw: list[Sequence[Any]],
        names: list[str],
        faults: Faults,
    ) -> None:
        """A fault for every row whose value the row needs and does not have."""
        required = not field.nullable and field.name not in self._binding.filled
        for row, value in enumerate(values):
            if isinstance(value, str) and is_damaged(value):
                faults[row].append(f"damaged_{field.name}: {printable(value[:80])}")
            elif value is None:
                said = [
                    f"{name} {as_text(cells[row])!r:.80}"
                    for name, cells in zip(names, raw, strict=True)
                    if not says_nothing(cells[row])
                ]
                if said:
                    faults[row].append(f"unreadable_{field.name}: {', '.join(said)}")
                elif required:
                    faults[row].append(f"missing_{field.name}: {' and '.join(names)} empty")

    def _leave_out(self, chunk: Chunk, faults: Faults) -> None:
        names = chunk.original.schema.names
        for rule in self._shape.leave_out:
            for column in rule.column:
                if column not in names:
                    continue
                for row, value in enumerate(chunk.values(names.index(column))):
                    text = (as_text(value) or "").strip()
                    if text in rule.values:
                        faults[row].append(f"{rule.because}: {column} is {text}")

    def _subtract(
        self,
        values: list[Any],
        name: str,
        sources: Sequence[str],
        chunk: Chunk,
        faults: Faults,
        report: RepairReport,
    ) -> None:
        """Take off what was refunded; an order refunded in full is left out."""
        names = chunk.original.schema.names
        column = next((each for each in sources if each in names), None)
        if column is None:
            return
        field = self.schema.field(name)
        raw = chunk.values(names.index(column))
        for row, refund in enumerate(self._cells.read(field, raw)):
            if refund is None and not says_nothing(raw[row]):
                faults[row].append(f"unreadable_refund: {column} {as_text(raw[row])!r:.80}")
            if not refund or values[row] is None:
                continue
            values[row] = round(values[row] - abs(refund), 6)
            if values[row] <= 0:
                faults[row].append(f"refunded: {column} is {abs(refund):g}")
            else:
                report.add("refunds_subtracted")

    def _rejects(self, chunk: Chunk, faults: Faults) -> list[Reject]:
        width = chunk.original.num_columns
        return [
            Reject(
                file=self._label,
                line=chunk.lines[row],
                row=chunk.row_numbers[row],
                reason="; ".join(fault),
                raw=cut(_raw([chunk.values(index)[row] for index in range(width)])),
            )
            for row, fault in enumerate(faults)
            if fault
        ]


def _as_whole(columns: Columns, faults: Faults, lines: OrderLines) -> None:
    for row, order_id in enumerate(columns["order_id"]):
        if not faults[row]:
            amount, time, items = lines.whole(order_id)
            columns["amount_cny"][row], columns["time"][row] = amount, time
            columns["items"][row] = items


def _raw(cells: Sequence[Any]) -> str:
    """The row as a CSV line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([as_text(cell) for cell in cells])
    return text.getvalue()


def _to_arrow(values: list[Any], field: pa.Field) -> pa.Array:
    if field.type == TIMESTAMP:
        return pa.array(values, pa.int64()).cast(TIMESTAMP)
    return to_array(values, field.type, None)
