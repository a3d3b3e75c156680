"""``/login`` and ``/logout``: a key for a session, and back; ``/assets``: style, script, icon."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from serving.api.deps import BareServiceDep
from serving.api.errors import ApiError
from serving.api.pages.door import AnyCaller, page_router, read_form, refusal
from serving.api.pages.render import HEADERS, page
from serving.api.pages.session import COOKIE, Sessions

router: Final = page_router()
_ASSETS: Final = Path(__file__).parent / "assets"
_FILES: Final = {
    "report.css": (Path(__file__).parents[2] / "report" / "templates", "text/css"),
    "dashboard.css": (_ASSETS, "text/css"),
    "dashboard.js": (_ASSETS, "text/javascript"),
    "icon.svg": (_ASSETS, "image/svg+xml"),
}


@router.get("/login")
async def form(request: Request, service: BareServiceDep) -> Response:
    """The form; where no key is needed, the first page."""
    if not service.guard.closed():
        return RedirectResponse("/", 303)
    return page(request, "login.html.j2", next="/", code=None, bare=True)


@router.post("/login")
async def login(request: Request, service: BareServiceDep) -> Response:
    """A session for a valid key, and on to where the caller wanted to go."""
    fields = await read_form(request, signed=False)
    guard = service.guard
    raw = fields.get("key", "").strip().encode()
    try:
        record = guard.check_key(request, raw)
        request.state.caller = guard.admit_record(record, None)
    except ApiError as error:
        return refusal(request, error)
    answer = RedirectResponse(local_path(fields.get("next", "/")), 303, dict(HEADERS))
    secure = service.settings.env == "production"
    Sessions(guard.keys).start(record, answer, secure=secure)
    return answer


@router.post("/logout")
async def logout(request: Request, caller: AnyCaller) -> Response:
    """Forgets the session in this browser."""
    del caller
    await read_form(request)
    answer = RedirectResponse("/login", 303, dict(HEADERS))
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


@router.get("/assets/{name}")
async def asset(name: str) -> Response:
    """Style, script and icon; the same for everybody."""
    if name not in _FILES:
        raise ApiError(404, "not_found", "expected a file of the pages", "see /")
    folder, kind = _FILES[name]
    return Response(_read(folder / name), media_type=kind, headers={"Cache-Control": "no-cache"})


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


def local_path(asked: str) -> str:
    """A path of this service, whatever was asked; never another host."""
    plain = asked.isprintable() and "\\" not in asked
    return asked if plain and asked.startswith("/") and not asked.startswith("//") else "/"
