"""The door of the dashboard: who may see a page, and how a refusal looks to a person.

A page asks for the same key as the API, in a session or in the header; without one the answer is
401 and the form to log in. Without keys the service is open to this machine only, as the API is.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from profiles.errors import ProfilesError
from serving.api.auth import Caller, KeyAuth
from serving.api.errors import ApiError, as_api_error
from serving.api.pages.render import page
from serving.api.pages.session import Sessions, is_cross_site
from serving.api.strict import key_auth
from serving.errors import ServingError

if TYPE_CHECKING:
    from serving.api.service import Service

ACK_SCOPE: Final = "alerts"  # acknowledging stops reminders: more than reading
FORM: Final = "application/x-www-form-urlencoded"
MAX_FORM_BYTES: Final = 16_384
_EXPECTED: Final = (HTTPException, RequestValidationError, ProfilesError, ServingError)
_SAID: Final = {
    400: "请求有误",
    401: "请先登录",
    403: "这把密钥无权查看此页",
    404: "没有找到",
    409: "暂时还没有数据",
    422: "输入有误",
    429: "请求太多，请稍候再试",
    500: "服务出错了",
    501: "此存储暂不支持这个页面",
    503: "数据暂时无法读取，请稍候再试",
}


class PageKey(KeyAuth):
    """A dependency like ``KeyAuth`` that takes a session too."""

    def admit(self, request: Request) -> Caller:
        """The caller. Raises ApiError: 401, 403, 429."""
        known: Caller | None = getattr(request.state, "caller", None)
        if known is not None:
            return known
        guard = request.app.state.service.guard
        if not guard.closed() or "authorization" in request.headers:
            return super().admit(request)
        key_id = Sessions(guard.keys).key_of(request)
        record = guard.keys.get(key_id) if key_id is not None else None
        if record is None or record.state(datetime.now(UTC)) != "active":
            raise ApiError(401, "unauthorized", "expected a session, found none", "log in")
        caller: Caller = guard.admit_record(record, self.scope)
        request.state.caller = caller
        return caller


class PageRoute(APIRoute):
    """A route that checks its key first and refuses with a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See ``APIRoute``."""
        inner, auth = super().get_route_handler(), key_auth(self.dependant)

        async def handler(request: Request) -> Response:
            try:
                if auth is not None:
                    auth.admit(request)
                return await inner(request)
            except _EXPECTED as error:
                return refusal(request, as_api_error(error))
            except TimeoutError:
                raise
            except Exception as error:
                request.app.state.service.journal.failure(error, request.state.request_id)
                return refusal(request, as_api_error(error))

        return handler


def page_router() -> APIRouter:
    """A router of such routes, outside the API's document."""
    return APIRouter(route_class=PageRoute, include_in_schema=False, redirect_slashes=False)


def refusal(request: Request, error: ApiError) -> Response:
    """A refusal as a page; 401 is the form to log in, for where the caller wanted to go."""
    status = error.status_code
    template = "login.html.j2" if status == 401 else "refusal.html.j2"
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return page(
        request,
        template,
        status=status,
        headers=error.headers,
        said=_SAID.get(status, "无法完成"),
        code=error.code,
        next=asked if request.method == "GET" and request.url.path != "/login" else "/",
        bare=status == 401,
    )


async def read_form(request: Request, *, signed: bool = True) -> dict[str, str]:
    """The fields of a form, each once.

    Raises ApiError: 400 for another kind of body, 403 where another site sent it or the token of
    the session is missing.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise ApiError(400, "bad_request", "expected a form, found another body", "use the page")
    if is_cross_site(request):
        raise _forged()
    body = await request.body()
    if len(body) > MAX_FORM_BYTES:
        raise ApiError(413, "too_large", "expected a short form, found a long one", "shorten it")
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    found = {name: values[0] for name, values in fields.items()}
    service: Service = request.app.state.service
    if signed and not Sessions(service.guard.keys).is_form_token(request, found.get("token", "")):
        raise _forged()
    return found


def _forged() -> ApiError:
    return ApiError(
        403, "forged_form", "expected a form of this session, found another", "load the page again"
    )


PageCaller = Annotated[Caller, Depends(PageKey("profiles"))]
AckCaller = Annotated[Caller, Depends(PageKey(ACK_SCOPE))]
AnyCaller = Annotated[Caller, Depends(PageKey(None))]
