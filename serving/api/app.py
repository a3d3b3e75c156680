"""``create_app``: the routes, the error envelope and the body limit.

This first version has no keys and therefore only ever listens on this machine (see
``serving.cli.serve``).
"""

from __future__ import annotations

import html
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from nlp.analyzer import Analyzer
from profiles.errors import ProfilesError, UnknownContentError, UnknownPersonError
from profiles.read import read_insight, read_profile
from serving.api.docs import add_docs
from serving.settings import Settings
from serving.stores import NoStoreError, open_existing_store, store_path

MAX_TEXTS: Final = 256
MAX_CHARS: Final = 100_000
MAX_BODY_BYTES: Final = 2_000_000


class AnalyzeRequest(BaseModel):
    """Texts to score, in order."""

    model_config = ConfigDict(extra="forbid")

    texts: list[str] = Field(
        min_length=1,
        max_length=MAX_TEXTS,
        examples=[["这也太难喝了吧，再也不买了", "服务态度特别好"]],
    )


def create_app(settings: Settings, analyzer: Analyzer) -> FastAPI:
    """The application around a loaded analyzer."""
    store_path(settings)  # a setting that names no store stops the service, not each request
    app = FastAPI(title="听风 Tingfeng", version="1", docs_url=None, redoc_url=None)
    app.middleware("http")(_limit_body)
    add_docs(app)
    _add_errors(app)
    _add_health(app, analyzer)
    _add_scoring(app, analyzer)
    _add_profiles(app, settings)
    return app


def _add_scoring(app: FastAPI, analyzer: Analyzer) -> None:
    @app.post("/v1/analyze")
    def analyze(body: AnalyzeRequest) -> dict[str, Any]:
        """Scores texts: sentiment, emotion, topics, aspects, flags, risks and keywords of each."""
        if any(len(text) > MAX_CHARS for text in body.texts):
            raise _TooLargeError(f"expected at most {MAX_CHARS:,} characters per text, found more")
        insights = [asdict(i) for i in analyzer.analyze(body.texts)]
        return {"model_version": analyzer.scorer.model_version, "results": insights}


def _add_profiles(app: FastAPI, settings: Settings) -> None:
    @app.get("/v1/profiles/{user}")
    def profile(user: str, platform: str | None = None) -> dict[str, Any]:
        """The six dimensions of one person, by the platform's user id or the person id."""
        with open_existing_store(settings) as store:
            return read_profile(store, user, platform)

    @app.get("/v1/contents/{content_id}/insight")
    def insight(content_id: str, platform: str | None = None) -> dict[str, Any]:
        """What the comments under one content say."""
        with open_existing_store(settings) as store:
            return read_insight(store, content_id, platform)

    @app.get("/", include_in_schema=False)
    def first_page() -> Response:
        report = _newest_report(settings.home)
        if report is not None:
            return FileResponse(report)
        target = html.escape(str(settings.home / "report.html"))
        return HTMLResponse(_NO_REPORT.format(target=target), status_code=404)


def _add_health(app: FastAPI, analyzer: Analyzer) -> None:
    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        """Alive: answered by the event loop alone."""
        return {"status": "ok", "time": datetime.now(UTC).isoformat()}

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        """Ready: the model is loaded."""
        return {"status": "ok", "model_version": analyzer.scorer.model_version}


class _TooLargeError(Exception):
    pass


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        # where and why, never the input itself: it may hold comments, or what JSON cannot say
        faults = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5]
        )
        return _problem(request, 422, "invalid", faults, "see /docs for the expected body")

    @app.exception_handler(StarletteHTTPException)
    async def other(request: Request, error: StarletteHTTPException) -> JSONResponse:
        code = "not_found" if error.status_code == 404 else "refused"
        return _problem(
            request, error.status_code, code, str(error.detail), "see /docs for the routes"
        )

    @app.exception_handler(_TooLargeError)
    async def too_large(request: Request, error: _TooLargeError) -> JSONResponse:
        return _problem(request, 413, "too_large", str(error), "use `tingfeng score` for dumps")

    @app.exception_handler(UnknownPersonError)
    @app.exception_handler(UnknownContentError)
    async def unknown(request: Request, error: ProfilesError) -> JSONResponse:
        return _problem(request, 404, "not_found", str(error), "check the id and the platform")

    @app.exception_handler(NoStoreError)
    async def no_store(request: Request, error: NoStoreError) -> JSONResponse:
        return _problem(request, 404, "not_found", str(error), "load comments, then refresh")

    @app.exception_handler(ProfilesError)
    async def store(request: Request, error: ProfilesError) -> JSONResponse:
        return _problem(request, 503, "store_unavailable", str(error), "try again in a moment")


async def _limit_body(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """413 beyond ``MAX_BODY_BYTES``, counted while the body streams in."""
    size = 0
    chunks = []
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            hint = "send fewer texts a call, or use `tingfeng score` for dumps"
            return _problem(
                request, 413, "too_large", f"expected at most {MAX_BODY_BYTES:,} bytes", hint
            )
        chunks.append(chunk)
    request._body = b"".join(chunks)
    return await call_next(request)


def _problem(request: Request, status: int, code: str, message: str, hint: str) -> JSONResponse:
    del request
    error = {"code": code, "message": message, "hint": hint, "request_id": uuid.uuid4().hex}
    return JSONResponse({"error": error}, status_code=status)


def _newest_report(home: Path) -> Path | None:
    found = [*home.glob("report.html"), *home.glob("*/report.html")]
    return max(found, key=lambda p: p.stat().st_mtime, default=None)


_NO_REPORT: Final = (
    "<p>还没有报告。先运行 <code>make demo</code>，"
    "或 <code>tingfeng report --out {target}</code>。</p>"
)
