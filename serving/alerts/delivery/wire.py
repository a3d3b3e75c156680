"""One POST to a checked address: bounded in time and size, no redirects, no proxies."""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from serving.alerts.delivery.errors import BlockedAddressError, CutOffError
from serving.alerts.delivery.guard import AllowList, Resolve, Target, check_url

CONNECT_S: Final = 5.0
TOTAL_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Post:
    """What to send; the address and the headers may hold secrets and are not shown."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Wire:
    """How requests leave: the allow-list and the limits."""

    allowed: AllowList = field(default_factory=AllowList)
    resolve: Resolve | None = None
    ca_file: Path | None = None
    connect_s: float = CONNECT_S
    total_s: float = TOTAL_S

    def post(self, request: Post) -> Answer:
        """The whole answer, whatever its status.

        Raises:
            BlockedAddressError: the address may not be reached.
            CutOffError: there was no whole answer in time.
        """
        deadline = time.monotonic() + self.total_s
        try:
            target = self._checked(request.url)
            connection = _connect(target, self.ca_file, min(self.connect_s, self.total_s))
            with _cut_off_at(connection.sock, deadline) as late:
                try:
                    return _exchange(connection, target, request)
                except (OSError, http.client.HTTPException, ValueError):
                    if late():
                        raise TimeoutError(f"no whole answer within {self.total_s:g} s") from None
                    raise
                finally:
                    connection.close()
        except BlockedAddressError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CutOffError(_told(error)) from None

    def _checked(self, url: str) -> Target:
        """The checked address; a name server that hangs does not hold up for longer."""
        results: queue.SimpleQueue[Target | Exception] = queue.SimpleQueue()

        def check() -> None:
            try:
                results.put(check_url(url, self.allowed, self.resolve))
            except Exception as error:  # raised again below, in the caller's thread
                results.put(error)

        threading.Thread(target=check, name="resolve", daemon=True).start()
        try:
            found = results.get(timeout=self.connect_s)
        except queue.Empty:
            raise TimeoutError("the name server did not answer in time") from None
        if isinstance(found, Exception):
            raise found
        return found


def _connect(target: Target, ca_file: Path | None, timeout_s: float) -> http.client.HTTPConnection:
    """A connection to the first checked IP that takes one; TLS is for the name."""
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    connection = kind(target.host, target.port, timeout=timeout_s)
    connection.auto_open = 0
    plain = _dial(target, timeout_s)
    if target.scheme == "https":
        try:
            context = ssl.create_default_context(cafile=ca_file)
            connection.sock = context.wrap_socket(plain, server_hostname=target.host)
        except BaseException:
            plain.close()
            raise
    else:
        connection.sock = plain
    return connection


def _dial(target: Target, timeout_s: float) -> socket.socket:
    deadline = time.monotonic() + timeout_s
    fault: OSError = OSError("no address")
    for address in target.addresses[:4]:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            return socket.create_connection((address, target.port), timeout=left)
        except OSError as error:
            fault = error
    raise fault


@contextmanager
def _cut_off_at(sock: socket.socket, deadline: float) -> Iterator[Callable[[], bool]]:
    """Shuts the socket at the deadline: waits between bytes alone would let an answer drip on."""
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), shut, (sock,))
    timer.daemon = True
    timer.start()
    try:
        yield lambda: time.monotonic() >= deadline
    finally:
        timer.cancel()


def shut(sock: socket.socket) -> None:
    """Ends what another thread waits for on this socket."""
    try:  # of the plain socket below TLS: the reading thread is inside TLS now
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return


def _exchange(connection: http.client.HTTPConnection, target: Target, request: Post) -> Answer:
    connection.putrequest("POST", target.path, skip_host=True, skip_accept_encoding=True)
    headers = {
        "Host": target.authority,
        "Content-Length": str(len(request.body)),
        "Connection": "close",
        "User-Agent": "tingfeng",
        **request.headers,
    }
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(request.body)
    with connection.getresponse() as response:
        body = response.read(MAX_ANSWER_BYTES + 1)
        if len(body) > MAX_ANSWER_BYTES:
            raise OSError(f"an answer of more than {MAX_ANSWER_BYTES:,} bytes")
        if response.length:  # the rest of Content-Length never came
            raise OSError("an answer that ended early")
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(status=response.status, headers=found, body=body)


def _told(error: Exception) -> str:
    """The fault by its kind: the text of some holds the address."""
    if isinstance(error, TimeoutError):
        found = "none in time"
    elif isinstance(error, ssl.SSLCertVerificationError):
        found = f"a certificate that is not right ({error.verify_message})"
    elif isinstance(error, socket.gaierror):
        found = "a name that cannot be resolved"
    elif isinstance(error, ConnectionRefusedError):
        found = "a refused connection"
    else:
        found = f"{type(error).__name__}: {error}"
    return f"expected a whole answer, found {found}; the message is sent again later"
