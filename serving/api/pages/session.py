"""Sessions of the dashboard: a cookie that says which key logged in, signed and with an end.

Nothing is kept here: a session ends with its key, at its time, or when the browser forgets it. The
secret is the keys' pepper, so sessions outlast a restart; without keys there are none, and forms
are signed with a secret of this process.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from typing import Final

from fastapi import Request, Response

from serving.api.keys import KeyFile, KeyRecord

COOKIE: Final = "tingfeng_session"
SESSION_S: Final = 12 * 3600  # a working day and its overtime
MAX_COOKIE_CHARS: Final = 400
_OPEN_SECRET: Final = secrets.token_bytes(32)


class Sessions:
    """Makes and reads session cookies and the tokens of forms."""

    def __init__(self, keys: KeyFile, clock: Callable[[], float] = time.time) -> None:
        self._keys, self._clock = keys, clock

    def start(self, record: KeyRecord, response: Response, *, secure: bool) -> None:
        """Gives the browser a session of a key."""
        said = {
            "key": record.id,
            "ends": int(self._clock()) + SESSION_S,
            "nonce": secrets.token_hex(8),
        }
        body = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()
        response.set_cookie(
            COOKIE,
            f"{body}.{self._sign('session', body)}",
            max_age=SESSION_S,
            path="/",
            secure=secure,
            httponly=True,
            samesite="strict",
        )

    def key_of(self, request: Request) -> str | None:
        """The id of the key that logged in; None without a session that is valid now."""
        body, _, signature = request.cookies.get(COOKIE, "")[:MAX_COOKIE_CHARS].partition(".")
        if not body or not self._same(self._sign("session", body), signature):
            return None
        try:
            said = json.loads(base64.urlsafe_b64decode(body))
        except (binascii.Error, ValueError):
            return None
        return str(said["key"]) if self._clock() < said["ends"] else None

    def form_token(self, request: Request) -> str:
        """What a form of this session must bring back: no other site can know it."""
        return self._sign("form", request.cookies.get(COOKIE, ""))

    def is_form_token(self, request: Request, given: str) -> bool:
        """Whether a form is of this session."""
        return self._same(self.form_token(request), given)

    def _sign(self, purpose: str, text: str) -> str:
        said = f"{purpose}\0{text}".encode()
        if self._keys.exists():
            return self._keys.sign(said)
        return hmac.new(_OPEN_SECRET, said, hashlib.sha256).hexdigest()

    @staticmethod
    def _same(expected: str, given: str) -> bool:
        return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def is_cross_site(request: Request) -> bool:
    """Whether a browser says that another site sent this form."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin", "null")
    # browsers send null here, because pages ask for no referrer
    return origin != "null" and origin.partition("://")[2] != request.headers.get("host")
