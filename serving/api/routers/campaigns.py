"""``/v1/campaigns``: costs and outcomes in, lift and return out, tags for the next audience."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import pyarrow as pa
from fastapi import Query, Request, Response

from data.columns import CAMPAIGNS, FEEDBACK
from profiles.campaigns.report import read_report
from profiles.campaigns.tags import write_tags
from serving.api import small_groups
from serving.api.deps import (
    CHINA,
    AdminKey,
    BareServiceDep,
    Day,
    Name,
    ProfilesKey,
    end_of,
    start_of,
)
from serving.api.floor import floor_for
from serving.api.people_access import answered, invalid
from serving.api.results import to_bytes
from serving.api.schemas import Stored
from serving.api.segment_schemas import (
    CampaignAnswer,
    CampaignsBody,
    FeedbackBody,
    WrittenTags,
)
from serving.api.service import Service
from serving.api.strict import refusals, strict_router
from serving.numbers import finite

router: Final = strict_router("campaigns")


@router.post(
    "/v1/campaigns",
    responses={200: {"model": Stored}, **refusals()},
    response_model=None,
    summary="Load what campaigns cost",
)
async def load_costs(
    request: Request, body: CampaignsBody, caller: AdminKey, service: BareServiceDep
) -> Response:
    """A row per campaign and day, as `tingfeng ingest campaigns`; twice changes nothing."""
    del caller
    rows = [row.model_dump() | {"time": _zoned(row.time)} for row in body.campaigns]
    table = pa.Table.from_pylist(rows, schema=CAMPAIGNS)
    return await _stored(request, service, "campaigns", table)


@router.post(
    "/v1/campaigns/feedback",
    responses={200: {"model": Stored}, **refusals()},
    response_model=None,
    summary="Load what came of each person",
)
async def load_feedback(
    request: Request, body: FeedbackBody, caller: AdminKey, service: BareServiceDep
) -> Response:
    """A row per campaign and person, as `tingfeng ingest feedback`; ids are stored as hashes."""
    del caller
    rows = [row.model_dump() for row in body.feedback]
    table = pa.Table.from_pylist(rows, schema=FEEDBACK)
    return await _stored(request, service, "feedback", table)


@router.get(
    "/v1/campaigns/{name}/report",
    responses={200: {"model": CampaignAnswer}, **refusals(404)},
    response_model=None,
    summary="Lift and return of a campaign",
)
async def report(
    name: Name,
    caller: ProfilesKey,
    service: BareServiceDep,
    orders_from: Day = None,
    orders_to: Day = None,
    cost: Annotated[
        float | None, Query(ge=0, le=1e12, description="CNY; without it the sum of its days")
    ] = None,
) -> Response:
    """What `tingfeng campaign report --json` prints; `name` is the id or the name.

    Keys without the scope admin see rounded counts; lift and return only of arms of which enough
    persons bought and enough did not.
    """
    if (orders_from is None) != (orders_to is None):
        raise invalid("expected orders_from together with orders_to, found one")
    first = None if orders_from is None else start_of(orders_from)
    last = None if orders_to is None else end_of(orders_to)

    def read(store: Any) -> dict[str, Any]:
        with answered():
            found = read_report(store, name, orders_from=first, orders_to=last, cost_cny=cost)
        return asdict(found)

    found = await service.store.read(read)
    return _json(small_groups.campaign(floor_for(caller, service.settings), found))


@router.post(
    "/v1/campaigns/{name}/tags",
    responses={200: {"model": WrittenTags}, **refusals(404)},
    response_model=None,
    summary="Write what came of each person back",
)
async def tag(request: Request, name: Name, caller: AdminKey, service: BareServiceDep) -> Response:
    """Tags for rules: `campaign = "campaign:ID:shown_not_converted"`. Twice changes nothing."""
    del caller

    def written(store: Any) -> dict[str, Any]:
        with answered():
            found = read_report(store, name)
        run = f"api-{request.state.request_id}"
        n = write_tags(store, found.campaign_id, datetime.now(UTC), run)
        persons = sum(arm.persons for arm in found.arms)
        return {"campaign_id": found.campaign_id, "tags": n, "persons": persons}

    return _json(await service.store.change(written))


async def _stored(request: Request, service: Service, kind: str, table: pa.Table) -> Response:
    run = f"api-{request.state.request_id}"
    loaded = await service.store.write(lambda store: store.load(kind, table, run))
    return _json({name: getattr(loaded, name) for name in Stored.model_fields})


def _zoned(moment: datetime) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=CHINA)).astimezone(UTC)


def _json(document: dict[str, Any]) -> Response:
    return Response(to_bytes(finite(document)), media_type="application/json")
