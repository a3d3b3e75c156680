"""``/v1/audiences``: how kept audiences overlap, who is in them, their lists for ad platforms."""

from __future__ import annotations

import base64
import tempfile
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import pyarrow.compute as pc
from fastapi import Query, Request, Response

from profiles.audiences.export import check_name, platforms
from profiles.audiences.saved import existing, refresh_audiences
from profiles.people import People
from serving.api import small_groups
from serving.api.deps import AdminKey, BareServiceDep, Name, ProfilesKey
from serving.api.floor import floor_for
from serving.api.people_access import answered, ask_people, check_characters, invalid, told
from serving.api.people_schemas import AudiencesAnswer
from serving.api.results import to_bytes
from serving.api.routers.audiences import shown
from serving.api.segment_schemas import (
    ExportAnswer,
    ExportBody,
    MembersAnswer,
    OverlapAnswer,
    OverlapBody,
)
from serving.api.strict import refusals, strict_router
from serving.audiences import chosen_members, export_members, overlap_rows
from serving.contacts import contacts_of

router: Final = strict_router("audiences")
MOST_MEMBERS: Final = 10_000


@router.post(
    "/v1/audiences/overlap",
    responses={200: {"model": OverlapAnswer}, **refusals(404)},
    response_model=None,
    summary="How audiences overlap",
)
async def overlap(body: OverlapBody, caller: ProfilesKey, service: BareServiceDep) -> Response:
    """Every two of the named audiences: how many persons they share."""
    check_characters(body.names)
    floor = floor_for(caller, service.settings)

    def compared(people: People, as_of: datetime) -> list[dict[str, Any]]:
        return overlap_rows(people, service.settings, as_of, body.names)

    found = await ask_people(service, compared)
    return _json({"overlaps": small_groups.overlap(floor, found)})


@router.post(
    "/v1/audiences/refresh",
    responses={200: {"model": AudiencesAnswer}, **refusals(404)},
    response_model=None,
    summary="Find the members of every audience anew",
)
async def refresh(request: Request, caller: AdminKey, service: BareServiceDep) -> Response:
    """As of the last refresh of profiles; one too small now keeps the members it had."""
    floor, run = floor_for(caller, service.settings), f"api-{request.state.request_id}"

    def renewed(people: People, as_of: datetime) -> dict[str, Any]:
        found = refresh_audiences(people, as_of=as_of, run=run)
        return {"audiences": [shown(one, floor) for one in found]}

    return _json(await ask_people(service, renewed, writes=True))


@router.get(
    "/v1/audiences/{name}/members",
    responses={200: {"model": MembersAnswer}, **refusals(404)},
    response_model=None,
    summary="Who is in an audience, and who is held out",
)
async def members(
    name: Name,
    caller: AdminKey,
    service: BareServiceDep,
    held_out: Annotated[
        bool | None, Query(description="only who is held out, or who is not")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_MEMBERS)] = 1000,
    after: Annotated[
        str | None, Query(min_length=1, max_length=64, description="`next` of the page before")
    ] = None,
) -> Response:
    """A page of members by person id; `n` counts all of them."""
    del caller

    def listed(store: Any) -> dict[str, Any]:
        with told():
            found = existing(store, name)
        rows = chosen_members(store, name, held_out)
        rest = rows if after is None else rows.filter(pc.greater(rows["person_id"], after))
        page = rest.slice(0, limit).to_pylist()
        more = rest.num_rows > limit
        return {
            "name": found.audience,
            "version": found.version,
            "n": rows.num_rows,
            "members": page,
            "next": page[-1]["person_id"] if more else None,
        }

    return _json(await service.store.read(listed))


@router.post(
    "/v1/audiences/{name}/export",
    responses={200: {"model": ExportAnswer}, **refusals(404)},
    response_model=None,
    summary="An audience as an ad platform takes it",
)
async def export(
    name: Name, body: ExportBody, caller: AdminKey, service: BareServiceDep
) -> Response:
    """The manifest of `tingfeng audience export --json`, with each file's bytes in base64.

    Only members with a valid identifier and a stated consent are in it, nobody held out, and
    nobody whose consents in the store say otherwise.
    Identifiers are not stored.
    """
    del caller
    if body.platform not in platforms():
        raise invalid(f"platform: expected one of {', '.join(platforms())}, found another")
    to = platforms()[body.platform]
    with answered():
        check_name(body.called or name, to)

    def exported(store: Any) -> dict[str, Any]:
        rows = [one.as_row() for one in body.identifiers]
        contacts = contacts_of(rows, store, by_account=True)
        with told(), tempfile.TemporaryDirectory() as given:
            folder = Path(given)
            made = export_members(
                store,
                name,
                contacts,
                to=to,
                folder=folder,
                called=body.called,
                purpose=body.purpose,
            )
            found = asdict(made)
            for file in found["files"]:
                data = (folder / file["name"]).read_bytes()
                file["content_base64"] = base64.b64encode(data).decode("ascii")
        return found

    return _json(await service.store.read(exported))


def _json(value: Any) -> Response:
    return Response(to_bytes(value), media_type="application/json")
