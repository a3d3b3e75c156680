"""The outbox and the sender: once per key, retries, limits that processes share, dead letters."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from serving.alerts.delivery import budget
from serving.alerts.delivery.channels.base import Rate
from serving.alerts.delivery.config import DeliveryConfig, parse_config
from serving.alerts.delivery.database import transaction
from serving.alerts.delivery.errors import ChannelError, DeliveryError
from serving.alerts.delivery.notifier import Notifier
from serving.alerts.delivery.outbox import KEEP_TEXTS_S, LEASE_S, Claim, Outbox
from serving.alerts.delivery.sender import UNCERTAIN_ATTEMPTS
from serving.alerts.delivery.tables import create_tables
from serving.alerts.notice import Notice
from tests.serving.delivery import robots

MakeNotice = Callable[..., Notice]
Serve = Callable[[Any], Any]
ConfigFor = Callable[..., DeliveryConfig]
Ready = Callable[..., tuple[Any, Notifier]]
OK = robots.answer({"errcode": 0, "errmsg": "ok"})


@pytest.fixture
def ready(serve: Serve, config_for: ConfigFor, tmp_path: Path) -> Ready:
    """A robot and a notifier that delivers to it."""

    def make(kind: str = "webhook", robot: Any = None, **more: Any) -> tuple[Any, Notifier]:
        robot = serve(robot or robots.receiver())
        return robot, Notifier(config_for(robot, kind, **more), tmp_path / "alerts.db")

    return make


def states(notifier: Notifier) -> list[str]:
    return [row["state"] for row in notifier.outbox.rows()][::-1]


def test_notice_is_delivered_once_however_often_it_is_offered(
    ready: Ready, notice: MakeNotice
) -> None:
    robot, notifier = ready()
    for _ in range(3):
        notifier.offer(notice())
    assert notifier.deliver_due().sent == 1
    notifier.offer(notice())
    assert notifier.deliver_due().sent == 0
    assert len(robot.received) == 1 and states(notifier) == ["sent"]


def test_offer_is_undone_and_kept_with_the_callers_transaction(
    ready: Ready, notice: MakeNotice, tmp_path: Path
) -> None:
    _, notifier = ready()
    connection = sqlite3.connect(tmp_path / "alerts.db")
    connection.execute("CREATE TABLE incidents (id TEXT)")
    for end in (connection.rollback, connection.commit):
        connection.execute("INSERT INTO incidents VALUES ('inc-1')")
        notifier.offer(notice(), connection=connection)
        assert notifier.outbox.rows() == []
        end()
    assert states(notifier) == ["pending"]
    assert connection.execute("SELECT count(*) FROM incidents").fetchone() == (1,)
    connection.close()


def test_offer_is_one_statement_for_all_channels(notice: MakeNotice, tmp_path: Path) -> None:
    channels = {f"log{n}": {"kind": "stdout"} for n in range(4)}
    notifier = Notifier(parse_config({"channels": channels}, "t"), tmp_path / "a.db")
    said: list[str] = []
    connection = sqlite3.connect(":memory:", isolation_level=None)
    create_tables(connection)
    connection.set_trace_callback(said.append)
    notifier.offer(notice(), connection=connection)
    assert len(said) == 1 and said[0].startswith("INSERT OR IGNORE")
    assert connection.execute("SELECT count(*) FROM alert_deliveries").fetchone() == (4,)


def test_channel_gets_only_what_it_is_for(notice: MakeNotice, tmp_path: Path) -> None:
    channels = {
        "all": {"kind": "stdout"},
        "severe": {"kind": "stdout", "min_severity": "critical"},
        "tea": {"kind": "stdout", "match": {"brand": "花间茶"}},
    }
    notifier = Notifier(parse_config({"channels": channels}, "t"), tmp_path / "a.db")
    notifier.offer(notice(severity="warning"))
    notifier.offer(notice(dedup_key="2", key={"brand": "别家"}))
    got = {(row["channel"], row["dedup_key"]) for row in notifier.outbox.rows()}
    first = "inc-1:opened"
    assert got == {("all", first), ("tea", first), ("all", "2"), ("severe", "2")}


def test_failed_delivery_is_tried_again_later_and_later(ready: Ready, notice: MakeNotice) -> None:
    robot, notifier = ready()
    robot.answers = [robots.answer({}, 500)] * 6
    notifier.offer(notice())
    now, waits = time.time(), []
    for _ in range(6):
        assert notifier.deliver_due(now).retried == 1
        assert notifier.deliver_due(now).retried == 0
        due = due_at(notifier)
        waits.append(due - now)
        now = due + 0.001
    assert all(2**n <= wait <= 2 ** (n + 1) + 1 for n, wait in enumerate(waits))
    assert notifier.deliver_due(now).sent == 1


def due_at(notifier: Notifier) -> float:
    return float(notifier.outbox.rows()[0]["due_at"])


@pytest.mark.parametrize(
    ("kind", "answer", "tries"),
    [
        ("webhook", robots.answer({}, 404), 1),
        ("dingtalk", robots.answer({"errcode": 310000, "errmsg": "sign not match"}), 1),
        ("dingtalk", robots.answer({"errcode": 430104, "errmsg": "text"}), 2),
        ("dingtalk", robots.answer({"errcode": 777, "errmsg": "?"}), UNCERTAIN_ATTEMPTS),
    ],
)
def test_refusals_end_in_dead_letters(
    kind: str, answer: Any, tries: int, ready: Ready, notice: MakeNotice
) -> None:
    robot, notifier = ready(kind, robots.dingtalk() if kind == "dingtalk" else None)
    robot.answers = [answer] * 99
    notifier.offer(notice())
    now = time.time()
    for _ in range(UNCERTAIN_ATTEMPTS + 3):
        notifier.deliver_due(now)
        now += 301
    assert len(robot.received) == tries and states(notifier) == ["dead"]
    assert notifier.outbox.rows(state="dead")[0]["code"]


def test_refused_words_go_out_without_the_comments(ready: Ready, notice: MakeNotice) -> None:
    robot, notifier = ready("dingtalk", robots.dingtalk())
    robot.answers = [robots.answer({"errcode": 430104, "errmsg": "text"})]
    notifier.offer(notice())
    assert notifier.deliver_due().sent == 1
    first, second = (one.json["markdown"]["text"] for one in robot.received)
    assert "虫子" in first and "虫子" not in second and "食品安全" in second


def test_dead_letter_can_be_delivered_again(ready: Ready, notice: MakeNotice) -> None:
    robot, notifier = ready()
    robot.answers = [robots.answer({}, 404)]
    notifier.offer(notice())
    assert notifier.deliver_due().dead == 1
    notifier.outbox.redeliver(notifier.outbox.rows()[0]["delivery_id"], time.time())
    assert notifier.deliver_due().sent == 1
    with pytest.raises(DeliveryError, match="expected a dead delivery"):
        notifier.outbox.redeliver(1, time.time())


def test_row_is_given_up_after_a_while_and_its_text_forgotten(
    ready: Ready, notice: MakeNotice, tmp_path: Path
) -> None:
    robot, notifier = ready()
    robot.answers = [robots.answer({}, 500)] * 9
    notifier.offer(notice())
    now = time.time()
    notifier.deliver_due(now)
    assert notifier.deliver_due(now + 86_500).dead == 1
    assert "given up" in notifier.outbox.rows()[0]["message"]
    notifier.deliver_due(now + KEEP_TEXTS_S + 60)
    rows = sqlite3.connect(tmp_path / "alerts.db").execute("SELECT notice FROM alert_deliveries")
    assert rows.fetchall() == [("",)]
    notifier.offer(notice())
    assert states(notifier) == ["dead"]


def test_rate_is_kept_on_the_robots_clock_and_never_exceeded(
    ready: Ready, notice: MakeNotice
) -> None:
    now = [time.time() + 60]
    robot, notifier = ready("dingtalk", robots.dingtalk(clock=lambda: now[0]))
    for number in range(45):
        notifier.offer(notice(dedup_key=str(number), incident_id=str(number)))
    sent = []
    for _ in range(3):
        sent.append(notifier.deliver_due(now[0]).sent)
        now[0] += 30
        sent.append(notifier.deliver_due(now[0]).sent)
        now[0] += 45
    assert sent == [20, 0, 20, 0, 5, 0] and len(robot.received) == 45


def test_two_senders_share_the_rate_and_send_nothing_twice(
    ready: Ready, notice: MakeNotice, config_for: ConfigFor, tmp_path: Path
) -> None:
    robot, first = ready("dingtalk", robots.dingtalk())
    second = Notifier(config_for(robot, "dingtalk"), tmp_path / "alerts.db")
    for number in range(30):
        first.offer(notice(dedup_key=str(number), incident_id=str(number)))
    threads = [threading.Thread(target=one.deliver_due) for one in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(robot.received) == 20 == len(robot.taken())
    assert len({one.body for one in robot.received}) == 20
    assert sorted(states(first)) == ["pending"] * 10 + ["sent"] * 20


def test_most_urgent_goes_first_and_an_incident_keeps_its_order(
    ready: Ready, notice: MakeNotice
) -> None:
    robot, notifier = ready()
    for key, incident, severity in (
        ("a1", "a", "info"),
        ("b1", "b", "warning"),
        ("a2", "a", "critical"),
        ("c1", "c", "critical"),
    ):
        notifier.offer(notice(dedup_key=key, incident_id=incident, severity=severity))
    notifier.deliver_due()
    assert [one.json["dedup_key"] for one in robot.received] == ["c1", "b1", "a1", "a2"]


def test_later_notice_of_an_incident_waits_for_the_earlier_one(
    ready: Ready, notice: MakeNotice
) -> None:
    robot, notifier = ready()
    robot.answers = [robots.answer({}, 500)]
    notifier.offer(notice())
    now = time.time()
    notifier.deliver_due(now)
    notifier.offer(notice(kind="resolved", dedup_key="inc-1:resolved"))
    assert notifier.deliver_due(now + 0.1).sent == 0
    notifier.deliver_due(now + 5)
    kinds = [one.json["kind"] for one in robot.received]
    assert kinds == ["opened", "opened", "resolved"]


def test_limit_told_by_the_robot_stops_every_channel_to_it(
    ready: Ready, notice: MakeNotice
) -> None:
    now = time.time() + 60
    robot, notifier = ready("dingtalk", robots.dingtalk(clock=lambda: now))
    robot.answers = [robots.answer({"errcode": 130101, "errmsg": "send too fast"})]
    for key in "abc":
        notifier.offer(notice(dedup_key=key, incident_id=key))
    assert notifier.deliver_due(now).retried == 1
    for later in (1, 60, 590):
        assert notifier.deliver_due(now + later).sent == 0
    now += 620
    assert notifier.deliver_due(now).sent == 3 and len(robot.received) == 4


def test_hanging_receiver_does_not_hold_up_another(
    serve: Serve, notice: MakeNotice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung = threading.Event()
    slow, quick = serve(robots.receiver()), serve(robots.receiver())
    slow.answers = [lambda _: hung.wait(20) and None]
    monkeypatch.setenv("S", "secret-secret")
    channels = {
        name: {"kind": "webhook", "url": f"http://{one.host}/", "secret": "env:S"}
        for name, one in (("slow", slow), ("quick", quick))
    }
    described = {"channels": channels, "internal_receivers": [slow.host, quick.host]}
    notifier = Notifier(parse_config(described, "t"), tmp_path / "a.db")
    notifier.offer(notice())
    stop = threading.Event()
    thread = threading.Thread(target=notifier.run, args=(stop, 0.05))
    monkeypatch.setattr("serving.alerts.delivery.sender._EXPIRE_EVERY_S", 0.1)
    thread.start()
    started = time.monotonic()
    while not quick.received and time.monotonic() - started < 10:
        time.sleep(0.01)
    notifier.offer(notice(dedup_key="2", incident_id="2"))
    while len(quick.received) < 2 and time.monotonic() - started < 10:
        time.sleep(0.01)
    assert len(quick.received) == 2 and len(slow.received) <= 1
    stop.set()
    hung.set()
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_lease_holds_while_it_lasts_and_a_late_success_counts(
    tmp_path: Path, notice: MakeNotice
) -> None:
    outbox, rate = Outbox(tmp_path / "a.db"), Rate()
    outbox.offer(["ops"], notice(), 0.0)
    first = outbox.claim("ops", "t", rate, 1.0)
    assert isinstance(first, Claim) and "虫子" not in repr(first)
    assert outbox.claim("ops", "t", rate, LEASE_S) is None
    second = outbox.claim("ops", "t", rate, LEASE_S + 2)
    assert isinstance(second, Claim) and second.attempts == 2
    outbox.mark_failed(first, "500", "", LEASE_S + 3, due_at=None)  # no longer the first one's row
    assert outbox.rows()[0]["state"] == "sending"
    outbox.mark_failed(second, "500", "", LEASE_S + 4, due_at=LEASE_S + 9)
    outbox.mark_sent(first, "0", "", LEASE_S + 5)
    assert outbox.rows()[0]["state"] == "sent"


def test_unreadable_row_dies_alone(ready: Ready, notice: MakeNotice, tmp_path: Path) -> None:
    robot, notifier = ready()
    for key in "ab":
        notifier.offer(notice(dedup_key=key, incident_id=key))
    with transaction(tmp_path / "alerts.db") as connection:
        connection.execute("UPDATE alert_deliveries SET notice = '[' WHERE dedup_key = 'a'")
    report = notifier.deliver_due()
    assert (report.sent, report.dead) == (1, 1) and len(robot.received) == 1


def test_channel_without_its_secret_waits_and_is_told(notice: MakeNotice, tmp_path: Path) -> None:
    channels = {
        "lost": {"kind": "wecom", "url": "env:NOT_SET"},
        "log": {"kind": "jsonl", "path": str(tmp_path / "log.jsonl")},
    }
    notifier = Notifier(parse_config({"channels": channels}, "t"), tmp_path / "a.db")
    notifier.offer(notice())
    report = notifier.deliver_due()
    assert (report.sent, report.waiting) == (1, 1) and "NOT_SET" in notifier.faults[0]
    alone = Notifier(parse_config({"channels": {"lost": channels["lost"]}}, "t"), tmp_path / "a.db")
    with pytest.raises(ChannelError, match="NOT_SET"):
        alone.deliver_due()


def test_damaged_outbox_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database" * 100)
    with pytest.raises(DeliveryError, match=r"a\.db: expected a usable SQLite file"):
        Outbox(tmp_path / "a.db")


def test_attempts_are_counted_for_prometheus(ready: Ready, notice: MakeNotice) -> None:
    def value(result: str) -> float:
        labels = {"channel": "ops", "result": result}
        return REGISTRY.get_sample_value("tingfeng_alert_deliveries_total", labels) or 0.0

    robot, notifier = ready()
    robot.answers = [robots.answer({}, 500)]
    before = value("sent"), value("retry")
    notifier.offer(notice())
    now = time.time()
    notifier.deliver_due(now)
    notifier.deliver_due(now + 5)
    assert (value("sent"), value("retry")) == (before[0] + 1, before[1] + 1)
    assert REGISTRY.get_sample_value("tingfeng_alert_outbox_rows", {"state": "sent"}) == 1
    assert REGISTRY.get_sample_value("tingfeng_alert_delivery_seconds_count", {"channel": "ops"})


@given(
    seed=st.integers(0, 10**6),
    limit=st.integers(1, 6),
    delays=st.lists(st.floats(0, 12), min_size=10, max_size=40),
)
@settings(max_examples=20, deadline=None)
def test_no_minute_of_the_receiver_sees_more_than_the_rate(
    seed: int, limit: int, delays: list[float]
) -> None:
    """Whatever the network's delay between taking a slot and the message's arrival."""
    dice = random.Random(seed)
    connection = sqlite3.connect(":memory:")
    for statement in budget.TABLES:
        connection.execute(statement)
    now, arrived = 0.0, []
    for delay in delays:
        while isinstance(
            slot := budget.take(connection, "t", Rate(per_minute=limit), now, until=now + 60), float
        ):
            assert slot > now
            now = slot + 1e-6
        arrived.append(now + dice.uniform(0, delay))
        now += delay
        budget.settle(connection, slot, now)
    for start in arrived:
        assert sum(start <= at < start + 60 for at in arrived) <= limit


def test_clock_that_is_set_back_does_not_stop_the_sending() -> None:
    connection = sqlite3.connect(":memory:")
    for statement in budget.TABLES:
        connection.execute(statement)
    rate = Rate(per_minute=1)
    assert isinstance(budget.take(connection, "t", rate, 1e6, until=1e6), int)
    budget.block(connection, "t", 1e6 + 600)
    assert isinstance(budget.take(connection, "t", rate, 5e5, until=5e5), int)
