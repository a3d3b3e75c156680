"""The case study runs through on the demo's store and prints what its page quotes."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_case_study_goes_from_comments_to_lift(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path))  # put back afterwards
    monkeypatch.setenv("TINGFENG_MODEL", "fake")
    spec = importlib.util.spec_from_file_location("case_study", ROOT / "scripts/case_study.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = dict(module.case_study(tmp_path, demo))
    page = (ROOT / "docs" / "case-study.md").read_text("utf-8")
    quoted = set(re.findall(r"^\| \d \| `([a-z_0-9]+)` \|", page, re.MULTILINE))
    assert quoted and quoted <= set(found)
    assert found["rule_over_segment"] == found["rfm_top_segment_persons"]
    assert found["treatment_persons"] + found["holdout_persons"] == found["audience_persons"]
    assert found["holdout_persons"] == found["audience_held_out"] == found["export_held_out"]
