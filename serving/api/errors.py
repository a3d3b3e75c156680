"""The one shape of every refusal: ``{"error": {code, message, hint, request_id}}``.

Messages say what was expected and found, never what stood in the body: it may hold comments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from profiles.errors import (
    ProfilesError,
    UnknownContentError,
    UnknownPersonError,
    UnsupportedStoreError,
)
from serving.errors import UsageError
from serving.stores import NoStoreError

SHOWN_FAULTS: Final = 5
_CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad_request", "correct the request"),
    404: ("not_found", "see /docs for the routes"),
    405: ("method_not_allowed", "the header Allow names the methods of this path"),
}


class ApiError(StarletteHTTPException):
    """A refusal with its code, message and hint; ``retry_after_s`` becomes ``Retry-After``."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        hint: str,
        *,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        given = dict(headers or {})
        if retry_after_s is not None:
            given["Retry-After"] = str(max(1, round(retry_after_s + 0.499)))
        super().__init__(status, detail=message, headers=given or None)
        self.code, self.message, self.hint = code, message, hint


def problem(request_id: str, error: ApiError) -> Response:
    """The error as an answer in the envelope."""
    body = {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "request_id": request_id,
    }
    return Response(
        json.dumps({"error": body}, ensure_ascii=False).encode("utf-8", "replace"),
        status_code=error.status_code,
        headers=error.headers,
        media_type="application/json",
    )


def add_error_handlers(app: FastAPI) -> None:
    """Turns everything that routes and libraries raise into the envelope."""

    def handle(*kinds: type[Exception]) -> None:
        for kind in kinds:
            app.add_exception_handler(kind, _answer)

    handle(RequestValidationError, StarletteHTTPException, ProfilesError, NoStoreError, UsageError)


async def _answer(request: Request, error: Exception) -> Response:
    return problem(request.state.request_id, as_api_error(error))


def as_api_error(error: Exception) -> ApiError:
    """What any error means to the caller; an unforeseen one says nothing of its cause."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error.errors())
    if isinstance(error, StarletteHTTPException):
        return _from_status(error)
    if isinstance(error, UnknownPersonError | UnknownContentError):
        return ApiError(404, "not_found", str(error), "check the id and the platform")
    if isinstance(error, NoStoreError):
        message = "expected a store, found none yet; make one with: tingfeng ingest comments FILE"
        return ApiError(404, "not_found", message, "load comments, then refresh")
    if isinstance(error, UnsupportedStoreError):
        message = "expected a store in a DuckDB file for this, found another"
        return ApiError(501, "unsupported_store", message, "see docs/stores.md")
    if isinstance(error, ProfilesError):
        message = "expected the store to answer, found it in use elsewhere, or not usable"
        return ApiError(503, "store_unavailable", message, "try again in a moment", retry_after_s=5)
    return ApiError(
        500, "internal", "the service failed", "tell its operator the request_id; try again"
    )


def _from_status(error: StarletteHTTPException) -> ApiError:
    phrase = HTTPStatus(error.status_code).phrase.lower()
    code, hint = _CODES.get(error.status_code, ("refused", "see /docs"))
    return ApiError(error.status_code, code, phrase, hint, headers=error.headers)


def _invalid(faults: Sequence[Any]) -> ApiError:
    shown = "; ".join(_fault(fault) for fault in faults[:SHOWN_FAULTS])
    more = len(faults) - SHOWN_FAULTS
    if more > 0:
        shown += f"; and {more} more"
    return ApiError(422, "invalid", shown, "see /docs for the expected body and parameters")


def _fault(fault: Any) -> str:
    """Where and why; an unknown member's name is the caller's text too."""
    loc = list(fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{'.'.join(map(str, loc[:-1]))}: expected no other members, found an unknown one"
    return f"{'.'.join(map(str, loc))}: {fault['msg']}"
