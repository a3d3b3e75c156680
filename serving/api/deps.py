"""What routes ask for, as annotated aliases."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Annotated, Final

from annotated_types import Ge, Le
from fastapi import Depends, Header, Path, Query, Request

from serving.api.auth import Caller, KeyAuth
from serving.api.service import Service

LONGEST_ID: Final = 256
_NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f]+$"
CHINA: Final = timezone(timedelta(hours=8))
FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2199, 12, 30)


async def get_service(request: Request) -> Service:
    """The service of this application, with its model loaded."""
    service: Service = request.app.state.service
    await service.ready()
    return service


async def get_bare_service(request: Request) -> Service:
    """The same without waiting for the model."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(get_service)]
BareServiceDep = Annotated[Service, Depends(get_bare_service)]
AnyKey = Annotated[Caller, Depends(KeyAuth(None))]
AnalyzeKey = Annotated[Caller, Depends(KeyAuth("analyze"))]
ProfilesKey = Annotated[Caller, Depends(KeyAuth("profiles"))]
AlertsKey = Annotated[Caller, Depends(KeyAuth("alerts"))]
AdminKey = Annotated[Caller, Depends(KeyAuth("admin"))]
DocsKey = Annotated[Caller, Depends(KeyAuth("admin", unless="docs"))]
MetricsKey = Annotated[Caller, Depends(KeyAuth("admin", unless="metrics"))]

Id = Annotated[str, Path(min_length=1, max_length=LONGEST_ID, pattern=_NO_CONTROLS)]
Platform = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=64,
        pattern=_NO_CONTROLS,
        description="tells equal ids of two platforms apart",
        examples=["douyin"],
    ),
]
DeadlineMs = Annotated[
    int | None,
    Header(
        alias="X-Deadline-Ms",
        ge=1,
        le=20_000,
        description="a result later than this is of no use: the call is refused at once if the "
        "predicted wait is longer",
    ),
]

Day = Annotated[
    Annotated[date, Ge(FIRST_DAY), Le(LAST_DAY)] | None,
    Query(description="a day in China", examples=["2026-09-28"]),
]
EventName = Annotated[
    str | None,
    Query(min_length=1, max_length=200, pattern=_NO_CONTROLS, examples=["view"]),
]
Name = Annotated[
    str, Path(min_length=1, max_length=100, pattern=_NO_CONTROLS, examples=["价值客户"])
]


def today() -> date:
    """The day it is in China."""
    return datetime.now(CHINA).date()


def start_of(day: date) -> datetime:
    """The moment at which a day begins in China."""
    return datetime(day.year, day.month, day.day, tzinfo=CHINA)


def end_of(day: date) -> datetime:
    """The last moment of a day in China."""
    return start_of(day) + timedelta(days=1) - timedelta(milliseconds=1)
