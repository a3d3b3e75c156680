"""``/healthz``, ``/readyz`` and ``/metrics``: for what watches the service."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from fastapi import Response

from serving.alerts.replay import iso
from serving.api.deps import BareServiceDep, MetricsKey, ServiceDep
from serving.api.errors import ApiError
from serving.api.metrics import CONTENT_TYPE
from serving.api.schemas import Health, Readiness, Watching
from serving.api.service import DEAD_S, Service
from serving.api.strict import refusals, strict_router

router: Final = strict_router("health")


@router.get("/healthz", responses=refusals(), summary="Alive")
async def alive(service: BareServiceDep) -> Health:
    """Answered by the event loop alone; 503 once the model has hung for a minute: restart it."""
    if service.loaded and service.batcher.stuck_s() > DEAD_S:
        raise _unready("the model has not answered for a minute")
    return Health(status="ok", time=datetime.now(UTC).isoformat())


@router.get("/readyz", responses=refusals(), summary="Able to answer")
async def ready(service: ServiceDep) -> Readiness:
    """The model is loaded and answers, the store can be reached (or is not made yet)."""
    _check(service)
    store = await service.store.state()
    if store == "unreachable":
        raise _unready("the store cannot be opened; another process may hold it")
    watch = await service.alerts.health()
    alerts = Watching(
        status=watch.status,
        last_pass_at=iso(watch.last_pass),
        last_comment_at=iso(watch.last_comment),
    )
    version = service.analyzer.scorer.model_version
    return Readiness(status="ok", model_version=version, store=store, alerts=alerts)


@router.get(
    "/metrics",
    responses={200: {"content": {"text/plain": {}}}, **refusals()},
    response_class=Response,
    summary="Counters for Prometheus",
)
async def metrics(caller: MetricsKey, service: ServiceDep) -> Response:
    """The text format of Prometheus; with a key of scope admin in production."""
    del caller
    service.metrics.watching(await service.alerts.health())
    return Response(service.metrics.render(), media_type=CONTENT_TYPE)


def _check(service: Service) -> None:
    if service.draining:
        raise _unready("the service is shutting down")
    if service.batcher.stuck():
        raise _unready("the model does not answer")


def _unready(message: str) -> ApiError:
    return ApiError(503, "unavailable", message, "try again in a moment", retry_after_s=5)
