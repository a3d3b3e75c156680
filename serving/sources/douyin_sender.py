"""Sends requests to the Douyin Open Platform: paced, and again after passing faults.

No error that comes from here holds a secret.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from serving.sources.douyin_codes import ADVICE, Fault, read_answer
from serving.sources.errors import ItemError, SourceError, one_line
from serving.sources.http import Answer, CutOff, Request, exchange
from serving.sources.pacing import LONGEST_ASKED_S, Pacer, retry_after_s

_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


class FaultError(SourceError):
    """An answer with an error code."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, kw_only=True)
class App:
    """The application's credentials and where its API is."""

    base_url: str
    client_key: str
    client_secret: str = field(repr=False)


@dataclass(kw_only=True)
class Traffic:
    """What was sent so far."""

    requests: int = 0
    retries: int = 0
    refreshes: int = 0


@dataclass(kw_only=True)
class Sender:
    """Sends requests at the pace allowed and again after passing faults."""

    app: App
    pacer: Pacer
    attempts: int
    timeout_s: float
    traffic: Traffic = field(default_factory=Traffic)

    def send(
        self, request: Request, *, secrets: tuple[str, ...], again: bool = True
    ) -> dict[str, Any]:
        """The ``data`` object of the answer, after at most ``attempts`` requests (one unless
        ``again``).

        Raises:
            FaultError: the platform refuses, or is still busy at the last attempt.
            CutOff: no whole answer came at the last attempt.
        """
        attempts = self.attempts if again else 1
        hidden = (self.app.client_secret, *secrets)
        attempt = 0
        while True:
            attempt += 1
            self.pacer.wait()
            self.traffic.requests += 1
            last = attempt == attempts
            asked_s = None
            try:
                answer = exchange(request, timeout_s=self.timeout_s)
            except CutOff as error:
                if last:
                    raise CutOff(one_line(error, hidden, 400)) from None
            else:
                found = read_answer(answer.status, answer.body)
                if not isinstance(found, Fault):
                    return found
                asked_s = retry_after_s(answer.headers)
                if last or not found.retried or (asked_s or 0) > LONGEST_ASKED_S:
                    raise _refusal(request, found, answer, asked_s, hidden)
            self.traffic.retries += 1
            self.pacer.back_off(attempt, asked_s)


def _refusal(
    request: Request, fault: Fault, answer: Answer, asked_s: float | None, hidden: tuple[str, ...]
) -> SourceError:
    path = urllib.parse.urlsplit(request.url).path
    code = f"code {fault.code}" if fault.code is not None else f"HTTP status {answer.status}"
    wait = f" (wait {asked_s:.0f} s)" if asked_s else ""
    found = f"{code} {one_line(fault.text, hidden)}".strip()
    message = f"{path}: expected a result, found {found}; {ADVICE[fault.kind]}{wait}"
    return ItemError(message) if fault.kind == "item" else FaultError(fault, message)


def oauth(
    sender: Sender,
    path: str,
    form: Mapping[str, str],
    *,
    secrets: tuple[str, ...] = (),
    again: bool = True,
) -> dict[str, Any]:
    """The ``data`` object of a token request; the client key is added to the form."""
    body = urllib.parse.urlencode({"client_key": sender.app.client_key, **form}).encode()
    request = Request(method="POST", url=sender.app.base_url + path, headers=_FORM, body=body)
    return sender.send(request, secrets=secrets, again=again)
