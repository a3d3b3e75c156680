"""``GET /v1/tags`` and ``GET /v1/persons/fields``: what rules can be about."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import Response

from profiles.conditions.tree import operators_of, to_data
from profiles.people import People
from profiles.tags.rules import build_tags
from serving.api.deps import BareServiceDep, ProfilesKey
from serving.api.floor import floor_for
from serving.api.people_access import ask_people
from serving.api.people_schemas import FieldsAnswer, TagsAnswer
from serving.api.results import to_bytes
from serving.api.strict import refusals, strict_router

router: Final = strict_router("catalogue")


@router.get(
    "/v1/tags",
    responses={200: {"model": TagsAnswer}, **refusals(404)},
    response_model=None,
    summary="Every tag with its rule and size",
)
async def tags(caller: ProfilesKey, service: BareServiceDep) -> Response:
    """Tags of the industry packs and your own; counts rounded for keys without admin."""
    floor, own = floor_for(caller, service.settings), service.settings.tags

    def listed(people: People, as_of: datetime) -> list[dict[str, Any]]:
        del as_of
        rows = people.store.table("tags")
        found = people.store.fetch(rows.group_by("tag").agg(n=rows.count())).to_pylist()
        n = {row["tag"]: row["n"] for row in found}
        return [
            {
                "tag": tag.key,
                "name": tag.name,
                "version": tag.version,
                "n": floor.count(n.get(tag.key, 0)),
                "rule": to_data(tag.condition),
                "source": tag.source,
            }
            for tag in build_tags(people.packs, [own] if own else [], people.kinds).values()
        ]

    return _json({"tags": await ask_people(service, listed)})


@router.get(
    "/v1/persons/fields",
    responses={200: {"model": FieldsAnswer}, **refusals(404)},
    response_model=None,
    summary="The fields that rules can be about",
)
async def fields(caller: ProfilesKey, service: BareServiceDep) -> Response:
    """Each field with its kind, Chinese name and operators."""
    del caller

    def listed(people: People, as_of: datetime) -> list[dict[str, Any]]:
        del as_of
        names = people.names
        return [
            {
                "field": field,
                "kind": kind,
                "name": names.get(field),
                "operators": operators_of(kind),
            }
            for field, kind in people.kinds.items()
        ]

    return _json({"fields": await ask_people(service, listed)})


def _json(value: Any) -> Response:
    return Response(to_bytes(value), media_type="application/json")
