"""``docs/formats.md`` lists what ``tingfeng ingest`` takes: checked against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data.readers.report import SENTENCES
from data.readers.shapes import shipped_shapes
from profiles.identity_rules import load_rules
from profiles.store.tables import INPUTS
from serving.ingest import KINDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text("utf-8")
ROW = re.compile(r"^\| (\w+) \| `(\w+)` \| (yes|no) \| ([\w ]+) \| ?(.*?) ?\|$", re.MULTILINE)
TYPES = {"text": "string", "whole number": "int64", "number": "double", "true or false": "bool"}
TYPES |= {"time": "timestamp[ms, tz=UTC]"}
TABLES = [kind for kind in INPUTS if kind != "comments"]


def other_names(kind: str, column: str) -> set[str]:
    """Those of any table of the kind; of contents also those of the recognised formats."""
    shapes = [shape for shape in shipped_shapes() if shape.kind == kind]
    told = [shape for shape in shapes if shape.general or kind == "contents"]
    return {name for shape in told for name in shape.fields.get(column, ())} - {column}


@pytest.mark.parametrize("kind", TABLES)
def test_page_lists_the_columns_that_a_kind_needs_and_accepts(kind: str) -> None:
    rows = [row[1:] for row in ROW.findall(PAGE) if row[0] == kind]
    found = [
        (name, need, TYPES[sort], set(re.findall("`([^`]+)`", also)))
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


def test_page_lists_the_identifiers_that_the_rules_know() -> None:
    rows = [row[1:] for row in ROW.findall(PAGE) if row[0] == "identifiers"]
    found = {name: set(re.findall(r"`(\w+)`", also)) for name, _, _, also in rows}
    assert found == {name: set(rule.columns) for name, rule in load_rules().types.items()}


def test_page_names_no_kind_that_is_gone_and_every_repair() -> None:
    assert {row[0] for row in ROW.findall(PAGE)} == set(KINDS) - {"comments"}
    assert [key for key in SENTENCES if f"`{key}`" not in PAGE] == []
