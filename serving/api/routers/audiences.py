"""``/v1/audiences``: choose persons by a rule, count them, keep them, ask what to tell them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from fastapi import Request, Response

from profiles.audiences.saved import (
    Audience,
    audiences,
    delete_audience,
    existing,
    history,
    save_audience,
)
from profiles.conditions.tree import FieldTest
from profiles.people import People
from serving.advice import advise
from serving.advice import document as advice_document
from serving.api.deps import BareServiceDep, Name, ProfilesKey
from serving.api.floor import Floor, floor_for
from serving.api.people_access import ask_people, condition_of, told
from serving.api.people_schemas import (
    AdviceAnswer,
    AudienceAnswer,
    AudienceBody,
    AudiencesAnswer,
    CountAnswer,
    RuleBody,
)
from serving.api.results import to_bytes
from serving.api.strict import refusals, strict_router
from serving.people import bitmaps_of, checked

router: Final = strict_router("audiences")


@router.post(
    "/v1/audiences/count",
    responses={200: {"model": CountAnswer}, **refusals(404)},
    response_model=None,
    summary="Count whom a rule chooses",
)
async def count(body: RuleBody, caller: ProfilesKey, service: BareServiceDep) -> Response:
    """Nothing is kept. Bitmaps of each test answer the next count at once."""
    condition, floor = condition_of(body.asked), floor_for(caller, service.settings)

    def counted(people: People, as_of: datetime) -> dict[str, Any]:
        bitmaps = bitmaps_of(people, service.settings, as_of)
        n = bitmaps.count(checked(people, condition))
        return {
            "n": floor.count(n),
            "persons": floor.count(bitmaps.size),
            "as_of": as_of.isoformat(),
            "least": floor.least,
        }

    return _json(await ask_people(service, counted))


@router.post(
    "/v1/audiences",
    status_code=201,
    responses={201: {"model": AudienceAnswer}, **refusals(404)},
    response_model=None,
    summary="Keep an audience",
)
async def create(
    request: Request, body: AudienceBody, caller: ProfilesKey, service: BareServiceDep
) -> Response:
    """Finds the members and keeps them; the same name with another rule is its next version."""
    condition, floor = condition_of(body.asked), floor_for(caller, service.settings)

    def kept(people: People, as_of: datetime) -> dict[str, Any]:
        known = checked(people, condition)
        members = people.who(known)
        floor.require(int(people.store.fetch(members.agg(n=members.count()))["n"][0].as_py()))
        found = save_audience(
            people,
            body.name,
            known,
            as_of=as_of,
            run=f"api-{request.state.request_id}",
            holdout=body.holdout,
            min_size=body.min_size,
        )
        return shown(found, floor)

    return _json(await ask_people(service, kept, writes=True), 201)


@router.get(
    "/v1/audiences",
    responses={200: {"model": AudiencesAnswer}, **refusals(404)},
    response_model=None,
    summary="The kept audiences",
)
async def list_audiences(caller: ProfilesKey, service: BareServiceDep) -> Response:
    """By name, each in its newest version."""
    floor = floor_for(caller, service.settings)
    found = await service.store.read(audiences)
    return _json({"audiences": [shown(one, floor) for one in found]})


@router.get(
    "/v1/audiences/{name}",
    responses={200: {"model": AudienceAnswer}, **refusals(404)},
    response_model=None,
    summary="One audience with every version",
)
async def show(name: Name, caller: ProfilesKey, service: BareServiceDep) -> Response:
    """Rule, holdout, size and history; never who is in it."""
    floor = floor_for(caller, service.settings)

    def found(store: Any) -> dict[str, Any]:
        with told():
            newest = shown(existing(store, name), floor)
        return newest | {"versions": [shown(one, floor) for one in history(store, name)]}

    return _json(await service.store.read(found))


@router.delete(
    "/v1/audiences/{name}", status_code=204, responses=refusals(404), summary="Remove an audience"
)
async def delete(
    request: Request, name: Name, caller: ProfilesKey, service: BareServiceDep
) -> Response:
    """Removes the members; the versions stay on record."""
    del caller

    def gone(store: Any) -> None:
        with told():
            delete_audience(store, name, run=f"api-{request.state.request_id}")

    await service.store.change(gone)
    return Response(status_code=204)


@router.get(
    "/v1/audiences/{name}/advice",
    responses={200: {"model": AdviceAnswer}, **refusals(404)},
    response_model=None,
    summary="What to publish for an audience",
)
async def advice(name: Name, caller: ProfilesKey, service: BareServiceDep) -> Response:
    """A brief in Chinese, each line with the comments behind it; no small groups without admin."""
    floor = floor_for(caller, service.settings)

    def advised(people: People, as_of: datetime) -> dict[str, Any]:
        floor.require(existing(people.store, name).n)
        asked = checked(people, FieldTest(field="audience", op="=", values=(name,)))
        found = advice_document(advise(people, asked, segment=name, as_of=as_of))
        return floor.row(found, "persons")

    return _json(await ask_people(service, advised))


def shown(audience: Audience, floor: Floor) -> dict[str, Any]:
    """One version as JSON, as the caller may see it."""
    row = asdict(audience)
    moments = {name: row[name].isoformat() for name in ("saved_at", "as_of")}
    row |= moments | {"name": row.pop("audience"), "rule": json.loads(audience.rule)}
    return floor.row(row, "n", "n_held_out")


def _json(value: Any, status: int = 200) -> Response:
    return Response(to_bytes(value), status, media_type="application/json")
