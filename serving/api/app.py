"""``create_app``: the service behind its routes, its gate and its errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from nlp.analyzer import Analyzer
from serving.api.errors import add_error_handlers
from serving.api.gate import Gate
from serving.api.pages.routers import PAGES
from serving.api.routers import ROUTERS
from serving.api.service import Service
from serving.settings import MAX_BODY_BYTES, MAX_CHARS, MAX_TEXTS, Settings

__all__ = ["MAX_BODY_BYTES", "MAX_CHARS", "MAX_TEXTS", "create_app"]

ABOUT = (
    "听风 reads what an audience says in Chinese. Keys go into `Authorization: Bearer KEY`; every "
    "refusal is `{error: {code, message, hint, request_id}}`; a 429 says in `Retry-After` when to "
    "come again."
)


def create_app(settings: Settings, analyzer: Analyzer | None = None) -> FastAPI:
    """The application; without an analyzer the model of the settings is loaded at its start.

    Raises:
        UsageError: a setting names no store.
    """
    service = Service(settings, analyzer)
    app = FastAPI(
        title="听风 Tingfeng",
        version=service.version,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # served by serving.api.routers.pages, behind a key in production
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.service = service
    for router in (*ROUTERS, *PAGES):
        app.include_router(router)
    add_error_handlers(app)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin.strip() for origin in settings.cors_origins.split(",")],
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Deadline-Ms", "X-Request-Id"],
            expose_headers=["Retry-After", "X-Request-Id"],
        )
    app.add_middleware(Gate, service=service)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    await anyio.to_thread.run_sync(service.start)
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(service.close)
