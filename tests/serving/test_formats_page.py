"""``docs/formats.md`` lists what ``tingfeng ingest`` takes: checked against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data.readers.report import SENTENCES
from data.readers.shapes import SHAPES
from profiles.store.tables import INPUTS
from serving.ingest import ALIASES, KINDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text("utf-8")
ROW = re.compile(r"^\| (\w+) \| `(\w+)` \| (yes|no) \| ([\w ]+) \| ?(.*?) ?\|$", re.MULTILINE)
TYPES = {"text": "string", "whole number": "int64", "number": "double", "true or false": "bool"}
TYPES |= {"time": "timestamp[ms, tz=UTC]"}
TABLES = [kind for kind in KINDS if kind != "comments"]


def other_names(kind: str, column: str) -> set[str]:
    names = {alias for alias, meant in ALIASES.get(kind, {}).items() if meant == column}
    if kind == "contents":
        shapes = [shape for shape in SHAPES if shape.kind == kind]
        names |= {name for shape in shapes for name in shape.fields.get(column, ())}
    return names - {column}


@pytest.mark.parametrize("kind", TABLES)
def test_page_lists_the_columns_that_a_kind_needs_and_accepts(kind: str) -> None:
    rows = [row[1:] for row in ROW.findall(PAGE) if row[0] == kind]
    found = [
        (name, need, TYPES[sort], set(re.findall(r"`(\w+)`", also)))
        for name, need, sort, also in rows
    ]
    expected = [
        (
            field.name,
            "no" if field.nullable else "yes",
            str(field.type),
            other_names(kind, field.name),
        )
        for field in INPUTS[kind].schema
    ]
    assert found == expected


def test_page_names_no_kind_that_is_gone_and_every_repair() -> None:
    assert {row[0] for row in ROW.findall(PAGE)} == set(TABLES)
    assert [key for key in SENTENCES if f"`{key}`" not in PAGE] == []
