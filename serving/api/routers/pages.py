"""The API's own page and its OpenAPI document; the dashboard is in ``serving.api.pages``."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from serving.api.deps import DocsKey
from serving.api.docs import docs_page
from serving.api.strict import strict_router

router: Final = strict_router("pages")


@router.get("/docs", include_in_schema=False)
async def docs(caller: DocsKey) -> Response:
    """The page of the API; with a key of scope admin in production."""
    del caller
    return HTMLResponse(docs_page())


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, caller: DocsKey) -> Response:
    """The document that the page reads."""
    del caller
    document: dict[str, Any] = request.app.openapi()
    return JSONResponse(document)
