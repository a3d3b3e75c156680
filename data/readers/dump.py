"""A dump opened for reading: what it is, and its rows in batches, as often as asked.

Opening reads the file once (encoding, columns, types, number of rows); ``batches`` reads it again
with constant memory. Every row of the file is either in a batch or among the rejects.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow as pa

from data.readers.binding import TABLE_KINDS, Table, Wanted
from data.readers.bytestream import (
    TextProbe,
    check_unchanged,
    open_text,
    probe_text,
    sniff,
    take_stamp,
)
from data.readers.canonical import Canonicaliser
from data.readers.csv_source import CsvSource
from data.readers.errors import fail, printable
from data.readers.json_source import JsonSource
from data.readers.packed import PLAIN, ZIP, only_member
from data.readers.packed import SUFFIXES as PACKED_SUFFIXES
from data.readers.parquet_source import ParquetSource
from data.readers.partitioned import PartitionedSource
from data.readers.recognise import matching_shape, recognise
from data.readers.report import RepairReport
from data.readers.rows import Batch, Chunk
from data.readers.shapes import Kind, Shape
from data.readers.source import Source, shown_columns
from data.readers.sqlite_source import SqliteSource, count_rows, list_tables
from data.readers.tabular import TableReader

_JSON_SUFFIXES: Final = frozenset({".json", ".jsonl", ".ndjson"})
_TABULAR_SUFFIXES: Final = frozenset({".csv", ".tsv", ".tab"})


class Dump:
    """One table of one file; made by ``open_dump``."""

    def __init__(
        self,
        path: Path,
        source: Source,
        format: str,
        mapping: Mapping[str, str],
        wanted: Wanted,
    ) -> None:
        self.path = path
        self._stamp = take_stamp(path)
        self._source = source
        scan = source.scan()
        check_unchanged(path, self._stamp)
        if scan.rows and not scan.schema.names:
            found = f"{scan.rows:,} without, the first {scan.first_reason}"
            raise fail(path, "rows with columns", found, "crawl or export it again")
        table = Table(
            path=path,
            container=source.container,
            name=source.table,
            columns=scan.schema.names,
            head=scan.head,
        )
        self._table, self._mapping, self._wanted = table, mapping, wanted
        self._binding = recognise(table, format=format, mapping=mapping, wanted=wanted)
        self.rows = scan.rows
        self.input_schema: pa.Schema = scan.schema
        self.repairs = RepairReport()

    def as_kind(self, kind: Kind, filled: Collection[str] = ()) -> Dump:
        """The same dump read as a table of ``kind``; ``filled`` as for ``open_dump``.

        Raises: DumpError with all that is missing.
        """
        dump = copy(self)
        dump._wanted = replace(self._wanted, kind=kind, filled=frozenset(filled))
        dump._binding = recognise(
            self._table, format="auto", mapping=self._mapping, wanted=dump._wanted
        )
        dump.repairs = RepairReport()
        return dump

    @property
    def columns(self) -> dict[str, list[str]]:
        """Input columns by the canonical column they fill, in the order in which they count."""
        names = self.input_schema.names
        return {field: [names[at] for at in ats] for field, ats in self._binding.fields.items()}

    @property
    def platform(self) -> str | None:
        """The platform of every row, where the source says one."""
        return self._binding.platform

    @property
    def kind(self) -> str:
        """``comments``, ``contents``, the kind asked for, or ``table`` for one without a text."""
        return self._binding.kind

    @property
    def format(self) -> str:
        """The name of the recognised shape."""
        return self._binding.format

    @property
    def why(self) -> str:
        """One sentence with the evidence for the format."""
        note = self._source.note
        return f"{self._binding.why}; {note}" if note else self._binding.why

    @property
    def label(self) -> str:
        """The file's name, with the table of a database or workbook; rejects bear it."""
        return self._source.label

    @property
    def encoding(self) -> str:
        """How the file's text is encoded."""
        return self._source.encoding

    def batches(self, *, rows: int = 8192) -> Iterator[Batch]:
        """Every row of the file, at most ``rows`` a batch; each call starts anew, with a new
        report.

        Raises: DumpError when the file is no longer the one that was scanned.
        """
        report = self.repairs = RepairReport()
        check_unchanged(self.path, self._stamp)
        canonical = self._canonical(max(1, rows), report)
        total = 0
        for chunk in self._source.chunks(max(1, rows), report):
            check_unchanged(self.path, self._stamp)
            total += chunk.original.num_rows + len(chunk.rejects)
            yield canonical(chunk)
        check_unchanged(self.path, self._stamp)
        if total != self.rows:
            found = f"input changed: {total:,}"
            raise fail(self.path, f"{self.rows:,} rows as scanned", found, "read it again")
        if isinstance(canonical, _Whole):
            canonical.finish()

    def _canonical(self, rows: int, report: RepairReport) -> Callable[[Chunk], Batch]:
        """What makes a batch of a chunk: nothing, or the rules of the kind."""
        if self.kind == "table":
            return lambda chunk: _batch(chunk, chunk.original)
        if self.kind in TABLE_KINDS:
            reader = TableReader(self._binding, self._source.label, report)
            if reader.needs_lines:
                for chunk in self._source.chunks(rows, RepairReport()):
                    reader.see_lines(chunk)
            return reader.convert
        return _Whole(Canonicaliser(self._binding, self._source.label, report))


class _Whole:
    """Comments and contents: every row of a chunk is kept."""

    def __init__(self, canonical: Canonicaliser) -> None:
        self._canonical = canonical
        self.finish = canonical.finish

    def __call__(self, chunk: Chunk) -> Batch:
        return _batch(chunk, self._canonical.convert(chunk))


def _batch(chunk: Chunk, records: pa.RecordBatch) -> Batch:
    return Batch(
        original=chunk.original,
        records=records,
        row_numbers=chunk.row_numbers,
        lines=chunk.lines,
        rejects=chunk.rejects,
    )


def open_dump(
    path: str | os.PathLike[str],
    *,
    format: str = "auto",
    text_column: str | None = None,
    mapping: Mapping[str, str] | None = None,
    kind: Kind | None = None,
    shapes: Sequence[Shape] = (),
    insist: bool = False,
    filled: Collection[str] = (),
    label: str | None = None,
    partitions: Mapping[str, str | None] | None = None,
) -> Dump:
    """The dump at ``path``, scanned and recognised.

    ``path`` may end in ``::table`` to name a table of a database or a sheet of a workbook;
    ``mapping`` gives input columns by canonical field and goes before what was recognised. With a
    ``kind`` the file is read as that, and a table that lacks a required column is refused unless
    the column is among ``filled``. ``shapes`` go before those that ship; with ``insist`` no other
    is tried. ``label`` names the file in rejects and fallback ids instead of its name;
    ``partitions`` are columns that its folders give to all its rows. Raises: DumpError.
    """
    file, table = _split_table(os.fspath(path))
    fields = dict(mapping or {})
    if text_column is not None:
        fields["text"] = text_column
    take_stamp(file)
    wanted = Wanted(
        kind=kind,
        own=tuple(shapes),
        insist=insist,
        filled=frozenset(filled),
        columns=tuple(fields.values()),
    )
    source = _open_source(file, table, wanted)
    if label is not None:
        source.label = printable(label)
    if partitions:
        source = PartitionedSource(file, source, partitions)
    return Dump(file, source, format, fields, wanted)


def _split_table(text: str) -> tuple[Path, str | None]:
    """Path and table; a file whose own name holds ``::`` is itself."""
    name, mark, table = text.rpartition("::")
    if mark and table and not os.path.lexists(text):
        return Path(name), table
    return Path(text), None


def _open_source(path: Path, table: str | None, wanted: Wanted) -> Source:
    container = sniff(path)
    if container == "sqlite":
        return SqliteSource(path, table or _only_table(path, list_tables(path), wanted))
    if container == ZIP and _is_workbook(path):
        return _open_workbook(path, table, wanted)
    if table is not None:
        advice = "leave ::table out"
        raise fail(
            path, f"a database or workbook with {printable(table)!r}", "another file", advice
        )
    if container == "parquet":
        return ParquetSource(path)
    return _open_text_source(path, wanted, PLAIN if container == "text" else container)


def _is_workbook(path: Path) -> bool:
    from data.readers.xlsx_source import is_workbook  # slow to import

    return is_workbook(path)


def _open_workbook(path: Path, sheet: str | None, wanted: Wanted) -> Source:
    from data.readers.xlsx_source import XlsxSource, list_sheets  # slow to import

    if sheet is not None:
        return XlsxSource(path, sheet, named=True, wanted=wanted)
    sheets = {name: header for name, header in list_sheets(path, wanted).items() if header}
    if not sheets:
        raise fail(path, "a sheet with a header", "a workbook without any", "fill it first")
    several = len(sheets) > 1
    chosen = _choose(path, sheets, wanted) if several else next(iter(sheets))
    return XlsxSource(path, chosen, named=several, wanted=wanted)


def _only_table(path: Path, tables: Mapping[str, list[str]], wanted: Wanted) -> str:
    filled = {name: columns for name, columns in tables.items() if count_rows(path, name)}
    if not filled:
        found = f"empty tables {shown_columns(list(tables))}" if tables else "no tables"
        raise fail(path, "a table with rows", found, "crawl again")
    return next(iter(filled)) if len(filled) == 1 else _choose(path, filled, wanted)


def _choose(path: Path, tables: Mapping[str, list[str]], wanted: Wanted) -> str:
    """The one table that holds comments, or what the user wants."""
    kind = wanted.kind or "comments"
    found = []
    for name, columns in tables.items():
        table = Table(path=path, container="", name=name, columns=columns, head=())
        shape = matching_shape(table, wanted)
        if shape is not None and shape.kind == kind:
            found.append(name)
    if len(found) == 1:
        return found[0]
    shown = shown_columns(list(tables))
    raise fail(
        path, f"one table of {kind}", shown, f"name one, as in {printable(path.name)}::table"
    )


def _open_text_source(path: Path, wanted: Wanted, packing: str) -> Source:
    probe = probe_text(path, packing)
    if _is_json(path, probe):
        return JsonSource(path, probe)
    source = CsvSource(path, probe, wanted)
    for shape in wanted.shapes:
        asked = wanted.kind in (None, shape.kind)
        if asked and shape.header and _is_data(source.first_cells, shape):
            return CsvSource(path, probe, wanted, header=shape.header)
    return source


def _is_data(first_line: Sequence[str], shape: Shape) -> bool:
    """True when the first line holds cells of a shape that comes without a header."""
    return len(first_line) == len(shape.header) and all(
        pattern.fullmatch(cell.strip())
        for pattern, cell in zip(shape.header_patterns, first_line, strict=True)
    )


def _is_json(path: Path, probe: TextProbe) -> bool:
    """By the name; without a telling name, or for JSON called .csv, by the first characters."""
    with open_text(path, probe) as stream:
        start = stream.read(4096).lstrip()
    name = Path(only_member(path)) if probe.packing == ZIP else path
    suffixes = [suffix.lower() for suffix in name.suffixes]
    suffixes = [suffix for suffix in suffixes if suffix not in PACKED_SUFFIXES]
    suffix = suffixes[-1] if suffixes else ""
    if suffix in _JSON_SUFFIXES:
        return True
    looks = start.startswith((b'{"', b"{\n", b"{ ", b"{}", b"[{", b"[\n", b"[\r", b"[ "))
    return looks and not (suffix in _TABULAR_SUFFIXES and start.startswith(b"["))
