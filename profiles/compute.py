"""The dimensions run in DuckDB: expressions compiled once a process, their results as tables.

``PARTS`` names every table that the documents of ``profiles.documents`` are made of. Nothing else
here knows an engine; the expressions themselves are those of ``profiles.dimensions``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import duckdb
import pyarrow as pa

from profiles.sql import check_as_of

# stands for ``as_of`` while compiling; no row is of this moment
_ANY_MOMENT: Final = datetime(1971, 3, 5, 7, 11, 13, 170190, tzinfo=UTC)
_ANY_LITERAL: Final = "MAKE_TIMESTAMPTZ(1971, 3, 5, 7, 11, 13.17019, 'UTC')"  # as ibis writes it


def compile_part(name: str, as_of: datetime) -> str:
    """Return the SELECT of one of ``part_names``, over tables ``<dimension>_<input>``.

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    check_as_of(as_of)
    sql = _compiled(name)
    return sql.replace(_ANY_LITERAL, f"TIMESTAMPTZ '{as_of.astimezone(UTC).isoformat()}'")


def part_names(dimension: str) -> list[str]:
    """Return the tables that one dimension's documents are made of."""
    return [name for name in _parts() if name.split("_", 1)[0] == dimension]


def run_part(name: str, inputs: Mapping[str, pa.Table], as_of: datetime) -> pa.Table:
    """Return one part over Arrow tables by input name, in memory; inputs not given are empty.

    Columns that a table lacks are null. ``user_id`` may be text.

    Raises:
        ProfilesError: ``as_of`` has no time zone.
    """
    from profiles.dimensions.inputs import SCHEMAS

    sql, dimension = compile_part(name, as_of), name.split("_", 1)[0]
    text = any(pa.types.is_string(one["user_id"].type) for one in inputs.values())
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for kind, schema in {**SCHEMAS, "all_topics": SCHEMAS["topics"]}.items():
            given = inputs.get(kind)
            if given is not None:
                connection.register("given", given)
            columns = ", ".join(
                _column(name, str(type_), given, text=text) for name, type_ in schema.items()
            )
            source = "(SELECT 1) WHERE false" if given is None else "given"
            connection.execute(
                f"CREATE TEMP TABLE {dimension}_{kind} AS SELECT {columns} FROM {source}"
            )
        return connection.execute(sql).to_arrow_table()


_SQL_TYPES: Final = {
    "int64": "BIGINT",
    "string": "VARCHAR",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "boolean": "BOOLEAN",
}


def _column(name: str, kind: str, given: pa.Table | None, *, text: bool) -> str:
    person = name in {"user_id", "target_id"}
    type_ = "VARCHAR" if person and text else _SQL_TYPES.get(kind, "TIMESTAMPTZ")
    there = given is not None and name in given.column_names
    return f"{name if there else 'NULL'}::{type_} AS {name}"


@cache
def _compiled(name: str) -> str:
    import ibis

    return str(ibis.to_sql(_parts()[name](), dialect="duckdb"))


@cache
def _parts() -> Mapping[str, Callable[[], Any]]:
    """Every part by name, as an expression that is made when asked for."""
    from profiles.dimensions import basic, behaviour, emotion, interest, social, spending

    at = _ANY_MOMENT

    def given(dimension: str, names: Iterable[str]) -> list[Any]:
        from profiles.dimensions.inputs import table

        return [table(name, f"{dimension}_{name}") for name in names]

    def said() -> Any:
        comments, users = given("basic", ("comments", "users"))
        return basic.claims(comments, users, at)

    def signals() -> Any:
        topics, events, contents = given("interest", ("topics", "events", "content_topics"))
        return interest.signals(topics, events, contents, at)

    def seen(dimension: str, part: Callable[..., Any], *names: str) -> Callable[[], Any]:
        return lambda: part(*given(dimension, names), at)

    parts: dict[str, Callable[[], Any]] = {
        "basic_spans": seen("basic", basic.spans, "comments", "users", "events", "orders"),
        "basic_rows": lambda: basic.basic_rows(said()),
        "basic_fields": lambda: basic.basic_fields(said()),
        "interest_contents": seen("interest", interest.content_topics, "all_topics"),
        "interest_person": lambda: interest.interest_by_person(signals()),
        "interest_topics_found": lambda: interest.interest_by_topic(signals()),
        "spending_person": seen("spending", spending.spending_by_person, "orders", "events"),
        "spending_categories": seen("spending", spending.spending_by_category, "orders"),
        "social_person": seen("social", social.social_by_person, "comments", "users", "relations"),
        "behaviour_person": seen("behaviour", behaviour.behaviour_by_person, "events"),
        "behaviour_stage": lambda: behaviour.stage_by_person(
            behaviour.events_counted(given("behaviour", ("events",))[0], at)
        ),
        "behaviour_counts": seen("behaviour", behaviour.events_counted, "events"),
        "behaviour_channels": seen("behaviour", behaviour.channels, "events"),
        "behaviour_hours": seen("behaviour", behaviour.active_hours, "events"),
        "behaviour_paths": seen("behaviour", behaviour.paths, "events"),
        "emotion_person": seen("emotion", emotion.emotion_by_person, "comments"),
        "emotion_counts": seen("emotion", emotion.emotions_counted, "comments"),
        "emotion_by_aspect": seen("emotion", emotion.attitude_by_aspect, "aspects"),
        "emotion_telling": seen("emotion", emotion.telling_comments, "comments"),
    }
    return parts
