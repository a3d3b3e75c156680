"""Webhooks do not reach one's own network: text, names, numbers, redirects, rebinding, limits."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from serving.alerts.delivery import guard, wire
from serving.alerts.delivery.errors import BlockedAddressError, CutOffError
from serving.alerts.delivery.guard import AllowList, check_url
from serving.alerts.delivery.wire import Post, Wire
from tests.serving.delivery import robots

PUBLIC = "93.184.215.14"
NOBODY = AllowList()
BAD_HOSTS = [
    "127.0.0.1",
    "localhost",
    "localhost.",
    "0.0.0.0",
    "0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[::ffff:0:7f00:1]",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "127.0.0.1.",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fec0::1]",
    "[ff02::1]",
    "100.100.100.200",
    "168.63.129.16",
    "１２７．０．０．１",
    "ⓛocalhost",
    "user@127.0.0.1",
    "user:pass@example.com",
    "example.com@127.0.0.1",
    "127.0.0.1\\@example.com",
    "example.com\\@127.0.0.1",
    "exa mple.com",
    "example.com\r\nX: y",
    "%31%32%37.0.0.1",
    "",
]
BAD_URLS = [
    "file:///etc/passwd",
    "gopher://example.com/",
    "unix:/run/docker.sock",
    "ftp://example.com/",
    "javascript:alert(1)",
    "//example.com/",
    "example.com",
    "http://example.com/",
    "https://example.com:22/",
    "https://example.com:6379/",
    "https://example.com:0/",
    "https://example.com:99999/",
    "https://example.com:80/",
    "https://evil.com#@example.com/",
    "https://example.com/" + "a" * 10_000,
    "https://[::1/",
    "https://example.com/\x00",
]


def to_public(_host: str, _port: int) -> list[str]:
    return [PUBLIC]


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_bad_host_is_refused_before_any_connection(
    host: str, canary: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port is made a usual one, so that the host alone decides."""
    port = canary[0].getsockname()[1]
    monkeypatch.setattr(guard, "PORTS", frozenset({443, port}))
    with pytest.raises((BlockedAddressError, CutOffError)):
        Wire(connect_s=2, total_s=2).post(Post(url=f"https://{host}:{port}/x", body=b"{}"))
    assert len(canary) == 1


@pytest.fixture
def canary() -> Iterator[list[Any]]:
    """A listener on loopback: what follows it in the list are connections that it saw."""
    seen: list[Any] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.05)
        seen.append(listener)
        stop = threading.Event()

        def watch() -> None:
            while not stop.is_set():
                try:
                    seen.append(listener.accept()[1])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=watch)
        thread.start()
        yield seen
        time.sleep(0.06)
        stop.set()
        thread.join()
        assert len(seen) == 1


@pytest.mark.parametrize("url", BAD_URLS)
def test_bad_address_is_refused(url: str) -> None:
    with pytest.raises(BlockedAddressError) as caught:
        check_url(url, NOBODY, to_public)
    assert "expected" in str(caught.value) and "evil" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://example.com/a?b=c", "https://EXAMPLE.com.:8443/"])
def test_public_https_address_passes(url: str) -> None:
    target = check_url(url, NOBODY, to_public)
    assert target.addresses == (PUBLIC,) and target.host.startswith("example.com")
    assert "b=c" not in repr(target)


def test_name_with_one_private_address_is_refused() -> None:
    with pytest.raises(BlockedAddressError):
        check_url("https://example.com/", NOBODY, lambda *_: [PUBLIC, "10.0.0.1"])


def test_name_is_resolved_once_and_the_checked_address_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: public when checked, private a moment later."""
    answers = [[PUBLIC], ["127.0.0.1"]]
    dialled: list[str] = []

    def dial(address: tuple[str, int], **_: float) -> socket.socket:
        dialled.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(wire.socket, "create_connection", dial)
    with pytest.raises(CutOffError, match="refused"):
        Wire(resolve=lambda *_: answers.pop(0)).post(Post(url="https://example.com/", body=b""))
    assert dialled == [PUBLIC] and len(answers) == 1


@pytest.mark.parametrize(
    ("entries", "url", "fine"),
    [
        (["127.0.0.1:9000"], "http://127.0.0.1:9000/", True),
        (["127.0.0.1:9000"], "http://127.0.0.1:9001/", False),
        (["10.0.0.0/8"], "http://10.1.2.3:8080/", True),
        (["10.0.0.0/8"], "http://11.1.2.3:8080/", False),
        (["[::1]:9000"], "http://[::1]:9000/", True),
        (["169.254.169.254"], "http://169.254.169.254/latest/meta-data", False),
        (["0.0.0.0/0"], "http://169.254.169.254/latest/meta-data", False),
        (["100.64.0.0/10"], "http://100.100.100.200/latest/meta-data", False),
    ],
)
def test_allow_list_opens_what_it_names_but_no_metadata(
    entries: list[str], url: str, fine: bool
) -> None:
    allowed = AllowList.parse(entries)
    if fine:
        assert check_url(url, allowed).addresses
        return
    with pytest.raises(BlockedAddressError):
        check_url(url, allowed)


def test_allowed_name_that_leads_to_metadata_is_refused() -> None:
    with pytest.raises(BlockedAddressError):
        check_url("http://hook/", AllowList.parse(["hook"]), lambda *_: ["169.254.169.254"])


@pytest.mark.parametrize("entry", ["http://x", "10.0.0.0/99", "a b/8", "x:y", ""])
def test_wrong_entry_of_the_allow_list_is_refused(entry: str) -> None:
    with pytest.raises(BlockedAddressError, match="internal_receivers"):
        AllowList.parse([entry])


def test_proxy_variables_are_not_used(
    canary: list[Any], monkeypatch: pytest.MonkeyPatch, serve: Callable[[Any], Any]
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary[0].getsockname()[1]}")
    robot = serve(robots.receiver())
    answer = Wire(allowed=AllowList.parse([robot.host])).post(
        Post(url=f"http://{robot.host}/a?b=1", body=b"{}")
    )
    assert answer.status == 200 and robot.received[0].headers["host"] == robot.host
    assert robot.received[0].query == {"b": ["1"]} and len(canary) == 1


@pytest.mark.parametrize("after", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"])
def test_dripping_answer_is_cut_off_in_time(after: bytes) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        host = f"127.0.0.1:{listener.getsockname()[1]}"

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    connection.sendall(after)
                    for _ in range(200):
                        connection.sendall(b"H")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        with pytest.raises(CutOffError, match="in time"):
            Wire(allowed=AllowList.parse([host]), total_s=0.6).post(
                Post(url=f"http://{host}/", body=b"{}")
            )
        assert time.monotonic() - started < 5
        thread.join()


def test_name_server_that_hangs_is_not_waited_for() -> None:
    hung = threading.Event()
    slow = Wire(resolve=lambda *_: [str(hung.wait(30))], connect_s=0.2)
    with pytest.raises(CutOffError, match="in time"):
        slow.post(Post(url="https://example.com/", body=b""))
    hung.set()


def test_header_with_a_line_end_is_not_sent(serve: Callable[[Any], Any]) -> None:
    robot = serve(robots.receiver())
    with pytest.raises(CutOffError):
        Wire(allowed=AllowList.parse([robot.host])).post(
            Post(url=f"http://{robot.host}/", body=b"", headers={"X": "a\r\nEvil: 1"})
        )
    assert not robot.received


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[int, Path, list[str | None]]]:
    """An https server for the name hooks.test: its port, its certificate, the names asked for."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        f"-keyout {key} -out {certificate} "
        "-subj /CN=hooks.test -addext subjectAltName=DNS:hooks.test"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    names: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda _sock, name, _context: names.append(name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_address[1], certificate, names
    server.shutdown()
    server.server_close()


def test_tls_is_for_the_name_while_the_connection_goes_to_the_checked_address(tls: Any) -> None:
    port, certificate, names = tls
    local = Wire(
        allowed=AllowList.parse([f"hooks.test:{port}", f"other.test:{port}"]),
        resolve=lambda *_: ["127.0.0.1"],
        ca_file=certificate,
    )
    assert local.post(Post(url=f"https://hooks.test:{port}/", body=b"{}")).status == 200
    assert names == ["hooks.test"]
    with pytest.raises(CutOffError, match="certificate"):
        local.post(Post(url=f"https://other.test:{port}/", body=b"{}"))
