"""A server on this machine that behaves as the Douyin Open Platform's documentation says.

Its answers can be disturbed: ``faults`` gives, by the number of the request (from 1), what happens
instead of an answer.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SECRET = "s3cret-of-the-app"
KEY = "key1"


def comment(number: int, **changed: Any) -> dict[str, Any]:
    """A comment as the platform writes it."""
    return {
        "comment_id": f"@c{number}/+==",
        "comment_user_id": f"u{number % 7}",
        "content": f"第{number}条：好喝",
        "create_time": 1_700_000_000 + number,
        "digg_count": number,
        "reply_comment_total": 0,
        "top": False,
    } | changed


def item(number: int) -> dict[str, Any]:
    """A video of the account as the platform writes it."""
    return {
        "item_id": f"@v{number}",
        "title": f"视频{number}",
        "create_time": 1_700_000_000 + number,
        "is_top": False,
        "is_reviewed": True,
        "share_url": f"https://example.com/{number}",
        "statistics": {
            "comment_count": 5,
            "digg_count": 100 + number,
            "download_count": 1,
            "forward_count": 2,
            "play_count": 999,
            "share_count": 3,
        },
    }


@dataclass
class Platform:
    """What the server knows and what was asked of it."""

    comments: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    replies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    items: list[dict[str, Any]] = field(default_factory=list)
    fans: dict[str, Any] = field(default_factory=dict)
    access: str = "act.1"
    refresh: str = "rft.1"
    expires_in: str = "1296000"
    most: int = 50
    faults: dict[int, Any] = field(default_factory=dict)
    pages: dict[str, Any] = field(default_factory=dict)  # whole answers by path, in place of ours
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    base_url: str = ""

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def start(platform: Platform) -> ThreadingHTTPServer:
    """The server, running, with its address in ``platform.base_url``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"known": platform}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    platform.base_url = f"http://127.0.0.1:{server.server_port}"
    return server


class _Handler(BaseHTTPRequestHandler):
    known: Platform

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"])).decode()
        is_form = "form" in self.headers["content-type"]
        self._serve({k: v[0] for k, v in parse_qs(raw).items()} if is_form else json.loads(raw))

    def _serve(self, body: dict[str, Any]) -> None:
        parts = urlsplit(self.path)
        params = {k: v[0] for k, v in parse_qs(parts.query).items()} | body
        self.known.asked.append((parts.path, params))
        fault = self.known.faults.pop(len(self.known.asked), None)
        if fault == "expire":
            self.known.access = "act.later"
            fault = None
        if fault is not None:
            return self._disturb(fault)
        if parts.path in self.known.pages:
            return self._send(200, self.known.pages[parts.path])
        return self._send(200, self._answer(parts.path, params))

    def _disturb(self, fault: Any) -> None:
        if fault == "cut":  # half an answer, then nothing
            self.send_response(200)
            self.send_header("content-length", "5000")
            self.end_headers()
            self.wfile.write(b'{"data": {"list": [')
        elif fault == "drip":  # a byte now and then, for ever
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b" ")
                time.sleep(0.02)
        elif fault == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif isinstance(fault, bytes):
            self._write(200, fault, {})
        elif fault[0] == "code":
            self._send(200, _error(fault[1], "described"), *fault[2:])
        else:
            self._write(fault[0], b"<html>", *fault[1:])

    def _answer(self, path: str, params: dict[str, Any]) -> dict[str, Any]:
        if path.startswith("/oauth/"):
            return self._oauth(path, params)
        if self.headers["access-token"] != self.known.access:
            return _error(2190008, f"access_token {self.headers['access-token']} expired")
        if path.endswith("/fans_data/"):
            return _data(fans_data=self.known.fans)
        if path.endswith("/video_data/"):
            return _data(list=[v for v in self.known.items if v["item_id"] in params["item_ids"]])
        if path.endswith("/video_list/"):
            return self._page(self.known.items, params)
        replies = "reply" in path
        source = self.known.replies if replies else self.known.comments
        rows = source.get(params["comment_id" if replies else "item_id"])
        return _error(2111007, "no such video") if rows is None else self._page(rows, params)

    def _page(self, rows: list[dict[str, Any]], params: dict[str, Any]) -> dict[str, Any]:
        at, count = int(params.get("cursor", 0)), int(params["count"])
        if not 1 <= count <= self.known.most:
            return _error(2100005, "count")
        end = at + count
        return _data(list=rows[at:end], cursor=end, has_more=end < len(rows))

    def _oauth(self, path: str, form: dict[str, Any]) -> dict[str, Any]:
        if form["client_key"] != KEY or form.get("client_secret", SECRET) != SECRET:
            return _error(10013, f"wrong secret {form.get('client_secret')}")
        if path == "/oauth/client_token/":
            return _data(access_token="clt.1", expires_in=7200)
        if path == "/oauth/access_token/":
            return self._token() if form["code"] == "code1" else _error(10007, "code expired")
        if form["refresh_token"] != self.known.refresh:
            return _error(10010, f"refresh_token {form['refresh_token']} expired")
        if path == "/oauth/renew_refresh_token/":
            self.known.refresh += "+"
            return _data(refresh_token=self.known.refresh, expires_in="2592000")
        self.known.access += "+"
        return self._token()

    def _token(self) -> dict[str, Any]:
        return _data(
            access_token=self.known.access,
            refresh_token=self.known.refresh,
            expires_in=self.known.expires_in,
            refresh_expires_in="2592000",
            open_id="account1",
            scope="item.comment",
        )

    def _send(self, status: int, document: Any, headers: Any = None) -> None:
        self._write(status, json.dumps(document).encode(), headers or {})

    def _write(self, status: int, body: bytes, headers: Any = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _data(**fields: Any) -> dict[str, Any]:
    return {"data": {"error_code": 0, "description": "", **fields}, "extra": {"error_code": 0}}


def _error(code: int, text: str) -> dict[str, Any]:
    return {
        "data": {"error_code": code, "description": text},
        "extra": {"error_code": code, "description": text, "logid": "1"},
    }
