"""``POST /v1/analyze`` without the framework in between, for calls that are in order.

Routing, middleware and dependencies take longer than all else that one text costs outside the
model. A call that is in any way unusual (large, invalid, with a wrong header) goes on to the
framework with the body that was read, so every refusal is the route's own.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Final

from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.auth import Caller, KeyAuth
from serving.api.routers.analyze import scored
from serving.api.schemas import AnalyzeRequest
from serving.api.service import Service
from serving.api.strict import QUICK_BYTES, StrictRequest, check_content_type, parse

PATH: Final = "/v1/analyze"
_ROUTE: Final = SimpleNamespace(path=PATH)  # what the gate names in logs and metrics
_AUTH: Final = KeyAuth("analyze")


class Direct:
    """The application ``app`` with a shorter way for one route."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one call."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        request = StrictRequest(scope, receive)
        scope["route"] = _ROUTE
        caller = _AUTH.admit(request)
        check_content_type(request)
        body = await request.body()
        answer = await self._answer(request, caller, body)
        if answer is None:
            await self._app(scope, _replay(body, receive), send)
        else:
            await answer(scope, receive, send)

    async def _answer(self, request: StrictRequest, caller: Caller, body: bytes) -> Response | None:
        """The answer; None for what the framework is to refuse, or to parse in a thread."""
        deadline = request.headers.getlist("x-deadline-ms")
        if not 0 < len(body) <= QUICK_BYTES or deadline or not self._service.loaded:
            return None
        value = parse(body, self._service.settings.max_json_depth)
        try:
            asked = AnalyzeRequest.model_validate(value)
        except ValidationError:
            return None
        return await scored(self._service, caller, request, asked)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body once more, then what comes after it."""
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return whole.pop() if whole else await receive()

    return again
