"""``/report``: the newest report as a page of its own, the way it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import Request, Response
from fastapi.responses import FileResponse

from serving.api.deps import BareServiceDep
from serving.api.pages.door import PageCaller, page_router
from serving.api.pages.render import page

router: Final = page_router()


@router.get("/report")
async def report(request: Request, caller: PageCaller, service: BareServiceDep) -> Response:
    """The report; it shows comments, so it needs a key where keys are."""
    del caller
    found = newest_report(service.settings.home)
    if found is None:
        target = str(service.settings.home / "report.html")
        return page(request, "no_report.html.j2", status=404, target=target)
    # the page brings its own policy for style and script; both hold
    headers = {"Content-Security-Policy": "frame-ancestors 'none'", "Cache-Control": "no-store"}
    return FileResponse(found, media_type="text/html", headers=headers)


def newest_report(home: Path) -> Path | None:
    """The report written last, in the home folder or in one right under it."""
    found = [*home.glob("report.html"), *home.glob("*/report.html")]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)
