"""``/v1/funnels``: how far persons of the store come along the steps of a question, and who."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from fastapi import Query, Response

from profiles.funnel.errors import EventsError, SpecError
from profiles.funnel.funnel import Funnel, read_funnel
from profiles.funnel.parse import parse_spec
from profiles.funnel.reasons import find_reasons
from profiles.funnel.relation import open_events
from profiles.funnel.spec import FunnelSpec
from profiles.funnel.stored import stored_events, stored_profiles
from serving.api.deps import AdminKey, BareServiceDep, ProfilesKey
from serving.api.errors import ApiError
from serving.api.floor import floor_for
from serving.api.people_access import check_characters
from serving.api.people_schemas import FunnelAnswer, FunnelBody
from serving.api.results import to_bytes
from serving.api.segment_schemas import ActorsAnswer
from serving.api.strict import refusals, strict_router
from serving.funnel import actor_rows, document
from serving.numbers import finite

router: Final = strict_router("funnels")
SHOWN_CHARS: Final = 500


@router.post(
    "/v1/funnels",
    responses={200: {"model": FunnelAnswer}, **refusals(404)},
    response_model=None,
    summary="A funnel over the stored events",
)
async def funnel(
    body: FunnelBody,
    caller: ProfilesKey,
    service: BareServiceDep,
    trend: Annotated[
        Literal["day", "week"] | None, Query(description="also by day or week of entry")
    ] = None,
    reasons: Annotated[bool, Query(description="what goes together with dropping out")] = False,
) -> Response:
    """Ordered, strict or unordered steps with windows, exclusions and a breakdown.

    Keys without the scope admin see rounded counts, and no value of a breakdown below the smallest
    group.
    """
    with _told():
        asked = _question(body)
        events, persons = await service.store.read(lambda store: _rows(store, asked, reasons))

    def answer() -> dict[str, Any]:
        with open_events(events) as relation:
            found = read_funnel(relation, asked, persons)
            why = find_reasons(relation, asked, persons) if reasons else None
        return document(found, why, trend)

    with _told():
        found = await service.store.compute(answer)
    shown = floor_for(caller, service.settings).funnel(found)
    return Response(to_bytes(finite(shown)), media_type="application/json")


@router.post(
    "/v1/funnels/actors",
    responses={200: {"model": ActorsAnswer}, **refusals(404)},
    response_model=None,
    summary="Who reached a step, or dropped before it",
)
async def actors(
    body: FunnelBody,
    caller: AdminKey,
    service: BareServiceDep,
    step: Annotated[int, Query(ge=1, le=31, description="numbered from 1")],
    outcome: Annotated[
        Literal["reached", "dropped"], Query(description="dropped: reached the one before only")
    ] = "reached",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    after: Annotated[str | None, Query(min_length=1, max_length=256)] = None,
) -> Response:
    """A page of persons by id, each with the times of their steps; `n` counts all of them."""
    del caller
    with _told():
        asked = _question(body)
        low = 2 if outcome == "dropped" else 1
        if not low <= step <= len(asked.steps):
            raise SpecError(f"step: expected {low} to {len(asked.steps)}, found {step}")
        events, persons = await service.store.read(lambda store: _rows(store, asked, False))

    def answer() -> dict[str, Any]:
        with open_events(events) as relation:
            found = read_funnel(relation, asked, persons)
        return _page(found, step, outcome, limit, after)

    with _told():
        found = await service.store.compute(answer)
    return Response(to_bytes(found), media_type="application/json")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (SpecError, EventsError) as error:
        raise ApiError(
            422, "invalid", str(error)[:SHOWN_CHARS], "see docs/funnel.md for the form"
        ) from error


def _question(body: FunnelBody) -> FunnelSpec:
    given = body.model_dump(exclude_unset=True)
    check_characters(given)
    return parse_spec(given)


def _rows(store: Any, asked: FunnelSpec, reasons: bool) -> tuple[pa.Table, pa.Table | None]:
    """The stored events, and what is known of persons where the question needs it."""
    breakdown = asked.breakdown
    field = breakdown.name if breakdown is not None and breakdown.of_person else None
    persons = stored_profiles(store) if field is not None or reasons else None
    if field is not None and persons is not None and field not in persons.column_names:
        raise SpecError(
            f"breakdown: expected one of {', '.join(persons.column_names[1:])}, found {field!r}"
        )
    return stored_events(store), persons


def _page(found: Funnel, step: int, outcome: str, limit: int, after: str | None) -> dict[str, Any]:
    chosen = {"dropped_before": step} if outcome == "dropped" else {"reached": step}
    rows = actor_rows(found, **chosen)
    rest = rows if after is None else rows.filter(pc.greater(rows["person_id"], after))
    page = rest.slice(0, limit).to_pylist()
    for row in page:
        row |= {k: v.isoformat() for k, v in row.items() if k.endswith("_at") and v is not None}
    more = rest.num_rows > limit
    return {"n": rows.num_rows, "persons": page, "next": page[-1]["person_id"] if more else None}
