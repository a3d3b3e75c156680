"""The layout in PostgreSQL's terms: column types, keys, indexes, and the views that ibis reads.

Lists of records are ``jsonb`` with readable members, for people and for BI tools. ibis reads
records of PostgreSQL by position (members f1, f2, …), so tables that have such columns get a view
``NAME_read`` that gives them in that form; nothing else needs it.

Input tables have a further column ``row_key``: a hash of the natural key, made here and not by the
server, on which rows are merged; 16 bytes instead of five texts, and never null.
"""

from __future__ import annotations

from typing import Any, Final

from profiles.store.ddl import quoted
from profiles.store.layout import ibis_schema
from profiles.store.tables import INPUTS

ROW_KEY: Final = "row_key"
# what point reads and the work of a refresh look rows up by
INDEXES: Final = (
    ("comments", "user_id"),
    ("events", "user_id"),
    ("orders", "user_id"),
    ("users", "user_id"),
    ("relations", "user_id"),
    ("relations", "target_id"),
    ("comments", "content_id"),
    ("persons", "person_id"),
    ("profiles", "person_id"),
    ("profile_history", "person_id"),
    ("person_identifiers", "key"),
    ("person_identifiers", "person_id"),
    ("consents", "person_id"),
    ("consent_decisions", "key"),
)
UNIQUE: Final = (
    ("identifiers", "key"),
    ("links", "a, b"),
    ("tombstones", "mark"),
    ("meta", "name"),
)


def column_type(kind: Any) -> str:
    """Return the PostgreSQL type that holds every value of an ibis type of the layout."""
    if kind.is_array():
        return "jsonb" if kind.value_type.is_nested() else f"{column_type(kind.value_type)}[]"
    if kind.is_timestamp():
        return "timestamptz"
    names = (
        ("is_string", "text"),
        ("is_json", "json"),  # the text as it was written: fingerprints are of the text
        ("is_struct", "jsonb"),
        ("is_date", "date"),
        ("is_float32", "real"),
        ("is_float64", "double precision"),
        ("is_boolean", "boolean"),
        ("is_integer", "bigint"),
    )
    for test, name in names:
        if getattr(kind, test)():
            return name
    raise TypeError(f"expected a type of the stored tables, found {kind}; add it to column_type")


def create_statements(name: str) -> list[str]:
    """Return what makes one stored table with its indexes and, where needed, its view."""
    columns = [f"{quoted(c)} {column_type(kind)}" for c, kind in ibis_schema(name).items()]
    if name in INPUTS:
        columns.append(f"{ROW_KEY} uuid PRIMARY KEY")
    table = f"CREATE TABLE {quoted(name)} ({', '.join(columns)})"
    return [table, *index_statements(name, name), *view_statements(name)]


def index_statements(name: str, relation: str) -> list[str]:
    """Return what indexes ``relation``, which is or is to become the table ``name``."""
    return [
        f"CREATE {kind} ON {quoted(relation)} ({columns})"
        for kind, indexes in (("INDEX", INDEXES), ("UNIQUE INDEX", UNIQUE))
        for table, columns in indexes
        if table == name
    ]


def read_name(name: str) -> str:
    """Return the relation that ibis reads for a stored table."""
    return f"{name}_read" if _has_records(name) else name


def view_statements(name: str) -> list[str]:
    """Return what makes the view of a table with records; nothing for the others."""
    if not _has_records(name):
        return []
    columns = ", ".join(
        f"{_by_position(c, kind)} AS {quoted(c)}" for c, kind in ibis_schema(name).items()
    )
    return [f"CREATE VIEW {quoted(read_name(name))} AS SELECT {columns} FROM {quoted(name)}"]


def is_records(kind: Any) -> bool:
    """Tell whether a column is a list of records."""
    return bool(kind.is_array() and kind.value_type.is_struct())


def _has_records(name: str) -> bool:
    return any(is_records(kind) for kind in ibis_schema(name).values())


def _by_position(column: str, kind: Any) -> str:
    if not is_records(kind):
        return quoted(column)
    members = ", ".join(
        f"'f{at}', item->'{member}'" for at, member in enumerate(kind.value_type.names, start=1)
    )
    return f"""CASE WHEN {quoted(column)} IS NOT NULL THEN ARRAY(
        SELECT jsonb_build_object({members})
        FROM jsonb_array_elements({quoted(column)}) WITH ORDINALITY AS items(item, place)
        ORDER BY place) END"""
