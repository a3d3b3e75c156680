"""What a table's columns mean when the user has said what it holds: contents, users, events,
orders or campaigns.

A shape of that kind is told by its columns, the user's before those that ship; otherwise the kind's
general shape takes the columns by their usual names. Everything that is missing is named at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from data.columns import TABLES
from data.readers.binding import Binding, Table, Wanted, best_shape, lacking
from data.readers.errors import fail, printable
from data.readers.ids import looks_zeroed
from data.readers.names import platform_in
from data.readers.shapes import Shape
from data.readers.source import shown_columns

_ANY = ("auto", "table", "columns")
_ADVICE = "name columns with --map FIELD=COLUMN, or describe the file with --source"


def bind_kind(table: Table, wanted: Wanted, *, format: str, mapping: Mapping[str, str]) -> Binding:
    """The binding of a table to the canonical columns of ``wanted.kind``.

    Raises: DumpError with every column that is missing or wrongly named.
    """
    shape = _choose(table, wanted, format)
    fields = {field: at for field, names in shape.fields.items() if (at := table.positions(names))}
    faults = _map(table, shape, fields, mapping)
    faults += _missing(shape, fields, wanted)
    if faults:
        found = f"{len(faults)} fault(s): {'; '.join(faults)}; columns are "
        found += shown_columns(table.columns)
        raise fail(table.path, f"a table of {shape.kind}", found, _ADVICE)
    platform, told = _platform(table, shape, fields)
    mapped = ", ".join(f"{field}={printable(column)}" for field, column in mapping.items())
    return Binding(
        format=shape.name,
        kind=shape.kind,
        platform=platform,
        fields=fields,
        time_unit=shape.time_unit,
        time_text=table.position(shape.time_text) if shape.time_text else None,
        zeroed=_zeroed(table, fields),
        why=_evidence(table, shape, wanted) + told + (f"; as told: {mapped}" if mapped else ""),
        shape=shape,
        filled=wanted.filled,
    )


def _choose(table: Table, wanted: Wanted, format: str) -> Shape:
    shapes = [shape for shape in wanted.shapes if shape.kind == wanted.kind]
    if format not in _ANY:
        shapes = [each for each in shapes if format in (each.name, f"{each.name}-v1")]
    own = [shape for shape in shapes if shape in wanted.own]
    found = best_shape(table, own) or best_shape(table, shapes)
    if found is None and format in _ANY:
        found = next((shape for shape in shapes if shape.general), None)
    if found is not None:
        return found
    if not shapes:
        known = ", ".join(shape.name for shape in wanted.shapes if shape.kind == wanted.kind)
        what = f"a source of {wanted.kind}"
        raise fail(table.path, what, f"none among {known or 'those given'}", "name one of them")
    lacks = "; ".join(f"{each.name} lacks {', '.join(lacking(table, each))}" for each in shapes)
    found_columns = f"{lacks}; columns are {shown_columns(table.columns)}"
    raise fail(table.path, f"the columns of {shapes[0].name}", found_columns, "correct the source")


def _map(
    table: Table,
    shape: Shape,
    fields: dict[str, tuple[int, ...]],
    mapping: Mapping[str, str],
) -> list[str]:
    """Put what the user said over the shape's fields; returns the faults of it."""
    faults = []
    for field, column in mapping.items():
        at = table.position(column)
        if field not in TABLES[shape.kind].names:
            known = ", ".join(TABLES[shape.kind].names)
            faults.append(f"{printable(field)} is no field of {shape.kind} ({known})")
        elif at is None:
            faults.append(f"column {printable(column)!r} for {field} is not there")
        else:
            fields[field] = (at,)
    return faults


def _missing(shape: Shape, fields: Mapping[str, object], wanted: Wanted) -> list[str]:
    return [
        f"{field.name} is missing (looked for {', '.join(shape.fields.get(field.name, ('?',)))})"
        for field in TABLES[shape.kind]
        if not field.nullable and field.name not in fields and field.name not in wanted.filled
    ]


def _platform(table: Table, shape: Shape, fields: Mapping[str, object]) -> tuple[str | None, str]:
    """The shape's platform; for contents else the one in the file's or its folder's name."""
    if shape.platform or "platform" in fields or shape.kind != "contents":
        return shape.platform, ""
    for text in (table.path.name, table.path.absolute().parent.name):
        if platform := platform_in(text):
            return platform, f"; platform {platform} from the name {printable(text)}"
    return None, ""


def _zeroed(table: Table, fields: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
    return frozenset(
        field
        for field, at in fields.items()
        if field.endswith("_id") and table.head and looks_zeroed(table.head[at[0]])
    )


def _evidence(table: Table, shape: Shape, wanted: Wanted) -> str:
    where = f"{table.container} table {table.name}" if table.name else table.container
    whose = "source of the user's, " if shape in wanted.own else ""
    if shape.header and tuple(table.columns) == shape.header:
        return f"{whose}{where} without a header line, its cells as {shape.name} has them"
    if shape.general:
        return f"{whose}{where} with columns taken by their usual names"
    told = ", ".join(table.columns[table.positions(each)[0]] for each in shape.requires)
    lacks = f" and without {', '.join(shape.lacks)}" if shape.lacks else ""
    return f"{whose}{where} with columns {told}{lacks}"
