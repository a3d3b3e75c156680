"""Which row of a table names its columns, when a title or blank rows stand above it.

Looked for among the first ``HEADER_ROWS`` filled rows. A row is taken only when its cells are
mostly short texts, when it says something as a header (the columns asked for, a known shape, a
usual name), and when every row above it has fewer filled cells. Otherwise the header is the first
row that holds anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from data.readers import names
from data.readers.binding import ANYTHING, TABLE_KINDS, Table, Wanted
from data.readers.errors import printable
from data.readers.recognise import matching_shape

HEADER_ROWS: Final = 10
_MAX_NAME_CHARS: Final = 40
_MIN_USUAL_NAMES: Final = 2  # one may be a word of a title; a text's name counts alone
_SHOWN_CHARS: Final = 60

Cells = Sequence[str | None]
_USUAL: Final = {name: field for field, known in names.COMMENT_FIELDS.items() for name in known}


def find_header(rows: Sequence[Cells], wanted: Wanted = ANYTHING) -> int:
    """The index of the header among the first rows, for what the user wants of the file."""
    first = next((at for at, cells in enumerate(rows) if _filled(cells)), 0)
    tests: list[Callable[[Cells, Wanted], bool]] = [_is_both, _is_known, _has_usual_names]
    if wanted.columns:
        tests.insert(0, _has_all)
    for test in tests:
        for at, cells in enumerate(rows[:HEADER_ROWS]):
            if at >= first and test(cells, wanted) and (at == first or _stands_out(rows, at)):
                return at
    return first


def header_note(line: int, above: Sequence[Cells]) -> str:
    """What to tell about rows above the header, as part of the reason for a format; or nothing."""
    texts = [" ".join(cell.strip() for cell in cells if cell) for cells in above]
    title = " / ".join(text for text in texts if text)[:_SHOWN_CHARS]
    told = f", above it: {printable(title)}" if title else ""
    return f"header in line {line}{told}" if above else ""


def _stands_out(rows: Sequence[Cells], at: int) -> bool:
    """Mostly short texts, and wider than everything above: data rows are as wide as each other."""
    cells = [cell for cell in rows[at] if cell and cell.strip()]
    short = sum(len(cell) <= _MAX_NAME_CHARS and not _is_number(cell) for cell in cells)
    return 2 * short > len(cells) and all(_filled(above) < len(cells) for above in rows[:at])


def _filled(cells: Cells) -> int:
    return sum(1 for cell in cells if cell and cell.strip())


def _is_number(cell: str) -> bool:
    return cell.strip().lstrip("+-").replace(".", "", 1).replace(",", "").isdigit()


def _has_all(cells: Cells, wanted: Wanted) -> bool:
    given = {names.normal_name(cell) for cell in cells if cell}
    return all(names.normal_name(name) in given for name in wanted.columns)


def _is_known(cells: Cells, wanted: Wanted) -> bool:
    """A known shape of what is wanted, or a usual name of the text."""
    given = [cell for cell in cells if cell]
    if wanted.kind not in TABLE_KINDS and any(
        names.normal_name(cell) in names.TEXT for cell in given
    ):
        return True
    table = Table(path=Path(), container="", name=None, columns=given, head=())
    return matching_shape(table, wanted) is not None


def _is_both(cells: Cells, wanted: Wanted) -> bool:
    """Goes before a title that is itself a usual name, such as 评论."""
    return _is_known(cells, wanted) and _has_usual_names(cells, wanted)


def _has_usual_names(cells: Cells, wanted: Wanted) -> bool:
    """For tables without a text: usual names of several fields."""
    usual = _usual_names(wanted)
    fields = {usual.get(names.normal_name(cell)) for cell in cells if cell}
    return len(fields - {None}) >= _MIN_USUAL_NAMES


def _usual_names(wanted: Wanted) -> Mapping[str, str]:
    """Fields by usual name: those of the kind asked for, without one those of comments."""
    general = [shape for shape in wanted.shapes if shape.general and shape.kind == wanted.kind]
    return {
        names.normal_name(name): field
        for shape in general
        for field, known in shape.fields.items()
        for name in known
    } or _USUAL
