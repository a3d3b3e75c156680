"""One flat row per person for conditions: the profile's plain members under their field names.

``facts.yaml`` says which member of which dimension a field is. Beside those, ``interest.<topic>``
is a topic's share of the person's interest (0..1, absent 0) and ``interest.top`` the first one.
Built from the profiles in one pass, the same on every engine; grows with persons times fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Final, Literal

import duckdb
import pyarrow as pa
import yaml
from pydantic import TypeAdapter

from data.labels import INTERESTS
from profiles.conditions.compile import column_of
from profiles.conditions.tree import Kind

TABLE: Final = "person_facts"
_TYPES: Final = {"number": "DOUBLE", "text": "VARCHAR", "bool": "BOOLEAN", "time": "TIMESTAMPTZ"}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of persons: ``at`` is dimension.member; ``age`` makes days of a moment."""

    at: str
    kind: Kind
    name: str
    age: Literal["days"] | None = None


@cache
def fields() -> dict[str, Field]:
    """The fields of ``facts.yaml``."""
    text = (resources.files("profiles") / "facts.yaml").read_text(encoding="utf-8")
    return TypeAdapter(dict[str, Field]).validate_python(yaml.safe_load(text))


def core_kinds() -> dict[str, Kind]:
    """Every core field's kind, topics included."""
    kinds: dict[str, Kind] = {name: field.kind for name, field in fields().items()}
    topics: dict[str, Kind] = {f"interest.{topic}": "number" for topic in INTERESTS}
    return kinds | {"interest.top": "text"} | topics


def core_names() -> dict[str, str]:
    """Every core field's Chinese name."""
    topics = {f"interest.{topic}": f"兴趣：{name}" for topic, name in INTERESTS.items()}
    return {k: f.name for k, f in fields().items()} | {"interest.top": "第一兴趣"} | topics


def facts_table(profiles: pa.Table, as_of: datetime) -> pa.Table:
    """The facts of stored profiles as of a moment: person_id, ordinal from 0, then the fields.

    ``profiles`` has person_id and one JSON document per dimension.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("profiles", profiles)
        return connection.execute(facts_sql(as_of)).to_arrow_table()


def facts_sql(as_of: datetime) -> str:
    """The SELECT of the facts over ``profiles`` in DuckDB's SQL, with ``ordinal`` from 0."""
    moment = f"TIMESTAMPTZ '{as_of.astimezone(UTC).isoformat()}'"
    columns = [f"{_member(f, moment)} AS {column_of(name)}" for name, f in fields().items()]
    columns += [f"coalesce(shares['{t}'], 0.0) AS {column_of(f'interest.{t}')}" for t in INTERESTS]
    return f"""WITH read AS (
        SELECT *, from_json(interest->'topics',
            '[{{"topic":"VARCHAR","share":"DOUBLE"}}]') AS topics FROM profiles
    ), shared AS (
        SELECT *, map_from_entries(list_transform(coalesce(topics, []),
            lambda t: {{'k': t.topic, 'v': t.share}})) AS shares FROM read
    )
    SELECT person_id, row_number() OVER (ORDER BY person_id) - 1 AS ordinal,
        topics[1].topic AS {column_of("interest.top")}, {", ".join(columns)}
    FROM shared ORDER BY person_id"""


def _member(field: Field, moment: str) -> str:
    dimension, member = field.at.split(".")
    text = f"({dimension}->>'{member}')"
    if field.age:
        return f"(epoch({moment}) - epoch(CAST({text} AS TIMESTAMPTZ))) / 86400"
    return f"CAST({text} AS {_TYPES[field.kind]})"
