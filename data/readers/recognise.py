"""Which shape a table has, and what its columns mean: a ``Binding``, or a ``DumpError`` that asks.

A known shape is told by its columns; the one that requires most wins. Otherwise the columns are
taken by their usual names, when exactly one of them can be the text. What the user says
(``format``, text column, mapping) goes before all evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from data.columns import COMMENTS, CONTENTS
from data.readers import names
from data.readers.bind_kind import bind_kind
from data.readers.binding import TABLE_KINDS, Binding, Table, Wanted, best_shape, lacking
from data.readers.errors import fail, printable
from data.readers.ids import looks_zeroed
from data.readers.shapes import Shape, shipped_shapes
from data.readers.source import shown_columns

TABLE: Final = "table"  # the format of a dump without a text, asked for by name
COLUMNS: Final = "columns"  # the format of a dump read by its column names
_TEXTLESS: Final = (*TABLE_KINDS, "table")
_SAY_WHICH: Final = "name it with --text-column (or, for a table without comments, --format table)"


def known_formats() -> list[str]:
    """Names that ``format`` takes besides ``auto``."""
    return [*dict.fromkeys(shape.name for shape in shipped_shapes()), COLUMNS, TABLE]


def recognise(
    table: Table, *, format: str, mapping: Mapping[str, str], wanted: Wanted | None = None
) -> Binding:
    """What the table's columns mean. Raises: DumpError when the text or a named column is not
    there.
    """
    wanted = wanted or Wanted()
    if wanted.kind in (*TABLE_KINDS, "contents"):
        shape = None
        if wanted.kind == "contents" and format not in (TABLE, COLUMNS):
            shape = _choose_shape(table, format, wanted)
        if shape is None or shape.kind != "contents":
            return bind_kind(table, wanted, format=format, mapping=mapping)
    else:
        shape = _choose_shape(table, format, wanted)
    if shape is None and wanted.insist:
        found = "; ".join(f"{s.name} lacks {', '.join(lacking(table, s))}" for s in wanted.own)
        raise fail(table.path, "the columns of a source given", found, "correct the source")
    if shape is not None and shape.kind in _TEXTLESS and "text" in mapping:
        shape = None
    if format == TABLE and shape is None:
        return _bind_table(f"{table.container}, asked for as a table")
    if shape is None:
        binding = _bind_by_names(table, mapping)
    elif shape.kind in _TEXTLESS:
        return replace(_bind_table(_evidence(table, shape)), format=shape.name)
    else:
        binding = _bind_shape(table, shape)
    return _with_zeroed(table, _with_mapping(table, binding, mapping))


def matching_shape(table: Table, wanted: Wanted) -> Shape | None:
    """The shape that a table's name or columns give away; a table with a text is no table of
    orders, whatever else it has, unless the user said so.
    """
    if wanted.kind in TABLE_KINDS:
        return best_shape(table, [each for each in wanted.shapes if each.kind == wanted.kind])
    has_text = any(names.normal_name(name) in names.TEXT for name in table.columns)
    shapes = [each for each in wanted.shapes if not (has_text and each.kind in _TEXTLESS)]
    own = [shape for shape in shapes if shape in wanted.own]
    return best_shape(table, own) or best_shape(table, shapes)


def _choose_shape(table: Table, format: str, wanted: Wanted) -> Shape | None:
    if format == "auto":
        return matching_shape(table, wanted)
    if format in (TABLE, COLUMNS):
        return None
    shapes = [
        shape
        for shape in wanted.shapes
        if format in (shape.name, f"{shape.name}-v1", f"{shape.name}-v2")
    ]
    if not shapes:
        known = ", ".join(["auto", *(each.name for each in wanted.own), *known_formats()])
        raise fail(table.path, f"a format of {known}", printable(format), "name one of them")
    fitting = [shape for shape in shapes if not lacking(table, shape)]
    if not fitting:
        needs = ", ".join(map("|".join, shapes[0].requires))
        found = f"columns {shown_columns(table.columns)}"
        raise fail(table.path, f"the columns of {format} ({needs})", found, "use --format auto")
    return fitting[0]


def _bind_table(why: str) -> Binding:
    return Binding(
        format=TABLE,
        kind="table",
        platform=None,
        fields={},
        time_unit=None,
        time_text=None,
        zeroed=frozenset(),
        why=why,
    )


def _bind_shape(table: Table, shape: Shape) -> Binding:
    fields: dict[str, tuple[int, ...]] = {}
    for field, columns in shape.fields.items():
        at = [table.columns.index(column) for column in columns if column in table.columns]
        if at:
            fields[field] = tuple(at)
    text_time = table.columns.index(shape.time_text) if shape.time_text in table.columns else None
    return Binding(
        format=shape.name + _version(table, shape),
        kind=shape.kind,
        platform=shape.platform,
        fields=fields,
        time_unit=shape.time_unit,
        time_text=text_time,
        zeroed=frozenset(),
        why=_evidence(table, shape),
    )


def _version(table: Table, shape: Shape) -> str:
    """MediaCrawler's schema version: user ids until 2026-07, hashes of them since."""
    if not shape.tables:
        return ""
    if "creator_hash" in table.columns:
        return "-v2"
    return "-v1" if "user_id" in table.columns else ""


def _evidence(table: Table, shape: Shape) -> str:
    where = f"{table.container} table {table.name}" if table.name else table.container
    told = [table.columns[table.positions(each)[0]] for each in shape.requires]
    parts = [f"{where} with columns {', '.join(told)}"]
    if shape.tables:
        version = {"-v2": "creator_hash (v2)", "-v1": "user_id (v1)"}.get(_version(table, shape))
        parts += [f"and {version}"] if version else []
    if shape.lacks:
        parts.append(f"and without {', '.join(shape.lacks)}")
    if shape.time_unit:
        parts.append(f"; times in {'seconds' if shape.time_unit == 's' else 'milliseconds'}")
    return " ".join(parts).replace(" ;", ";")


def _bind_by_names(table: Table, mapping: Mapping[str, str]) -> Binding:
    text = table.position(mapping["text"]) if "text" in mapping else _find_text(table)
    fields = {"text": (text,)} if text is not None else {}
    taken = {text}
    for field, candidates in names.COMMENT_FIELDS.items():
        found = (table.position(name) for name in candidates)
        at = next((at for at in found if at is not None and at not in taken), None)
        if at is not None:
            fields[field] = (at,)
            taken.add(at)
    named = ", ".join(f"{field}={printable(table.columns[at[0]])}" for field, at in fields.items())
    why = f"{table.container} with columns taken by name: {named}"
    if "comment_id" not in fields and (at := _plain_id(table)) is not None:
        fields["comment_id"] = (at,)
        why += f"; {printable(table.columns[at])} holds ids, not a running number"
    return Binding(
        format=COLUMNS,
        kind="comments",
        platform=None,
        fields=fields,
        time_unit=None,
        time_text=None,
        zeroed=frozenset(),
        why=why,
    )


def _find_text(table: Table) -> int | None:
    found = [at for at, name in enumerate(table.columns) if names.normal_name(name) in names.TEXT]
    if len(found) == 1:
        return found[0]
    if not table.columns:
        return None  # an empty dump, such as []
    if found:
        both = " and ".join(printable(repr(table.columns[at])) for at in found)
        raise fail(table.path, "one text column", f"{both}", _SAY_WHICH)
    found_columns = f"columns {shown_columns(table.columns)}"
    if _looks_like_data(table.columns):
        found_columns = f"a first line that is no header: {shown_columns(table.columns)}"
    expected = "a text column such as content, text or 评论"
    raise fail(table.path, expected, found_columns, _SAY_WHICH)


def _looks_like_data(columns: Sequence[str]) -> bool:
    return any(name.strip().isdigit() or len(name) > 40 or "。" in name for name in columns)


def _plain_id(table: Table) -> int | None:
    """A column ``id`` whose first values are all different and not 0, 1, 2, … or 1, 2, 3, …"""
    at = table.position("id")
    values = [str(value) for value in table.head[at]] if at is not None and table.head else []
    if not values or len(set(values)) < len(values):
        return None
    running = any(
        values == [str(number) for number in range(first, first + len(values))] for first in (0, 1)
    )
    return None if running else at


def _with_mapping(table: Table, binding: Binding, mapping: Mapping[str, str]) -> Binding:
    schema = COMMENTS if binding.kind == "comments" else CONTENTS
    fields = dict(binding.fields)
    time_text = binding.time_text
    for field, column in mapping.items():
        if field not in schema.names:
            known = ", ".join(schema.names)
            raise fail(table.path, f"a field of {known}", printable(field), "correct --map")
        at = table.position(column)
        if at is None:
            found = f"columns {shown_columns(table.columns)}"
            raise fail(table.path, f"a column {printable(column)!r}", found, "correct the name")
        fields[field] = (at,)
        time_text = None if field == "created_at" else time_text
    told = ", ".join(f"{field}={printable(column)}" for field, column in mapping.items())
    why = f"{binding.why}; as told: {told}" if mapping else binding.why
    binding = replace(binding, fields=fields, time_text=time_text, why=why)
    return _with_platform(table, binding)


def _with_platform(table: Table, binding: Binding) -> Binding:
    """Where neither columns nor user say the platform, the file's or its folder's name may."""
    if binding.platform or "platform" in binding.fields:
        return binding
    for text in (table.path.name, table.path.absolute().parent.name):
        platform = names.platform_in(text)
        if platform:
            why = f"{binding.why}; platform {platform} from the name {printable(text)}"
            return replace(binding, platform=platform, why=why)
    return binding


def _with_zeroed(table: Table, binding: Binding) -> Binding:
    zeroed = frozenset(
        field
        for field, at in binding.fields.items()
        if field.endswith("_id") and table.head and looks_zeroed(table.head[at[0]])
    )
    return replace(binding, zeroed=zeroed)
