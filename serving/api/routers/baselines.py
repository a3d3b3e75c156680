"""``/v1/baselines``: key figures against what was to be expected of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from fastapi import Request, Response

from profiles.baselines.baseline import Baseline, build_baseline
from profiles.baselines.figures import read_figures, regions
from serving.api import small_groups
from serving.api.deps import AdminKey, BareServiceDep, Day, ProfilesKey, end_of
from serving.api.floor import Floor, floor_for
from serving.api.people_access import answered
from serving.api.results import to_bytes
from serving.api.segment_schemas import BaselineAnswer, BaselineBody, BaselineKept
from serving.api.strict import refusals, strict_router
from serving.baselines import baseline_document, save_baseline
from serving.numbers import finite

router: Final = strict_router("baselines")
By = Literal["all", "content", "segment"]


@router.get(
    "/v1/baselines",
    responses={200: {"model": BaselineAnswer}, **refusals(404)},
    response_model=None,
    summary="Key figures and what left their band",
)
async def baselines(
    caller: ProfilesKey,
    service: BareServiceDep,
    by: By = "all",
    unit: Literal["day", "week"] = "day",
    as_of: Day = None,
) -> Response:
    """What `tingfeng baseline --json` prints; a segment is the region of users.

    Keys without the scope admin see no share of too few persons and no segment of too few.
    """
    floor = floor_for(caller, service.settings)
    moment = end_of(as_of) if as_of else datetime.now(UTC)

    def judged(store: Any) -> dict[str, Any]:
        found = _judged(store, moment, by, unit, floor)
        small = _small(store, floor) if by == "segment" else set()
        return small_groups.baseline(floor, baseline_document(found, by, moment), small)

    return _json(await service.store.read(judged))


@router.post(
    "/v1/baselines",
    responses={200: {"model": BaselineKept}, **refusals(404)},
    response_model=None,
    summary="Keep what was expected",
)
async def keep(
    request: Request, body: BaselineBody, caller: AdminKey, service: BareServiceDep
) -> Response:
    """Also writes the values of this scope and unit into the table `baselines`."""
    floor = floor_for(caller, service.settings)
    moment = end_of(body.as_of) if body.as_of else datetime.now(UTC)

    def kept(store: Any) -> dict[str, Any]:
        found = _judged(store, moment, body.by, body.unit, floor)
        n = save_baseline(store, found, body.by, moment, f"api-{request.state.request_id}")
        return baseline_document(found, body.by, moment) | {"kept": n}

    return _json(await service.store.change(kept))


def _judged(store: Any, moment: datetime, by: str, unit: str, floor: Floor) -> Baseline:
    with answered():
        rows = read_figures(store, moment, scope=by, unit=unit)
        enough = pc.greater_equal(rows["n"], float(floor.least))
        return build_baseline(rows.filter(pc.fill_null(enough, True)), unit=unit)


def _small(store: Any, floor: Floor) -> set[str]:
    """The segments that are too small for the caller."""
    table: pa.Table = regions(store)
    sizes = table.group_by("segment").aggregate([([], "count_all")]).to_pylist()
    return {row["segment"] for row in sizes if row["count_all"] < floor.least}


def _json(document: dict[str, Any]) -> Response:
    return Response(to_bytes(finite(document)), media_type="application/json")
