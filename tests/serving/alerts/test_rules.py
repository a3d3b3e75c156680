"""Rules: the defaults are whole, changes are merged, every fault is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.labels import RISKS
from serving.alerts.delivery.playbook import load_playbook
from serving.alerts.rules import load_rules
from serving.errors import UsageError


def test_rules_file_changes_only_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("thresholds: {min_negatives: 20}\nnotify: {repeat_hours: 2}\n", "utf-8")
    rules, default = load_rules(path), load_rules()
    assert rules.thresholds.min_negatives == 20 and rules.notify.repeat_hours == 2
    assert rules.notify.group_interval_s == default.notify.group_interval_s
    assert rules.watch == default.watch


def test_faults_are_told_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "thresholds: {min_ratio: 0.5, share_alpha: 7}\nnotify: {quiet_from: '25:00'}\n"
        "triggers: [{name: x, risks: [fire], words: [火], min_p_negative: 0.5}]\ntypo: 1\n",
        "utf-8",
    )
    with pytest.raises(UsageError) as error:
        load_rules(path)
    told = str(error.value)
    for part in ("min_ratio", "share_alpha", "25:00", "fire", "typo"):
        assert part in told
    assert "\n" not in told


@pytest.mark.parametrize("text", ["[1, 2]", "watch: [", "watch: []", "thresholds: {nope: 1}"])
def test_bad_file_is_wrong_usage(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"expected|should|unexpected"):
        load_rules(path)


def test_missing_file_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="check the path"):
        load_rules(tmp_path / "none.yaml")


def test_every_risk_has_a_playbook() -> None:
    book = load_playbook()
    assert set(book.risks) == set(RISKS) and book.default and book.no_comments
