"""Who is calling, and may they: bearer keys, scopes, rate; checked before a body is read.

Without any key the service is open, and only ever bound to this machine (``serving.cli.serve``).
From the first key on, and always in production, every route but the health checks asks for one.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fastapi import Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase

from serving.api.errors import ApiError
from serving.api.keys import SCOPES, KeyFile, KeyRecord
from serving.api.usage import Usage
from serving.settings import Settings

if TYPE_CHECKING:
    from serving.api.service import Service

IN_URL: Final = frozenset({"key", "api_key", "apikey", "token", "access_token"})
FAILURES_PER_MIN: Final = 30  # of one address; good keys are not held up by it
MAX_ADDRESSES: Final = 10_000
MAX_TOKEN_BYTES: Final = 200


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who calls; ``key_id`` is None where the service is open."""

    key_id: str | None
    tenant: str
    scopes: frozenset[str]
    texts_per_day: int | None = None


OPEN: Final = Caller(key_id=None, tenant="local", scopes=frozenset(SCOPES))


def _names_key(query: list[tuple[str, str]]) -> bool:
    """Whether the address holds a key; ``key=NAME=VALUE`` is a filter, no key has a "="."""
    named = ((name.lower(), value) for name, value in query)
    return any(name in IN_URL and not (name == "key" and "=" in value) for name, value in named)


class Guard:
    """Decides over calls with the keys and their usage."""

    def __init__(self, settings: Settings, keys: KeyFile, usage: Usage) -> None:
        self._settings, self.keys, self.usage = settings, keys, usage
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def closed(self) -> bool:
        """Whether calls need a key."""
        return self._settings.env == "production" or self.keys.exists()

    def admit(self, request: Request, scope: str | None) -> Caller:
        """The caller. Raises ApiError: 401 without a valid key, 403 without the scope, 429."""
        if not self.closed():
            return OPEN
        return self.admit_record(self._record(request), scope)

    def admit_record(self, record: KeyRecord, scope: str | None) -> Caller:
        """The caller with an active key. Raises ApiError: 403 without the scope, 429."""
        if scope is not None and not {scope, "admin"} & set(record.scopes):
            raise ApiError(
                403,
                "forbidden",
                f"expected a key with the scope {scope}, found one with {', '.join(record.scopes)}",
                "use another key; the operator makes one with tingfeng key create",
            )
        per_min = record.requests_per_min or self._settings.key_requests_per_min
        self.usage.take_call(record.id, per_min)
        return Caller(
            key_id=record.id,
            tenant=record.tenant,
            scopes=frozenset(record.scopes),
            texts_per_day=record.texts_per_day,
        )

    def _record(self, request: Request) -> KeyRecord:
        if _names_key(request.query_params.multi_items()):
            raise self._refused(request, "expected no key in the address, found one", "key_in_url")
        given = request.headers.getlist("authorization")
        if len(given) != 1:
            found = "none" if not given else f"{len(given)} of them"
            raise self._refused(request, f"expected one header Authorization, found {found}")
        scheme, _, token = given[0].partition(" ")
        raw = token.strip(" ").encode("latin-1", "replace")
        if scheme.lower() != "bearer" or not raw or len(raw) > MAX_TOKEN_BYTES:
            raise self._refused(request, "expected Authorization: Bearer KEY, found another form")
        return self.check_key(request, raw)

    def check_key(self, request: Request, raw: bytes) -> KeyRecord:
        """The record of an active key. Raises ApiError: 401, 429 after too many wrong ones."""
        record = self.keys.find(raw) if len(raw) <= MAX_TOKEN_BYTES else None
        if record is None:
            raise self._refused(request, "expected a valid key, found an unknown one")
        state = record.state(datetime.now(UTC))
        if state != "active":
            message = f"expected a valid key, found one that is {state}"
            raise self._refused(request, message, f"key_{state}")
        return record

    def _refused(self, request: Request, message: str, code: str = "unauthorized") -> ApiError:
        """A 401, or a 429 for an address that failed too often within a minute."""
        address = request.client.host if request.client else "?"
        now = time.monotonic()
        since, count = self._failures.pop(address, (now, 0))
        if now - since > 60:
            since, count = now, 0
        self._failures[address] = (since, count + 1)
        if len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)
        if count >= FAILURES_PER_MIN:
            return ApiError(
                429,
                "too_many_failures",
                "expected a valid key, found none too often",
                "wait as long as Retry-After says",
                retry_after_s=60 - (now - since),
            )
        return ApiError(
            401,
            code,
            message,
            "send the header Authorization: Bearer KEY; see tingfeng key create",
            headers={"WWW-Authenticate": 'Bearer realm="tingfeng"'},
        )


class KeyAuth(SecurityBase):
    """A dependency that gives the caller of a route which asks for a scope; None is any key."""

    def __init__(self, scope: str | None, *, unless: str | None = None) -> None:
        self.model = HTTPBearerModel(description="A key from `tingfeng key create`.")
        self.scheme_name = "key"
        self.scope, self._unless = scope, unless

    async def __call__(self, request: Request) -> Caller:
        """The caller, as found before the body was read."""
        return self.admit(request)

    def admit(self, request: Request) -> Caller:
        """Checks once per request."""
        known: Caller | None = getattr(request.state, "caller", None)
        if known is not None:
            return known
        service: Service = request.app.state.service
        if self._unless is not None and service.is_public(self._unless):
            return OPEN
        caller = service.guard.admit(request, self.scope)
        request.state.caller = caller
        return caller
