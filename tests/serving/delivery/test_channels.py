"""Channels against servers that behave like each robot, with their refusals."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.alerts.delivery.channels import dingtalk, feishu, webhook
from serving.alerts.delivery.channels.base import Channel
from serving.alerts.delivery.channels.build import build_channel
from serving.alerts.delivery.config import parse_config
from serving.alerts.delivery.errors import ChannelError
from serving.alerts.notice import Evidence, Notice
from tests.serving.delivery import robots

MakeNotice = Callable[..., Notice]
ChannelFor = Callable[..., Channel]
Serve = Callable[[Any], Any]
MAKERS = {"dingtalk": robots.dingtalk, "feishu": robots.feishu, "wecom": robots.wecom}


def test_dingtalk_signature_has_the_known_value() -> None:
    known = "w3RMHXzixTMdzr8OHJUmVLS4IoPJVdu+Ut1LE48MePE="
    assert dingtalk.sign("SECtest123", 1_700_000_000_000) == known


def test_feishu_signature_has_the_known_value() -> None:
    known = "gtONOD5zs2a6P9SszKMhjk5fukFdNyg6JEPgFKK5mHE="
    assert feishu.sign("test123", 1_700_000_000) == known


@pytest.mark.parametrize("kind", MAKERS)
def test_robot_takes_the_message(
    kind: str, serve: Serve, channel_for: ChannelFor, notice: MakeNotice
) -> None:
    robot = serve(MAKERS[kind]())
    outcome = channel_for(robot, kind).send(notice(), now=time.time())
    assert (outcome.result, outcome.code) == ("sent", "0")
    assert len(robot.taken()) == 1 and "虫子" in json.dumps(robot.taken(), ensure_ascii=False)


def test_dingtalk_signature_is_encoded_once(
    serve: Serve, channel_for: ChannelFor, notice: MakeNotice
) -> None:
    robot = serve(robots.dingtalk())
    channel = channel_for(robot, "dingtalk")
    for moment in range(8):  # signatures with + and / among them
        assert channel.send(notice(), now=time.time() + moment).result == "sent"


@pytest.mark.parametrize(
    ("kind", "maker", "code"),
    [
        ("dingtalk", lambda: robots.dingtalk(secret="SECother"), "310000"),
        ("dingtalk", lambda: robots.dingtalk(keyword="值班"), "310000"),
        ("feishu", lambda: robots.feishu(secret="other"), "19021"),
        ("feishu", lambda: robots.feishu(keyword="值班"), "19024"),
    ],
)
def test_refusal_of_signature_or_keyword_is_final(
    kind: str,
    maker: Any,
    code: str,
    serve: Serve,
    channel_for: ChannelFor,
    notice: MakeNotice,
) -> None:
    outcome = channel_for(serve(maker()), kind).send(notice(), now=time.time())
    assert (outcome.result, outcome.code) == ("final", code)


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_configured_keyword_is_in_the_message(
    kind: str, serve: Serve, channel_for: ChannelFor, notice: MakeNotice
) -> None:
    robot = serve(MAKERS[kind](keyword="值班"))
    assert channel_for(robot, kind, keyword="值班").send(notice(), now=time.time()).result == "sent"


@pytest.mark.parametrize("kind", MAKERS)
def test_longest_notice_is_not_too_long_for_the_robot(
    kind: str, serve: Serve, channel_for: ChannelFor, notice: MakeNotice
) -> None:
    long = Evidence(comment_id="c", text="难喝" * 900, why="代表一类" * 20, likes=9)
    everyone = {"all": True} | ({"users": ["u" * 60] * 20} if kind != "wecom" else {})
    many = notice(evidence=(long,) * 80, playbook=("马上处理" * 40,) * 50, title="长" * 999)
    channel = channel_for(serve(MAKERS[kind]()), kind, mentions=everyone)
    assert channel.send(many, now=time.time()).result == "sent"


@pytest.mark.parametrize(
    ("kind", "document", "result"),
    [
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}, "limited"),
        ("dingtalk", {"errcode": -1, "errmsg": "系统繁忙"}, "retry"),
        ("dingtalk", {"errcode": 430104, "errmsg": "不合适的文本"}, "shorten"),
        ("dingtalk", {"errcode": 460101, "errmsg": "message too long"}, "shorten"),
        ("dingtalk", {"errcode": 777, "errmsg": "?"}, "uncertain"),
        ("dingtalk", {"errmsg": "ok"}, "uncertain"),
        ("dingtalk", {"errcode": "0"}, "uncertain"),
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, "limited"),
        ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}, "final"),
        ("wecom", {"errcode": 40058, "errmsg": "exceed max length"}, "shorten"),
        ("feishu", {"code": 11232, "msg": "frequency limited psm"}, "limited"),
        ("feishu", {"code": 9499, "msg": "too many request"}, "limited"),
        ("feishu", {"code": 9499, "msg": "Bad Request"}, "shorten"),
        ("feishu", {"code": 19022, "msg": "Ip Not Allowed"}, "final"),
    ],
)
def test_http_200_with_a_code_means_what_the_code_says(
    kind: str,
    document: dict[str, Any],
    result: str,
    serve: Serve,
    channel_for: ChannelFor,
    notice: MakeNotice,
) -> None:
    robot = serve(MAKERS[kind]())
    robot.answers = [robots.answer(document)]
    assert channel_for(robot, kind).send(notice(), now=time.time()).result == result


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (robots.answer({}, 500), "retry"),
        (robots.answer({}, 502), "retry"),
        (robots.answer({}, 429, **{"Retry-After": "77"}), "limited"),
        (robots.answer({}, 408), "retry"),
        (robots.answer({}, 404), "final"),
        (robots.answer({}, 403), "final"),
        ((200, {}, b"<html>welcome</html>"), "uncertain"),
        ((200, {}, b"[" * 60_000), "uncertain"),
        ((200, {"Content-Length": "900"}, b"{"), "retry"),
        ((200, {}, b" " * 70_000), "retry"),
    ],
)
def test_other_answers_are_retried_or_final(
    answer: Any, result: str, serve: Serve, channel_for: ChannelFor, notice: MakeNotice
) -> None:
    robot = serve(robots.wecom())
    robot.answers = [answer]
    outcome = channel_for(robot, "wecom").send(notice(), now=time.time())
    assert outcome.result == result
    assert outcome.wait_s == (77 if result == "limited" else 0)


def test_redirect_is_not_followed(
    serve: Serve, channel_for: ChannelFor, notice: MakeNotice
) -> None:
    other, robot = serve(robots.receiver()), serve(robots.receiver())
    robot.answers = [robots.answer({}, 302, Location=f"http://{other.host}/")]
    outcome = channel_for(robot, "webhook").send(notice(), now=time.time())
    assert outcome.result == "final" and "redirect" in outcome.message and not other.received


def test_webhook_carries_the_notice_and_a_signature_that_verifies(
    serve: Serve, channel_for: ChannelFor, notice: MakeNotice
) -> None:
    def right(request: Any) -> bool:
        return webhook.verify_signature(
            request.headers, request.body, [robots.SECRET], now=time.time()
        )

    robot = serve(robots.receiver(right))
    assert channel_for(robot, "webhook").send(notice(), now=time.time()).result == "sent"
    body = robot.received[0].json
    assert body["dedup_key"] == "inc-1:opened" and body["ratio"] == 8.0
    assert body["evidence"][0]["text"].startswith("喝了一半") and body["evidence_left_out"] == 0
    assert body["at"] == "2026-11-23T13:17:00Z" and "封存同批次产品" in body["playbook"][2]


def test_webhook_body_leaves_out_evidence_and_counts_it(
    serve: Serve, channel_for: ChannelFor, notice: MakeNotice
) -> None:
    robot = serve(robots.receiver())
    many = (Evidence(comment_id="c", text="难" * 5000, why="", likes=1),) * 50
    assert channel_for(robot, "webhook").send(notice(evidence=many), now=0.0).result == "sent"
    body = robot.received[0].json
    assert len(robot.received[0].body) <= webhook.MAX_BODY_BYTES
    assert body["evidence_left_out"] + len(body["evidence"]) == 50 and body["evidence"]


@pytest.mark.parametrize(
    "changed",
    [
        {"body": b"{}x"},
        {"now": 1000.0 + 301},
        {"now": 1000.0 - 301},
        {"secrets": ["other"]},
        {"secrets": []},
        {"stamp": "1e3"},
        {"stamp": "١٠٠٠"},
        {"signature": ""},
        {"signature": "v1=é"},
    ],
)
def test_signature_of_another_body_time_or_secret_does_not_verify(changed: dict[str, Any]) -> None:
    headers = {
        "Tingfeng-Timestamp": changed.get("stamp", "1000"),
        "Tingfeng-Signature": changed.get("signature", f"v1={webhook.sign('s', 1000, b'{}')}"),
    }
    known: dict[str, Any] = {"body": b"{}", "secrets": ["s"], "now": 1000.0}
    used = known | {name: value for name, value in changed.items() if name in known}
    assert webhook.verify_signature(headers, used["body"], used["secrets"], now=used["now"]) is (
        used == known and "stamp" not in changed and "signature" not in changed
    )


def test_signature_verifies_with_either_secret_while_it_is_changed(
    serve: Serve,
    channel_for: ChannelFor,
    notice: MakeNotice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLD_SECRET", "old-secret")
    robot = serve(robots.receiver())
    channel = channel_for(robot, "webhook", previous_secret="env:OLD_SECRET")
    channel.send(notice(), now=1000.0)
    got = robot.received[0]
    for secret in (robots.SECRET, "old-secret"):
        assert webhook.verify_signature(got.headers, got.body, [secret], now=1200.0)
    assert not webhook.verify_signature(got.headers, got.body, ["third"], now=1200.0)


def test_jsonl_appends_whole_lines(tmp_path: Path, notice: MakeNotice) -> None:
    path = tmp_path / "alerts.jsonl"
    config = parse_config({"channels": {"log": {"kind": "jsonl", "path": str(path)}}}, "t")
    channel = build_channel("log", config)
    assert [channel.send(notice(), now=0.0).result for _ in range(2)] == ["sent", "sent"]
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [one["channel"] for one in lines] == ["log", "log"] and lines[0]["observed"] == 48
    assert path.stat().st_mode & 0o077 == 0


def test_unwritable_file_is_tried_again(tmp_path: Path, notice: MakeNotice) -> None:
    config = parse_config({"channels": {"log": {"kind": "jsonl", "path": str(tmp_path)}}}, "t")
    assert build_channel("log", config).send(notice(), now=0.0).result == "retry"


@pytest.mark.parametrize(
    ("described", "fault"),
    [
        ({"kind": "dingtalk", "url": "https://oapi.dingtalk.com/x?access_token=t0psecret"}, "env:"),
        ({"kind": "dingtalk", "url": "env:U", "secret": "t0psecret"}, "env:"),
        ({"kind": "wecom", "url": "env:U", "secret": "env:S"}, "not signed"),
        ({"kind": "feishu", "url": "env:U", "mentions": {"mobiles": ["13800000000"]}}, "open ids"),
        ({"kind": "slack", "url": "env:U"}, "kind"),
        ({"kind": "wecom", "url": "env:U", "colour": "red"}, "colour"),
        ({"kind": "webhook", "url": "https://x.cn"}, "secret"),
        ({"kind": "mail", "host": "h", "sender": "a\nb@x.cn", "recipients": ["a@x.cn"]}, "sender"),
        (
            {
                "kind": "mail",
                "host": "h",
                "tls": "none",
                "user": "u",
                "password": "env:P",
                "sender": "a@x.cn",
                "recipients": ["a@x.cn"],
            },
            "in the clear",
        ),
    ],
)
def test_wrong_description_is_refused_without_showing_values(
    described: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ChannelError, match=fault) as caught:
        parse_config({"channels": {"ops": described}}, "file.yaml")
    assert "t0psecret" not in str(caught.value) and "ops" in str(caught.value)


def test_every_fault_is_told_at_once() -> None:
    channels = {"a": {"kind": "wecom"}, "b": {"kind": "webhook", "url": "https://x.cn"}}
    with pytest.raises(ChannelError, match=r"channels\.a.*channels\.b.*timezone"):
        parse_config({"channels": channels, "timezone": "Mars"}, "t")


def test_address_of_another_robot_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("U", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abcdefgh")
    config = parse_config({"channels": {"a": {"kind": "dingtalk", "url": "env:U"}}}, "t")
    with pytest.raises(ChannelError, match="expected kind wecom") as caught:
        build_channel("a", config)
    assert "abcdefgh" not in str(caught.value)


@pytest.mark.parametrize("reference", ["env:NOT_THERE", "file:/not/there"])
def test_missing_secret_is_told_by_its_name(reference: str) -> None:
    config = parse_config({"channels": {"a": {"kind": "wecom", "url": reference}}}, "t")
    with pytest.raises(ChannelError, match=reference.partition(":")[2]):
        build_channel("a", config)


def test_secret_from_a_file_loses_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k\n")
    config = parse_config(
        {"channels": {"a": {"kind": "wecom", "url": f"file:{tmp_path / 'url'}"}}}, "t"
    )
    assert getattr(build_channel("a", config), "url").endswith("key=k")  # noqa: B009
