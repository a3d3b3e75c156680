"""Which row of a table names its columns, when a title or blank rows stand above it.

Looked for among the first ``HEADER_ROWS`` filled rows. A row is taken only when its cells are
mostly short texts, when it says something as a header (the columns asked for, a known shape, a
usual name), and when every row above it has fewer filled cells. Otherwise the header is the first
row that holds anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from data.readers import names
from data.readers.errors import printable
from data.readers.recognise import matching_shape

HEADER_ROWS: Final = 10
_MAX_NAME_CHARS: Final = 40
_MIN_USUAL_NAMES: Final = 2  # one may be a word of a title; a text's name counts alone
_SHOWN_CHARS: Final = 60

Cells = Sequence[str | None]
_USUAL: Final = {name: field for field, known in names.COMMENT_FIELDS.items() for name in known}


def find_header(rows: Sequence[Cells], wanted: Collection[str] = ()) -> int:
    """The index of the header among the first rows; ``wanted`` are columns that the user named."""
    first = next((at for at, cells in enumerate(rows) if _filled(cells)), 0)
    tests: list[Callable[[Cells], bool]] = [_is_both, _is_known, _has_usual_names]
    if wanted:
        tests.insert(0, lambda cells: _has_all(cells, wanted))
    for test in tests:
        for at, cells in enumerate(rows[:HEADER_ROWS]):
            if at >= first and test(cells) and (at == first or _stands_out(rows, at)):
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


def _has_all(cells: Cells, wanted: Collection[str]) -> bool:
    given = {names.normal_name(cell) for cell in cells if cell}
    return all(names.normal_name(name) in given for name in wanted)


def _is_known(cells: Cells) -> bool:
    """A known shape, or a usual name of the text."""
    given = [cell for cell in cells if cell]
    is_text = any(names.normal_name(cell) in names.TEXT for cell in given)
    return is_text or matching_shape(given) is not None


def _is_both(cells: Cells) -> bool:
    """Goes before a title that is itself a usual name, such as 评论."""
    return _is_known(cells) and _has_usual_names(cells)


def _has_usual_names(cells: Cells) -> bool:
    """For tables without a text: usual names of several fields."""
    fields = {_USUAL.get(names.normal_name(cell)) for cell in cells if cell}
    return len(fields - {None}) >= _MIN_USUAL_NAMES
