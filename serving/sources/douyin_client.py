"""One account's access to the Douyin Open Platform, with a token that is kept fresh.

The access token travels in a header and is refreshed before it ends, and once when the platform
says that it has ended.
"""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, Final

from serving.sources.douyin_codes import ADVICE
from serving.sources.douyin_sender import FaultError, Sender, Traffic, oauth
from serving.sources.douyin_tokens import (
    TokenStore,
    token_from_answer,
    with_refresh_token,
)
from serving.sources.errors import SourceError
from serving.sources.http import Request

_JSON: Final = {"content-type": "application/json"}


class DouyinClient:
    """One account's access to the API."""

    def __init__(
        self,
        sender: Sender,
        store: TokenStore,
        *,
        open_id: str | None = None,
        now: Callable[[], float] = time.time,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._sender, self._store, self._now, self._say = sender, store, now, say
        self._token = store.load(open_id)
        self._renewal_tried = False
        if self._token.client_key != sender.app.client_key:
            raise SourceError(
                "expected the account's token to be of the client key that is set, found one of "
                f"another key; {ADVICE['token']}"
            )

    @property
    def open_id(self) -> str:
        """The account."""
        return self._token.open_id

    @property
    def traffic(self) -> Traffic:
        """What was sent so far."""
        return self._sender.traffic

    def get(self, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The ``data`` object of a GET; see ``Sender.send`` for what it raises."""
        return self._call("GET", path, params, None)

    def post(self, path: str, params: Mapping[str, Any], body: Any) -> dict[str, Any]:
        """The ``data`` object of a POST with a JSON body."""
        return self._call("POST", path, params, json.dumps(body).encode())

    def _call(
        self, method: str, path: str, params: Mapping[str, Any], body: bytes | None
    ) -> dict[str, Any]:
        self._keep_fresh()
        query = urllib.parse.urlencode({"open_id": self.open_id, **params})
        url = f"{self._sender.app.base_url}{path}?{query}"
        try:
            return self._send(method, url, body)
        except FaultError as error:
            if error.fault.kind != "token":
                raise
        self._refresh()  # once: a second refusal of a fresh token is final
        return self._send(method, url, body)

    def _send(self, method: str, url: str, body: bytes | None) -> dict[str, Any]:
        headers = {**_JSON, "access-token": self._token.access_token}
        request = Request(method=method, url=url, headers=headers, body=body)
        return self._sender.send(request, secrets=self._secrets())

    def _secrets(self) -> tuple[str, ...]:
        return self._token.access_token, self._token.refresh_token

    def _keep_fresh(self) -> None:
        if self._token.is_due(self._now()):
            self._refresh()
        if self._token.renewal_is_due(self._now()) and not self._renewal_tried:
            self._renewal_tried = True
            self._renew()

    def _refresh(self) -> None:
        """Replaces the access token, unless another command has just done so."""
        with self._store.locked():
            stored = self._store.load(self.open_id)
            if stored.access_token == self._token.access_token or stored.is_due(self._now()):
                form = {"grant_type": "refresh_token", "refresh_token": stored.refresh_token}
                data = self._oauth("/oauth/refresh_token/", form)
                key = self._sender.app.client_key
                stored = token_from_answer(data, client_key=key, now=self._now(), before=stored)
                self._store.save(stored)
                self.traffic.refreshes += 1
            self._token = stored

    def _renew(self) -> None:
        """Replaces the refresh token; without the permission for it (or after the fifth time)
        the fetch goes on with the old one."""
        with self._store.locked():
            stored = self._store.load(self.open_id)
            if stored.renewal_is_due(self._now()):
                form = {"refresh_token": stored.refresh_token}
                try:
                    data = self._oauth("/oauth/renew_refresh_token/", form, again=False)
                except SourceError as error:
                    self._say(f"the login could not be prolonged and ends soon: {error}")
                    return
                stored = with_refresh_token(stored, data, now=self._now())
                self._store.save(stored)
            self._token = stored

    def _oauth(self, path: str, form: Mapping[str, str], *, again: bool = True) -> dict[str, Any]:
        return oauth(self._sender, path, form, secrets=self._secrets(), again=again)
