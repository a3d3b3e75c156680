"""Servers on this machine that behave as the chat robots do, with their refusals.

All answer HTTP 200 whatever they think of the message, as the real ones do.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "tok-0123456789abcdef0123"
SECRET = "SEC-9876543210fedcba"
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Received:
    """One request as it came."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Robot:
    """A server; ``answers`` are given first, in order, then what ``judge`` says."""

    judge: Callable[[Received], Answer]
    answers: list[Answer | Callable[[Received], Answer | None]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    server: Any = None

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def taken(self) -> list[Any]:
        """Bodies of the messages that were accepted."""
        return [one.json for one in self.received if getattr(one, "accepted", False)]

    def handle(self, request: Received) -> Answer | None:
        self.received.append(request)
        if self.answers:
            planned = self.answers.pop(0)
            return planned(request) if callable(planned) else planned
        answer = self.judge(request)
        found = json.loads(answer[2]) if answer[2][:1] == b"{" else {}
        code = found.get("errcode", found.get("code", 0 if answer[0] < 300 else 1))
        request.accepted = code == 0  # type: ignore[attr-defined]
        return answer


def serve(robot: Robot) -> Robot:
    """Starts the robot's server in a thread."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            request = Received(
                path=parts.path,
                query=parse_qs(parts.query),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
                at=time.time(),
            )
            answer = robot.handle(request)
            if answer is None:  # hang up without an answer
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    robot.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    robot.server.daemon_threads = True
    threading.Thread(target=robot.server.serve_forever, args=(0.02,), daemon=True).start()
    return robot


def answer(document: dict[str, Any], status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "application/json"} | headers, json.dumps(document).encode()


class Minute:
    """Counts as a robot does: so many in any 60 s of its own clock, else mute for a while."""

    def __init__(self, limit: int, mute_s: float) -> None:
        self.limit, self.mute_s = limit, mute_s
        self.times: list[float] = []
        self.mute_until = 0.0

    def full(self, now: float) -> bool:
        if now < self.mute_until:
            return True
        self.times = [one for one in self.times if one > now - 60] + [now]
        if len(self.times) > self.limit:
            self.mute_until = now + self.mute_s
            return True
        return False


def dingtalk(
    *,
    secret: str | None = SECRET,
    keyword: str | None = None,
    clock: Callable[[], float] = time.time,
) -> Robot:
    """Signature in the query, keyword, 20 a minute, 20,000 bytes."""
    minute = Minute(20, 600)

    def judge(request: Received) -> Answer:
        if request.query.get("access_token") != [TOKEN]:
            return answer({"errcode": 300005, "errmsg": f"token {TOKEN[:8]} is not exist"})
        body = request.json
        if secret:
            stamp = request.query.get("timestamp", ["0"])[0]
            key, text = secret.encode(), f"{stamp}\n{secret}".encode()
            right = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
            fresh = abs(int(stamp) / 1000 - clock()) < 3600
            if request.query.get("sign") != [right] or not fresh:
                return answer({"errcode": 310000, "errmsg": "sign not match"})
        text = body["markdown"]["title"] + body["markdown"]["text"]
        if keyword and keyword not in text:
            return answer({"errcode": 310000, "errmsg": "keywords not in content"})
        if len(request.body) > 20_000:
            return answer({"errcode": 460101, "errmsg": "message too long"})
        if minute.full(clock()):
            return answer({"errcode": 130101, "errmsg": "send too fast"})
        return answer({"errcode": 0, "errmsg": "ok"})

    return Robot(judge=judge)


def feishu(*, secret: str | None = SECRET, keyword: str | None = None) -> Robot:
    """Signature in the body, keyword anywhere in the card, 20 KB."""

    def judge(request: Received) -> Answer:
        body = request.json
        if request.path != f"/open-apis/bot/v2/hook/{TOKEN}":
            return answer({"code": 19001, "msg": "param invalid: incoming webhook access token"})
        if len(request.body) > 20_000:
            return answer({"code": 9499, "msg": "Bad Request"})
        if secret:
            key = f"{body.get('timestamp')}\n{secret}".encode()
            right = base64.b64encode(hmac.new(key, digestmod=hashlib.sha256).digest()).decode()
            fresh = abs(int(body.get("timestamp", 0)) - time.time()) < 3600
            if body.get("sign") != right or not fresh:
                return answer({"code": 19021, "msg": "sign match fail or timestamp is not within"})
        if keyword and keyword not in json.dumps(body["card"], ensure_ascii=False):
            return answer({"code": 19024, "msg": "Key Words Not Found"})
        return answer({"code": 0, "msg": "success", "data": {}})

    return Robot(judge=judge)


def wecom() -> Robot:
    """The key is in the address; 4096 bytes of Markdown, 2048 of text, 20 a minute."""
    minute = Minute(20, 60)

    def judge(request: Received) -> Answer:
        if request.query.get("key") != [TOKEN]:
            return answer({"errcode": 93000, "errmsg": "invalid webhook url, hint: [1]"})
        body = request.json
        limit = 4096 if body["msgtype"] == "markdown" else 2048
        content = body[body["msgtype"]]["content"]
        if not content or len(content.encode()) > limit:
            return answer({"errcode": 40058, "errmsg": f"content exceed max length {limit}"})
        if minute.full(request.at):
            return answer({"errcode": 45009, "errmsg": "api freq out of limit"})
        return answer({"errcode": 0, "errmsg": "ok"})

    return Robot(judge=judge)


def receiver(verify: Callable[[Received], bool] | None = None) -> Robot:
    """A webhook of one's own."""

    def judge(request: Received) -> Answer:
        fine = verify is None or verify(request)
        return answer({"ok": fine}, 200 if fine else 401)

    return Robot(judge=judge)


def url_of(robot: Robot, kind: str) -> str:
    """The address as a robot's settings page would show it."""
    base = f"http://{robot.host}"
    return {
        "dingtalk": f"{base}/robot/send?access_token={TOKEN}",
        "feishu": f"{base}/open-apis/bot/v2/hook/{TOKEN}",
        "wecom": f"{base}/cgi-bin/webhook/send?key={TOKEN}",
        "webhook": f"{base}/hook/{TOKEN}",
    }[kind]
