"""Pages from templates: escaped, without inline script or style, never kept by a cache."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from data import labels
from serving.alerts.delivery.message.wording import span
from serving.api.pages import links
from serving.api.pages.session import COOKIE, Sessions
from serving.report import charts, words

if TYPE_CHECKING:
    from serving.api.service import Service

_TEMPLATES: Final = Path(__file__).parent / "templates"
WIDE_PX: Final = 1060
NARROW_PX: Final = 330
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """A template filled in, with the headers of every page."""
    service: Service = request.app.state.service
    caller = getattr(request.state, "caller", None)
    text = (
        environment()
        .get_template(template)
        .render(
            here=request.url.path,
            token=Sessions(service.guard.keys).form_token(request),
            caller=caller,
            logged_in=COOKIE in request.cookies,
            request_id=request.state.request_id,
            **({"bare": False} | values),
        )
    )
    return HTMLResponse(text, status_code=status, headers={**HEADERS, **(headers or {})})


@cache
def environment() -> jinja2.Environment:
    """The templates' environment: everything is escaped, nothing may be undefined."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "count": words.count,
        "percent": words.percent,
        "signed": words.signed,
        "local_time": words.local_time,
        "local_day": words.local_day,
        "visible": words.visible,
        "opening": words.opening,
        "span": lambda minutes: span(60 * minutes),
    }
    made.globals |= {
        "charts": charts,
        "name_of": words.name_of,
        "percent_range": words.percent_range,
        "comments_url": links.comments_url,
        "content_url": links.content_url,
        "person_url": links.person_url,
        "path": links.path,
        "platforms": labels.PLATFORMS,
        "wide": WIDE_PX,
        "narrow": NARROW_PX,
    }
    return made


def _plain(value: Any) -> Any:
    """Text without control characters, which no page may hold; markup of ours as it is."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return words.without_controls(value) if is_text else value
