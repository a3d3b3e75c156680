"""The real server in a process of its own: broken HTTP, slow and gone clients, a stop signal."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 240.0  # on a machine that has other things to do
DELAY_S = 0.5


def start(home: Path, delay_s: float) -> tuple[subprocess.Popen[bytes], int]:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.serving.api.serve_slowly"]
    process = subprocess.Popen(
        [*command, str(home), str(port), str(delay_s)], cwd=ROOT, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert process.poll() is None and time.monotonic() < deadline
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process, port
        except OSError:
            time.sleep(0.05)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    process, port = start(tmp_path_factory.mktemp("home"), 0.0)
    yield port
    process.terminate()
    process.communicate(timeout=PATIENCE_S)


def talk(port: int, raw: bytes) -> bytes:
    """What the server says to raw bytes until it closes."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(raw)
        said = b""
        try:
            while piece := connection.recv(65_536):
                said += piece
        except ConnectionResetError:
            pass
        return said


def analyze(text: str, extra: str = "Connection: close\r\n") -> bytes:
    body = json.dumps({"texts": [text]}).encode()
    head = (
        "POST /v1/analyze HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"{extra}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


POST = b"POST /v1/analyze HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BROKEN = {
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "negative length": POST + b"Content-Length: -1\r\n\r\n{}",
    "length and chunked": POST
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "wrong chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "NUL in a header": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "endless header": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000,
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",
    "connect": b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_http_is_a_4xx_and_the_connection_ends(port: int, name: str) -> None:
    first = talk(port, BROKEN[name])[:13]
    assert first.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), first


def test_old_and_pipelined_requests_are_answered(port: int) -> None:
    assert b" 200 OK" in talk(port, b"GET /healthz HTTP/1.0\r\n\r\n")[:20]
    twice = analyze("好", "") + analyze("坏")
    assert talk(port, twice).count(b"HTTP/1.1 200") == 2
    absolute = b"GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert talk(port, absolute)[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 404")


def test_upgrade_is_not_followed(port: int) -> None:
    raw = b"GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, close\r\n\r\n"
    assert not talk(port, raw).startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"POST /v1/analyze HTTP/1.1\r\nHo", b""),
        (POST + b"Content-Length: 100\r\n\r\n{", b"HTTP/1.1 408"),
        (POST + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n", b"HTTP/1.1 100"),
    ],
    ids=["half a header", "half a body", "silence after expect"],
)
def test_slow_client_is_let_go(port: int, sent: bytes, expected: bytes) -> None:
    said = talk(port, sent)  # returns because the server closes
    assert said.startswith(expected)
    assert not said if not expected else b" 408 " in said


def test_stop_signal_answers_what_is_in_flight_and_exits_with_0(tmp_path: Path) -> None:
    process, port = start(tmp_path, DELAY_S)
    connections = [socket.create_connection(("127.0.0.1", port), PATIENCE_S) for _ in range(5)]
    gone = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    for i, connection in enumerate([*connections, gone]):
        connection.sendall(analyze(f"第{i}条好喝"))
    gone.close()
    time.sleep(DELAY_S / 2)
    process.send_signal(signal.SIGTERM)
    stopped = time.monotonic()
    for connection in connections:
        with connection:
            said = b""
            while piece := connection.recv(65_536):
                said += piece
        assert said.startswith(b"HTTP/1.1 200"), said
    _, printed = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, printed
    assert time.monotonic() - stopped <= 25
    calls = [json.loads(line) for line in printed.decode().splitlines()]
    assert [c["status"] for c in calls if c["event"] == "call"].count(200) == 5
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1)
