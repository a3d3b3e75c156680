"""``GET /v1/segments/rfm``: who bought how lately, how often and for how much, in segments."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Annotated, Any, Final, Literal

import pyarrow as pa
from fastapi import Query, Response

from profiles.bench import lent_for_reading
from profiles.persons import by_person
from profiles.rfm.report import RfmReport, build_rfm
from profiles.store.base import Store
from serving.api.deps import BareServiceDep, ProfilesKey
from serving.api.floor import Floor, floor_for
from serving.api.people_schemas import RfmAnswer
from serving.api.results import to_bytes
from serving.api.strict import refusals, strict_router

router: Final = strict_router("segments")
CHINA: Final = timezone(timedelta(hours=8))
_ORDERS: Final = f"""SELECT user_id AS person_id, "time", amount_cny AS amount,
    concat_ws(chr(31), coalesce(platform, ''), order_id) AS order_id
    FROM ({by_person("orders")})"""
AsOf = Annotated[
    date | None,
    Query(description="a day in China; without it today", examples=["2026-09-28"]),
]


@router.get(
    "/v1/segments/rfm",
    responses={200: {"model": RfmAnswer}, **refusals(404)},
    response_model=None,
    summary="RFM segments of the stored orders",
)
async def rfm(
    caller: ProfilesKey,
    service: BareServiceDep,
    as_of: AsOf = None,
    method: Literal["ties", "ntile"] = "ties",
) -> Response:
    """The eight and the eleven segments with their persons, as `tingfeng rfm --json` counts them.

    Keys without the scope admin see rounded counts.
    """
    day = as_of or datetime.now(CHINA).date()
    orders = await service.store.read(_orders)
    found = await service.store.compute(lambda: build_rfm(orders, day, method=method))
    shown = _document(found, floor_for(caller, service.settings))
    return Response(to_bytes(shown), media_type="application/json")


def _orders(store: Store) -> pa.Table:
    with lent_for_reading(store, ("orders", "person_identifiers")) as here:
        return here.read(_ORDERS)


def _document(found: RfmReport, floor: Floor) -> dict[str, Any]:
    return {
        "as_of": str(found.as_of),
        "method": found.method,
        "persons": floor.count(found.persons),
        "tie_share": found.ties["largest"],
        "segments_version": found.segments.version,
        "segments8": floor.counts({row.key: row.persons for row in found.eight}),
        "segments11": floor.counts({row.key: row.persons for row in found.eleven}),
    }
