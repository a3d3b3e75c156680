"""E-mail against a small SMTP server: what arrives, TLS, and answers that pass or stay."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from serving.alerts.delivery.channels.base import Channel
from serving.alerts.delivery.channels.build import build_channel
from serving.alerts.delivery.config import parse_config
from serving.alerts.notice import Notice

MakeNotice = Callable[..., Notice]


class Server(socketserver.ThreadingTCPServer):
    """Says what ``replies`` has for a command's first word, else that it is fine."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.replies: dict[str, list[str]] = {}
        self.said: list[str] = []
        self.mails: list[EmailMessage] = []
        super().__init__(("127.0.0.1", 0), Session)


class Session(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.say("220 test")
        while line := self.rfile.readline():
            text = line.decode().strip()
            self.server.said.append(text)
            word = text.split(":")[0].split(" ")[0].upper()
            planned = self.server.replies.get(word, [])
            if planned:
                self.say(planned.pop(0))
            elif word == "EHLO":
                self.say("250-test\r\n250-SMTPUTF8\r\n250 8BITMIME")
            elif word == "DATA":
                self.data()
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def data(self) -> None:
        self.say("354 go on")
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        found = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        self.server.mails.append(found)
        self.say("250 taken")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as started:
        threading.Thread(target=started.serve_forever, args=(0.02,), daemon=True).start()
        yield started
        started.shutdown()


@pytest.fixture
def mail(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Channel]:
    def make(**more: Any) -> Channel:
        monkeypatch.setenv("MAIL_PASSWORD", "p4ssw0rd-of-mail")
        described = {
            "kind": "mail",
            "host": "127.0.0.1",
            "port": server.server_address[1],
            "tls": "none",
            "sender": "tingfeng@example.com",
            "recipients": ["pr@example.com", "cs@example.com"],
        }
        return build_channel("m", parse_config({"channels": {"m": described | more}}, "t"))

    return make


def test_mail_has_text_and_html_and_the_same_id_when_repeated(
    server: Server, mail: Callable[..., Channel], notice: MakeNotice
) -> None:
    channel = mail()
    update = notice(kind="worsened", dedup_key="inc-1:worse", severity="warning")
    for one in (notice(), notice(), update):
        assert channel.send(one, now=time.time()).result == "sent"
    first, again, other = server.mails
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert first["References"] == other["References"]
    assert first["Subject"] == "🔴【严重 · 新事件】花间茶：抖音负面评论激增"
    assert first["To"] == "pr@example.com, cs@example.com"
    plain, html = first.get_body(("plain",)), first.get_body(("html",))
    assert plain and "喝了一半杯底有虫子" in plain.get_content()
    assert html and "喝了一半杯底有虫子" in html.get_content()


def test_hostile_texts_bring_neither_tags_nor_headers(
    server: Server, mail: Callable[..., Channel], notice: MakeNotice, hostile: str
) -> None:
    evil = notice(
        title=f"一\r\nBcc: all@x.cn\n{hostile}", incident_id="<script>", dedup_key="a\r\nX:"
    )
    assert mail().send(evil, now=time.time()).result == "sent"
    got = server.mails[0]
    assert (
        got["Bcc"] is None and "\n" not in got["Subject"] and got["X-Tingfeng-Dedup-Key"] == "a X:"
    )
    body = got.get_body(("html",))
    assert body
    html = body.get_content()
    for tag in ("<script", "<at ", "<font", 'href="https://evil', "<img"):
        assert tag not in html
    assert "&lt;font" in html


@pytest.mark.parametrize(
    ("word", "reply", "result"),
    [
        ("MAIL", "451 try later", "retry"),
        ("MAIL", "550 no", "final"),
        ("DATA", "452 full", "retry"),
        ("DATA", "554 spam", "final"),
        ("EHLO", "421 busy", "retry"),
    ],
)
def test_4xx_passes_and_5xx_stays(
    word: str,
    reply: str,
    result: str,
    server: Server,
    mail: Callable[..., Channel],
    notice: MakeNotice,
) -> None:
    server.replies[word] = [reply] * 3
    server.replies["HELO"] = [reply] * 3
    assert mail().send(notice(), now=time.time()).result == result


def test_some_refused_recipients_are_told_and_all_refused_is_a_failure(
    server: Server, mail: Callable[..., Channel], notice: MakeNotice
) -> None:
    server.replies["RCPT"] = ["550 unknown"]
    outcome = mail().send(notice(), now=time.time())
    assert outcome.result == "sent" and outcome.message == "1 of 2 recipients refused"
    server.replies["RCPT"] = ["550 unknown", "450 later"]
    assert mail().send(notice(), now=time.time()).result == "retry"
    server.replies["RCPT"] = ["550 unknown", "550 unknown"]
    assert mail().send(notice(), now=time.time()).result == "final"


def test_server_without_starttls_gets_neither_password_nor_mail(
    server: Server, mail: Callable[..., Channel], notice: MakeNotice
) -> None:
    channel = mail(tls="starttls", user="u", password="env:MAIL_PASSWORD")
    outcome = channel.send(notice(), now=time.time())
    assert outcome.result == "final" and "STARTTLS" in outcome.message
    assert not server.mails and not any("AUTH" in one for one in server.said)


def test_certificate_that_is_not_right_stops_the_mail(
    server: Server, mail: Callable[..., Channel], notice: MakeNotice
) -> None:
    """The server answers STARTTLS and then speaks no TLS."""
    server.replies["EHLO"] = ["250-test\r\n250 STARTTLS"]
    server.replies["STARTTLS"] = ["220 go on"]
    outcome = mail(tls="starttls").send(notice(), now=time.time())
    assert outcome.result == "retry" and not server.mails


def test_server_that_is_not_there_is_tried_again(
    mail: Callable[..., Channel], notice: MakeNotice
) -> None:
    assert mail(port=1).send(notice(), now=time.time()).result == "retry"
