"""Watching: watermarks, duplicates, clocks, late comments, the dead man's switch, kills."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from serving.alerts.actions import acknowledge, add_silence, assign
from serving.alerts.delivery.codec import notice_document, notice_from
from serving.alerts.journal import Journal
from serving.alerts.notice import Notice
from serving.alerts.replay import replay
from serving.alerts.rules import Rules
from serving.alerts.sources import Cursor
from serving.alerts.watch import Watcher
from serving.errors import ServingError, UsageError

DAY_S, HOUR_S = 86_400, 3600
Make = Callable[..., pa.Table]


class Given:
    """A source that gives one prepared list of tables a pass."""

    name = "given"

    def __init__(self, passes: list[list[pa.Table]]) -> None:
        self.passes = passes

    def done(self) -> bool:
        return False

    def read(self, cursor: Cursor) -> tuple[list[pa.Table], Cursor]:
        at = cursor.get("at", 0)
        return (self.passes[at] if at < len(self.passes) else []), {"at": at + 1}


class Kept:
    """A notifier that keeps what it was offered; it may be out of order."""

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.broken = False

    def offer(self, notice: Notice) -> None:
        if self.broken:
            raise OSError("no way out")
        self.told.append(notice)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "alerts.sqlite") as opened:
        yield opened


@pytest.fixture(scope="module")
def storm(comments: Make, quiet_days: Make, monday: int) -> list[pa.Table]:
    """Two quiet days by the hour, then an hour that is not."""
    quiet = quiet_days(2)
    bad = comments(monday + 2 * DAY_S, HOUR_S, 60, 58, seed=77)
    calm = comments(monday + 2 * DAY_S + HOUR_S, 4 * HOUR_S, 40, 8, seed=78)
    return [quiet, bad, calm]


def test_watch_tells_what_replay_finds(
    storm: list[pa.Table], journal: Journal, rules: Rules, monday: int
) -> None:
    kept = Kept()
    watcher = Watcher(journal, rules, Given([[table] for table in storm]), kept)
    for at in (2 * DAY_S, 2 * DAY_S + HOUR_S, 2 * DAY_S + 5 * HOUR_S):
        watcher.run_pass(monday + at)
    (found,) = replay(storm, rules)
    assert [notice.kind for notice in kept.told] == ["opened", "resolved"]
    assert {notice.incident_id for notice in kept.told} == {found.id}
    assert kept.told[0].opened_at.timestamp() == found.opened_at
    assert watcher.metrics.registry.get_sample_value("tingfeng_alerts_comments_total") == 580


def test_restart_after_every_pass_changes_nothing(
    storm: list[pa.Table], journal: Journal, rules: Rules
) -> None:
    whole = pa.concat_tables(storm).sort_by("at")
    passes = [[whole.slice(at, 58)] for at in range(0, whole.num_rows, 58)]
    kept = Kept()
    for tables in passes:
        now = tables[0]["at"][-1].as_py()
        Watcher(journal, rules, Given(passes), kept).run_pass(now)
    (found,) = replay(storm, rules)
    assert {notice.incident_id for notice in kept.told} == {found.id}
    assert kept.told[0].kind == "opened"
    assert len({notice.dedup_key for notice in kept.told}) == len(kept.told)


def test_duplicates_and_future_stamps_are_counted_once(
    storm: list[pa.Table], comments: Make, journal: Journal, rules: Rules, monday: int
) -> None:
    ahead = comments(monday + 30 * DAY_S, 60, 5, 1)
    source = Given([[storm[0], storm[0]], [storm[0].slice(0, 9), ahead]])
    watcher = Watcher(journal, rules, source, Kept())
    now = monday + 2 * DAY_S
    watcher.run_pass(now)
    watcher.run_pass(now + 60)
    value = watcher.metrics.registry.get_sample_value
    assert value("tingfeng_alerts_duplicates_total") == 489
    assert value("tingfeng_alerts_future_total") == 5
    assert journal.get("watermark") <= now + 60


def test_clock_that_is_set_back_does_not_turn_time_back(
    storm: list[pa.Table], journal: Journal, rules: Rules, monday: int
) -> None:
    watcher = Watcher(journal, rules, Given([[storm[0]]]), Kept())
    watcher.run_pass(monday + 2 * DAY_S)
    before = journal.get("watermark")
    watcher.run_pass(monday + DAY_S)
    assert journal.get("watermark") == before
    assert before == storm[0]["at"].to_numpy().max() - rules.lateness_s


def test_late_comments_join_their_windows_or_are_counted(
    storm: list[pa.Table], comments: Make, journal: Journal, rules: Rules, monday: int
) -> None:
    now = monday + 2 * DAY_S
    late = comments(now - 2 * HOUR_S, 600, 7, 7, seed=5)
    lost = comments(now - 40 * HOUR_S, 600, 3, 3, seed=6)
    watcher = Watcher(journal, rules, Given([[storm[0]], [late, lost]]), Kept())
    watcher.run_pass(now)
    watcher.run_pass(now + 60)
    value = watcher.metrics.registry.get_sample_value
    assert value("tingfeng_alerts_late_total", {"kept": "yes"}) == 7
    assert value("tingfeng_alerts_late_total", {"kept": "no"}) == 3


def test_silence_of_a_busy_source_is_an_incident_until_comments_come(
    comments: Make, journal: Journal, rules: Rules, monday: int
) -> None:
    busy = comments(monday, 2 * DAY_S, 4000, 800)
    again = comments(monday + 2 * DAY_S + 3 * HOUR_S, 60, 10, 2, seed=3)
    kept = Kept()
    watcher = Watcher(journal, rules, Given([[busy], [], [], [again]]), kept)
    now = monday + 2 * DAY_S
    watcher.run_pass(now)
    watcher.run_pass(now + 1800)
    assert kept.told == []
    watcher.run_pass(now + 3 * HOUR_S)
    watcher.run_pass(now + 3 * HOUR_S + 60)
    assert [(notice.kind, notice.key) for notice in kept.told] == [
        ("opened", {"source": "comments"}),
        ("resolved", {"source": "comments"}),
    ]
    assert "没有收到评论" in kept.told[0].title


def test_message_that_could_not_be_handed_over_comes_again(
    storm: list[pa.Table], journal: Journal, rules: Rules, monday: int
) -> None:
    kept = Kept()
    kept.broken = True
    now = monday + 2 * DAY_S + HOUR_S
    with pytest.raises(OSError, match="no way"):
        Watcher(journal, rules, Given([storm[:2]]), kept).run_pass(now)
    kept.broken = False
    Watcher(journal, rules, Given([]), kept).run_pass(now + 1)
    assert [notice.kind for notice in kept.told] == ["opened"] and journal.waiting() == []


def test_actions_reach_a_running_watch(
    storm: list[pa.Table], journal: Journal, rules: Rules, monday: int
) -> None:
    kept = Kept()
    watcher = Watcher(journal, rules, Given([storm[:2]]), kept)
    now = monday + 2 * DAY_S + HOUR_S
    watcher.run_pass(now)
    (one,) = journal.incidents(open_only=True)
    assert acknowledge(journal, one.id[:8], "值班", now) == one.id
    assign(journal, one.id, "公关组", now)
    watcher.run_pass(now + 600)
    found = journal.incident(one.id)
    assert (found.acknowledged_by, found.assigned_to) == ("值班", "公关组")
    assert {what for _, what, _ in found.timeline} >= {"acknowledged", "assigned"}
    with pytest.raises(ServingError, match="expected an incident"):
        acknowledge(journal, "inc-none", "值班", now)
    with pytest.raises(UsageError, match="colour"):
        add_silence(journal, {"colour": "red"}, minutes=5, by="x", why="", now=now)
    add_silence(journal, {"content": "7301"}, minutes=5, by="x", why="", now=now)
    assert journal.silences()[0].matchers == {"content": "7301"}


def test_notice_is_the_same_after_the_journal(
    storm: list[pa.Table], journal: Journal, rules: Rules, monday: int
) -> None:
    kept = Kept()
    Watcher(journal, rules, Given([storm[:2]]), kept).run_pass(monday + 2 * DAY_S + HOUR_S)
    assert notice_from(notice_document(kept.told[0])) == kept.told[0]


def test_file_that_is_no_journal_is_told(tmp_path: Path) -> None:
    path = tmp_path / "alerts.sqlite"
    path.write_text("no database, " * 100)
    with pytest.raises(ServingError, match="expected the alerts' file"):
        Journal(path)


def test_killed_watch_loses_no_incident_and_repeats_at_most_one_message_a_kill(
    rules: Rules,
) -> None:
    from benchmarks.alerts.kill import kill_at_random
    from benchmarks.alerts.whole import several_crises

    done = kill_at_random(several_crises(brands=1), rules, kills=4, rows=90, seed=5)
    assert done.kills == 4 and done.incidents and done.messages > done.incidents
    assert (done.lost_incidents, done.lost_messages, done.unwanted_messages) == (0, 0, 0)
    assert done.most_repeats_of_a_kill <= 1
