"""What routes ask for, as annotated aliases."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Header, Path, Query, Request

from serving.api.auth import Caller, KeyAuth
from serving.api.service import Service

LONGEST_ID: Final = 256
_NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f]+$"


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
