"""``/v1/segments/rfm`` and ``/v1/segments/ltv``: who bought how, and what is to come of it."""

from __future__ import annotations

from datetime import UTC, date
from typing import Annotated, Any, Final, Literal

from fastapi import Query, Request, Response

from profiles.ltv.report import build_ltv
from profiles.rfm.report import build_rfm
from profiles.segments import RFM, save_segments
from serving.api import small_groups
from serving.api.deps import AdminKey, BareServiceDep, Day, ProfilesKey, end_of, today
from serving.api.floor import floor_for
from serving.api.people_access import answered, invalid
from serving.api.results import to_bytes
from serving.api.segment_schemas import LtvAnswer, RfmAnswer, RfmBody, RfmKept
from serving.api.service import Service
from serving.api.strict import refusals, strict_router
from serving.numbers import finite
from serving.segment_documents import ltv_document, rfm_document
from serving.stored_rows import stored_orders

router: Final = strict_router("segments")
MAX_RESAMPLES: Final = 200  # an answer is to come within TINGFENG_REQUEST_TIMEOUT_S
Method = Literal["ties", "ntile"]
Cut = Literal["mean", "median", "score"]
Unit = Literal["day", "week", "month"]


@router.get(
    "/v1/segments/rfm",
    responses={200: {"model": RfmAnswer}, **refusals(404)},
    response_model=None,
    summary="RFM segments of the stored orders",
)
async def rfm(
    caller: ProfilesKey,
    service: BareServiceDep,
    as_of: Day = None,
    method: Method = "ties",
    cut: Cut = "mean",
    compare_to: Day = None,
) -> Response:
    """What `tingfeng rfm --json` prints; `compare_to`, an earlier day, adds who moved where.

    Keys without the scope admin see rounded counts.
    """
    day = as_of or today()
    if compare_to is not None and compare_to > day:
        raise invalid(f"compare_to: expected a day up to {day}, found {compare_to}")
    orders = await service.store.read(stored_orders)

    def asked() -> dict[str, Any]:
        given: dict[str, Any] = {"method": method, "cut_by": cut}
        with answered():
            before = build_rfm(orders, compare_to, **given) if compare_to else None
            return rfm_document(build_rfm(orders, day, **given), before)

    found = await service.store.compute(asked)
    return _json(small_groups.rfm(floor_for(caller, service.settings), found))


@router.post(
    "/v1/segments/rfm",
    responses={200: {"model": RfmKept}, **refusals(404)},
    response_model=None,
    summary="Keep each person's RFM segment",
)
async def keep_rfm(
    request: Request, body: RfmBody, caller: AdminKey, service: BareServiceDep
) -> Response:
    """Writes the segments, for rules such as `segment = 重要价值`: `tingfeng rfm --save`."""
    del caller
    day = body.as_of or today()

    def kept(store: Any) -> dict[str, Any]:
        with answered():
            found = build_rfm(stored_orders(store), day, method=body.method, cut_by=body.cut)
        run, moment = f"api-{request.state.request_id}", end_of(day).astimezone(UTC)
        n = save_segments(store, found.table, RFM, moment, run)
        return rfm_document(found) | {"kept": n}

    return _json(await service.store.change(kept))


@router.get(
    "/v1/segments/ltv",
    responses={200: {"model": LtvAnswer}, **refusals(404)},
    response_model=None,
    summary="Lifetime value of the stored buyers",
)
async def ltv(
    caller: ProfilesKey,
    service: BareServiceDep,
    end: Day = None,
    unit: Unit = "week",
    horizon: Annotated[float, Query(gt=0, le=3650, description="units to look ahead")] = 52.0,
    calibration_end: Day = None,
    season: Annotated[
        Literal["auto"] | None, Query(description="the calendar effect of the orders themselves")
    ] = None,
    bootstrap: Annotated[
        int, Query(ge=0, le=MAX_RESAMPLES, description="resamples for intervals")
    ] = 0,
    discount: Annotated[float, Query(ge=0, le=1, description="per month, of the value")] = 0.0,
) -> Response:
    """What `tingfeng ltv --json` prints: fitted models, expected purchases and worth, holdout.

    Keys without the scope admin see rounded counts, and nothing of too few persons.
    """
    until = end or today()
    if calibration_end is not None and calibration_end >= until:
        raise invalid(f"calibration_end: expected a day before {until}, found {calibration_end}")
    given = {
        "unit": unit,
        "horizon": horizon,
        "calibration_end": calibration_end,
        "season": season,
        "resamples": bootstrap,
        "monthly_discount": discount,
    }
    found = await _fitted(service, until, given)
    return _json(small_groups.ltv(floor_for(caller, service.settings), found))


async def _fitted(service: Service, until: date, given: dict[str, Any]) -> dict[str, Any]:
    orders = await service.store.read(stored_orders)

    def fitted() -> dict[str, Any]:
        with answered():
            return ltv_document(build_ltv(orders, until, **given))

    return await service.store.compute(fitted)


def _json(document: dict[str, Any]) -> Response:
    return Response(to_bytes(finite(document)), media_type="application/json")
