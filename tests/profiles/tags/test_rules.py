"""Business tags: who gets them, what a change would do, and rules that cannot be."""

from __future__ import annotations

from pathlib import Path

import ibis
import pytest

from profiles.conditions.tree import Kind
from profiles.tags.pack import PackError, load_pack
from profiles.tags.rules import build_tags, changes, tagged

KINDS: dict[str, Kind] = {"spending.orders": "number", "interest.*": "number", "tag": "set"}


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tags.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_tags_hold_of_whom_the_rule_says_and_a_preview_tells_who_would_change(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, "vip: {name: 会员, version: 2, when: spending.orders >= 3}")
    tags = build_tags([], [path], KINDS).values()
    persons = ibis.memtable({"person_id": ["a", "b", "c"], "spending__orders": [5.0, 1.0, 3.0]})
    now = tagged(tags, persons, lambda _: persons)
    stored = ibis.memtable({"person_id": ["a", "b"], "tag": ["vip", "vip"]})
    (change,) = changes(tags, now, stored, ibis.duckdb.connect().to_pyarrow)
    assert (change.before, change.after, change.joins, change.leaves) == (2, 2, 1, 1)
    assert (change.joining, change.leaving) == (("c",), ("b",))
    assert change.version == 2


def test_packs_and_own_rules_go_together(tmp_path: Path) -> None:
    path = written(tmp_path, "oily: {name: 油皮, version: 1, when: beauty.skin_type = oily}")
    tags = build_tags([load_pack("beauty")], [path], KINDS)
    assert tags["oily"].source == str(path)
    assert tags["beauty_oil_control"].source == "pack beauty"


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    text = """
beauty_oil_control: {name: x, version: 1, when: spending.orders > 1}
other: {name: x, version: 1, when: spending.ordes > 1}
over: {name: x, version: 1, when: tag = vip}
"""
    with pytest.raises(PackError) as error:
        build_tags([load_pack("beauty")], [written(tmp_path, text)], KINDS)
    for part in ("found it in pack beauty", "did you mean spending.orders", "over ['tag']"):
        assert part in str(error.value)


@pytest.mark.parametrize("text", ["vip: 3", "vip: {name: x}", "- a", "vip: ["])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(PackError):
        build_tags([], [written(tmp_path, text)], KINDS)
