"""Pages for people: the newest report at ``/``, the API's own page, and its OpenAPI document."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse

from serving.api.deps import BareServiceDep, DocsKey, ProfilesKey
from serving.api.docs import docs_page
from serving.api.strict import strict_router

router: Final = strict_router("pages")


@router.get("/", include_in_schema=False)
async def first_page(caller: ProfilesKey, service: BareServiceDep) -> Response:
    """The newest report; it shows comments, so it needs a key where keys are."""
    del caller
    report = _newest_report(service.settings.home)
    if report is not None:
        return FileResponse(report)
    target = html.escape(str(service.settings.home / "report.html"))
    return HTMLResponse(_NO_REPORT.format(target=target), status_code=404)


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


def _newest_report(home: Path) -> Path | None:
    found = [*home.glob("report.html"), *home.glob("*/report.html")]
    return max(found, key=lambda p: p.stat().st_mtime, default=None)


_NO_REPORT: Final = (
    "<p>还没有报告。先运行 <code>make demo</code>，"
    "或 <code>tingfeng report --out {target}</code>。</p>"
)
