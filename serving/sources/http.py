"""One HTTP exchange with the standard library: bounded in time and size, never redirected.

A redirect is not followed, because the token in the header would go with it.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from serving.errors import UsageError
from serving.sources.errors import SourceError

MAX_ANSWER_BYTES: Final = 16 * 2**20
_CHUNK_BYTES: Final = 65_536
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class CutOff(SourceError):
    """No whole answer came: no connection, a timeout, or an answer that ended early."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to send; headers and body may hold secrets and are not shown."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes = field(repr=False)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def check_base_url(url: str | None, variable: str) -> str:
    """The base address without its final slash.

    Raises:
        UsageError: none was given, or it is not https (http is for this machine only).
    """
    if not url:
        raise UsageError(
            f"expected the base address of the platform's API, found none; set {variable} to the "
            "address that the platform's documentation gives"
        )
    parts = urllib.parse.urlsplit(url)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if not (safe and plain and parts.hostname):
        raise UsageError(
            f"{variable}: expected https:// and a host (a path may follow), found something else; "
            "correct it: a token must not travel in the clear"
        )
    return url.rstrip("/")


def exchange(request: Request, *, timeout_s: float) -> Answer:
    """The answer to one request, whole, within ``timeout_s`` per wait and for the body.

    Raises:
        CutOff: there was no whole answer in time.
        SourceError: the answer is larger than 16 MiB.
    """
    opener = urllib.request.build_opener(_NoRedirect)
    prepared = urllib.request.Request(
        request.url, data=request.body, headers=dict(request.headers), method=request.method
    )
    try:
        with _open(opener, prepared, timeout_s) as response:
            return _read(response, timeout_s)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise CutOff(
            f"expected a whole answer, found {type(error).__name__}: {reason}; check the base "
            "address and the network, then run the same command again"
        ) from None


def _open(opener: Any, prepared: urllib.request.Request, timeout_s: float) -> Any:
    try:
        return opener.open(prepared, timeout=timeout_s)
    except urllib.error.HTTPError as error:  # an answer with a status of 300 and more
        return error


def _read(response: Any, timeout_s: float) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    deadline_s = time.monotonic() + timeout_s
    body = bytearray()
    while chunk := response.read1(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise SourceError(
                f"expected an answer of at most {MAX_ANSWER_BYTES:,} bytes, found more; "
                "check the base address"
            )
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"the answer took longer than {timeout_s:g} s")
    expected = headers.get("content-length", "")
    if expected.isdigit() and len(body) < int(expected):
        raise http.client.IncompleteRead(bytes(body), int(expected) - len(body))
    return Answer(status=response.status, headers=headers, body=bytes(body))
