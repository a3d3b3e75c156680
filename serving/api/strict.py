"""Routes that check the key before they read a body, and read parameters and JSON strictly.

A parameter of the address that the route does not know, or one given twice where one is meant, is
refused with 422: a mistyped name would else be left out in silence.
Refused with 400: what is no UTF-8, no JSON, NaN and infinities, a name twice in one object, and
nesting beyond the limit. Large bodies are parsed in a thread.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, get_args, get_origin

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from serving.api.auth import KeyAuth
from serving.api.errors import ApiError
from serving.api.schemas import ErrorBody

QUICK_BYTES: Final = 65_536
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS: Final = re.compile(rb"[\[\]{}]")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Responses = dict[int | str, dict[str, Any]]


class StrictRequest(Request):
    """A request whose ``json`` is strict."""

    async def json(self) -> Any:
        """The body. Raises ApiError (400)."""
        body = await self.body()
        most = self.app.state.service.settings.max_json_depth
        if len(body) > QUICK_BYTES:
            return await asyncio.to_thread(parse, body, most)
        return parse(body, most)


class StrictRoute(APIRoute):
    """A route that asks for its key first."""

    def get_route_handler(self) -> Handler:
        """See ``APIRoute``."""
        inner = super().get_route_handler()
        auth = key_auth(self.dependant)
        reads_json = self.body_field is not None
        needs_body = self.body_field is not None and self.body_field.field_info.is_required()
        known = query_names(self.dependant)

        async def handler(request: Request) -> Response:
            if auth is not None:
                auth.admit(request)
            _check_query(request, known)
            if reads_json and (needs_body or _has_body(request)):
                check_content_type(request)
            return await inner(StrictRequest(request.scope, request.receive))

        return handler


def strict_router(tag: str) -> APIRouter:
    """A router of such routes."""
    return APIRouter(route_class=StrictRoute, tags=[tag], redirect_slashes=False)


def query_names(dependant: Dependant) -> dict[str, bool]:
    """The parameters of the address that a route takes, and whether each may be repeated."""
    found: dict[str, bool] = {}
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        found[field.alias] = any(
            get_origin(one) is list for one in (annotation, *get_args(annotation))
        )
    for inner in dependant.dependencies:
        found |= query_names(inner)
    return found


def _check_query(request: Request, known: Mapping[str, bool]) -> None:
    given = Counter(name for name, _ in request.query_params.multi_items())
    faults = []
    if given.keys() - known.keys():
        takes = ", ".join(sorted(known)) or "none"
        faults.append(f"query: expected no parameters but {takes}, found an unknown one")
    faults += [
        f"query.{name}: expected it once, found it {n} times"
        for name, n in given.items()
        if n > 1 and not known.get(name, True)
    ]
    if faults:
        raise ApiError(422, "invalid", "; ".join(faults), "see /docs for the parameters")


def key_auth(dependant: Dependant) -> KeyAuth | None:
    """What a route asks of its caller's key; None when it is open to all."""
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, KeyAuth):
            return dependency.call
    return None


def refusals(*statuses: int) -> Responses:
    """The documentation of a route's refusals: the given ones and those of every route."""
    every = {400, 401, 403, 408, 413, 415, 422, 429, 431, 500, 503, *statuses}
    return {status: {"model": ErrorBody, "description": _SAID[status]} for status in sorted(every)}


def parse(body: bytes, max_depth: int) -> Any:
    """The value of a JSON text. Raises ApiError (400) that says where it is wrong, not what."""
    if body.count(b"[") + body.count(b"{") > max_depth and _depth(body) > max_depth:
        raise _bad(f"expected at most {max_depth} levels of nesting, found more")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad(f"expected UTF-8, found another byte at {error.start}") from None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _bad(f"expected JSON, found a fault at character {error.pos}") from None
    except (RecursionError, ValueError):
        raise _bad("expected JSON, found a number or nesting beyond bounds") from None
    if b"\\ud" in body or b"\\uD" in body:
        _check_surrogates(value)
    return value


def _check_surrogates(value: Any) -> None:
    """Half a character can be written in JSON, but is no text that could be kept."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise _bad("expected whole characters, found half a surrogate pair") from None


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for found in _BRACKETS.finditer(_STRING.sub(b"", body)):
        depth += 1 if found[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _bad("expected each name once in an object, found one twice")
    return made


def _no_constant(_: str) -> None:
    raise _bad("expected a number, found NaN or an infinity, which JSON does not have")


def _has_body(request: Request) -> bool:
    headers = request.headers
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def check_content_type(request: Request) -> None:
    """Raises ApiError (415) unless the body is said to be JSON in UTF-8."""
    kind, _, rest = request.headers.get("content-type", "").lower().partition(";")
    charset = rest.partition("charset=")[2].strip(' "')
    if kind.strip() != "application/json" or charset not in ("", "utf-8", "utf8"):
        raise ApiError(
            415,
            "unsupported_media_type",
            "expected Content-Type: application/json in UTF-8, found another",
            "correct the header",
        )


def _bad(message: str) -> ApiError:
    return ApiError(400, "invalid_json", message, "correct the body")


_SAID: Final = {
    400: "No JSON, or a malformed request",
    401: "No valid key",
    403: "The key lacks the scope",
    404: "Not there",
    408: "The body came too slowly",
    409: "Not now, or not with this key of idempotency",
    413: "Too large",
    415: "Not JSON, or compressed",
    416: "No such range",
    422: "JSON of another form than expected",
    429: "Too much at a time; Retry-After says when to come again",
    431: "Headers too large",
    500: "A fault of the service",
    503: "Not able to answer now; Retry-After says when to come again",
    507: "No space left",
}
