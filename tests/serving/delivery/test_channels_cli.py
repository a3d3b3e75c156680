"""The verbs of channels and deliveries; and secrets, which nothing shows."""

from __future__ import annotations

import json
import logging
import os
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client import generate_latest

from serving.alerts.delivery.channels.build import build_channel
from serving.alerts.delivery.load import open_notifier
from serving.alerts.delivery.secret import Redactor, Secret
from serving.alerts.notice import Notice
from serving.cli import main
from serving.settings import Settings
from tests.serving.delivery import robots

Serve = Callable[[Any], Any]


class Result(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs ``tingfeng alerts`` in this process with a home of its own."""
    for name in [n for n in os.environ if n.startswith("TINGFENG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["tingfeng", "alerts", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.main()
        captured = capsys.readouterr()
        return Result(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def configured(
    command: Command, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Any]:
    """Writes channels.yaml with a channel ``ops`` to a robot, and names it in the settings."""
    del command

    def make(kind: str = "dingtalk", robot: Any = None) -> Any:
        robot = serve(robot or robots.dingtalk())
        monkeypatch.setenv("OPS_URL", robots.url_of(robot, kind))
        monkeypatch.setenv("OPS_SECRET", robots.SECRET)
        monkeypatch.setenv("TINGFENG_CHANNELS_FILE", str(tmp_path / "channels.yaml"))
        secret = "" if kind == "wecom" else "      secret: env:OPS_SECRET\n"
        (tmp_path / "channels.yaml").write_text(
            f"alerts:\n  internal_receivers: ['{robot.host}']\n  channels:\n    ops:\n"
            f"      kind: {kind}\n      url: env:OPS_URL\n{secret}"
            "    log:\n      kind: stdout\n"
        )
        return robot

    return make


def test_test_channel_sends_a_message_that_says_it_is_a_test(
    command: Command, configured: Callable[..., Any]
) -> None:
    robot = configured()
    result = command("test-channel", "ops")
    assert (result.code, result.out) == (0, "") and "took the message" in result.err
    text = robot.taken()[0]["markdown"]["text"]
    assert "测试消息" in text and "请忽略" in text


def test_test_channel_answers_in_json(command: Command, configured: Callable[..., Any]) -> None:
    configured()
    result = command("test-channel", "ops", "--json")
    document = json.loads(result.out)
    assert document["ok"] is True and document["code"] == "0" and document["kind"] == "dingtalk"


def test_refused_test_message_is_one_line_and_code_1(
    command: Command, configured: Callable[..., Any]
) -> None:
    robot = configured(robot=robots.dingtalk(secret="SECother"))
    result = command("test-channel", "ops")
    assert result.code == 1 and result.err.count("\n") == 1 and "Traceback" not in result.err
    assert "310000" in result.err and "sign not match" in result.err and len(robot.received) == 1
    document = command("test-channel", "ops", "--json")
    assert document.code == 1 and json.loads(document.out)["ok"] is False


def test_test_channel_keeps_to_the_rate(command: Command, configured: Callable[..., Any]) -> None:
    robot = configured("wecom", robots.wecom())
    codes = [command("test-channel", "ops").code for _ in range(21)]
    assert codes == [0] * 20 + [1] and len(robot.received) == 20


def test_show_prints_the_message_and_sends_nothing(
    command: Command, configured: Callable[..., Any]
) -> None:
    robot = configured()
    result = command("test-channel", "ops", "--show")
    assert result.code == 0 and json.loads(result.out)["msgtype"] == "markdown"
    assert not robot.received


def test_stdout_channel_prints_for_people(command: Command, configured: Callable[..., Any]) -> None:
    configured()
    result = command("test-channel", "log")
    assert result.code == 0 and "【提示 · 测试消息】" in result.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["test-channel", "nobody"], "expected a channel among log, ops, found 'nobody'"),
        (["test-channel"], "name"),
        (["test-channel", "ops", "--channels", "none.yaml"], "none.yaml"),
        (["deliveries", "--state", "lost"], "lost"),
        (["redeliver", "x"], "integer"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(
    arguments: list[str], said: str, command: Command, configured: Callable[..., Any]
) -> None:
    configured()
    result = command(*arguments)
    assert result.code == 2 and said in result.err and result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "alerts:\n  channels:\n    a: {kind: dingtalk, url: 'https://x/?t=t0psecret'}",
            "env:NAME",
        ),
        ("alerts: [", "line"),
        ("channels: {}", "no alerts"),
        ("", "no alerts"),
        ("alerts:\n  channels:\n    a b: {kind: stdout}", "a b"),
    ],
)
def test_wrong_file_is_one_line_without_its_values(
    text: str, said: str, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text(text)
    result = command("test-channel", "a", "--channels", "c.yaml")
    assert result.code == 2 and said in result.err and result.err.count("\n") == 1
    assert "t0psecret" not in result.err


def test_channels_stand_in_the_settings_too(command: Command, tmp_path: Path) -> None:
    (tmp_path / "tingfeng.toml").write_text('[alerts.channels.log]\nkind = "stdout"\n')
    assert command("test-channel", "log").code == 0
    (tmp_path / "own.toml").write_text('[alerts.channels.own]\nkind = "stdout"\n')
    assert command("test-channel", "own", "--channels", "own.toml").code == 0
    (tmp_path / "tingfeng.toml").write_text('alerts = "t0psecret"\n')
    result = command("test-channel", "log")
    assert result.code == 1 and "alerts" in result.err and "t0psecret" not in result.err


def test_deliveries_are_sent_listed_and_sent_again(
    command: Command, configured: Callable[..., Any], notice: Callable[..., Notice]
) -> None:
    robot = configured()
    robot.answers = [robots.answer({"errcode": 310000, "errmsg": "keywords not in content"})]
    open_notifier(Settings()).offer(notice())
    sent = command("deliver", "--json")
    assert sent.code == 0 and "建议下一步" in sent.err
    document = json.loads(sent.out)
    assert document == {"sent": 1, "retried": 0, "dead": 1, "waiting": 0, "faults": []}
    listed = json.loads(command("deliveries", "--state", "dead", "--json").out)
    assert listed["counts"] == {"dead": 1, "sent": 1}
    row = listed["deliveries"][0]
    assert (row["channel"], row["code"], row["attempts"]) == ("ops", "310000", 1)
    assert row["created_at"].endswith("Z") and row["sent_at"] is None and row["dedup_key"]
    assert command("redeliver", row["delivery_id"]).code == 0
    assert command("deliver").code == 0 and len(robot.taken()) == 1
    assert command("redeliver", row["delivery_id"]).code == 1
    lines = command("deliveries").out.splitlines()
    assert len(lines) == 2 and all("sent" in line for line in lines)


def test_no_output_of_any_kind_shows_a_secret(
    command: Command,
    configured: Callable[..., Any],
    notice: Callable[..., Notice],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """The robot itself repeats the token in its answers, as real ones do."""
    caplog.set_level(logging.DEBUG)
    outputs: list[str] = []
    for kind, maker in (
        ("dingtalk", robots.dingtalk),
        ("wecom", robots.wecom),
        ("feishu", robots.feishu),
        ("webhook", robots.receiver),
    ):
        robot = configured(kind, maker())
        echo = {
            "errcode": 310000,
            "code": 19021,
            "errmsg": f"bad {robots.TOKEN}",
            "msg": robots.TOKEN,
        }
        robot.answers = [robots.answer(echo | {"echo": robots.SECRET})] * 2
        notifier = open_notifier(Settings())
        channel = build_channel("ops", notifier._config)
        outcome = channel.send(notice(), now=time.time())
        outputs += [repr(channel), str(channel), repr(outcome), repr(notifier._config)]
        notifier.offer(notice(dedup_key=kind, incident_id=kind))
        for arguments in (
            ["test-channel", "ops"],
            ["test-channel", "ops", "--json"],
            ["test-channel", "ops", "--show"],
            ["deliver", "--json"],
            ["deliveries", "--json"],
            ["deliveries"],
        ):
            outputs += list(command(*arguments)[1:])
        robot.server.shutdown()
        robot.server.server_close()  # now nobody answers
        outputs += list(command("test-channel", "ops")[1:])
        outputs += [repr(channel.send(notice(), now=time.time()))]
    outputs += [caplog.text, generate_latest().decode()]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "home").glob("alerts.db*"))
    outputs.append(stored.decode("utf-8", "replace"))
    assert "310000" in "".join(outputs) and "***" in "".join(outputs)
    for text in outputs:
        assert robots.TOKEN not in text and robots.SECRET not in text


def test_deliver_without_channels_says_what_to_do(command: Command) -> None:
    result = command("deliver")
    assert result.code == 2 and "alerts.channels" in result.err and result.err.count("\n") == 1


def test_secret_is_not_shown_or_pickled() -> None:
    secret = Secret("t0psecret")
    assert "t0psecret" not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_redactor_strikes_out_parts_of_an_address_and_encoded_forms() -> None:
    redact = Redactor([Secret("https://h.cn/hook/0123456789ab?key=a%2Bb-c+d&x=1"), Secret("p/w d")])
    told = redact(
        "path /hook/0123456789ab?key=a%2Bb-c+d key a%2Bb-c+d, pw p/w d p%2Fw%20d p%2Fw+d h.cn"
    )
    assert told.count("***") >= 4 and "0123456789ab" not in told and "p/w" not in told
    assert "a%2Bb" not in told and "p%2Fw" not in told and "h.cn" in told
