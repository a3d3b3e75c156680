"""``/v1/segments/groups`` and ``/v1/influence``: like interests, and who is listened to."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Query, Request, Response

from profiles.groups.drift import align
from profiles.groups.model import model_document, read_model
from profiles.groups.report import GroupReport, fit_groups, place_persons
from profiles.groups.vectors import build_vectors
from profiles.influence.report import build_influence
from profiles.influence.seeds import MAX_HOPS
from profiles.read import last_refresh
from profiles.segments import GROUPS, save_segments
from serving.api import small_groups
from serving.api.deps import AdminKey, BareServiceDep, ProfilesKey
from serving.api.floor import floor_for
from serving.api.people_access import answered
from serving.api.results import to_bytes
from serving.api.segment_schemas import GroupsAnswer, GroupsBody, GroupsKept, InfluenceAnswer
from serving.api.strict import refusals, strict_router
from serving.numbers import finite
from serving.people import NotRefreshedError
from serving.relations import read_relations
from serving.segment_documents import groups_document, influence_document
from serving.stored_rows import stored_interests

router: Final = strict_router("segments")
K = Annotated[int | None, Query(ge=2, le=50, description="force a number of groups")]
_EMPTY: Final = "expected profiles, found none; run tingfeng refresh first"


@router.get(
    "/v1/segments/groups",
    responses={200: {"model": GroupsAnswer}, **refusals(404)},
    response_model=None,
    summary="Interest groups of the stored persons",
)
async def groups(caller: ProfilesKey, service: BareServiceDep, k: K = None) -> Response:
    """What `tingfeng groups --json` prints; 422 `unstable` where no grouping is stable.

    Keys without the scope admin see rounded counts, and no name of a small group.
    """
    rows = await service.store.read(stored_interests)

    def fitted() -> dict[str, Any]:
        with answered():
            return groups_document(fit_groups(build_vectors(rows), k=k))

    found = await service.store.compute(fitted)
    return _json(small_groups.groups(floor_for(caller, service.settings), found))


@router.post(
    "/v1/segments/groups",
    responses={200: {"model": GroupsKept}, **refusals(404)},
    response_model=None,
    summary="Fit, place, compare and keep interest groups",
)
async def keep_groups(
    request: Request, body: GroupsBody, caller: AdminKey, service: BareServiceDep
) -> Response:
    """Fits, or places persons by the `model` of an earlier answer; `compare_to` tells what changed.

    `keep` writes each person's group, for rules such as `segment = 美食`.
    """
    del caller
    rows = await service.store.read(stored_interests)

    def made() -> tuple[GroupReport, dict[str, Any]]:
        with answered():
            known = read_model(body.model) if body.model else None
            earlier = read_model(body.compare_to) if body.compare_to else None
            vectors = build_vectors(rows, known.topics if known else None)
            found = place_persons(known, vectors) if known else fit_groups(vectors, k=body.k)
            pairs = align(earlier, found.model) if earlier else None
        return found, groups_document(found, pairs) | {"model": model_document(found.model)}

    def kept(store: Any) -> int:
        as_of = last_refresh(store)
        with answered():
            if as_of is None:
                raise NotRefreshedError(_EMPTY)
        run = f"api-{request.state.request_id}"
        return save_segments(store, found.table, GROUPS, as_of, run)

    found, document = await service.store.compute(made)
    n = await service.store.change(kept) if body.keep else 0
    return _json(document | {"kept": n})


@router.get(
    "/v1/influence",
    responses={200: {"model": InfluenceAnswer}, **refusals(404)},
    response_model=None,
    summary="Who is listened to",
)
async def influence(
    caller: ProfilesKey,
    service: BareServiceDep,
    seeds: Annotated[int, Query(ge=0, le=1000, description="persons to choose for reach")] = 10,
    hops: Annotated[int, Query(ge=1, le=MAX_HOPS, description="steps that count as reached")] = 1,
) -> Response:
    """What `tingfeng influence --json` prints: tiers, circles, the first hundred, the seeds.

    Keys without the scope admin see rounded counts, and nobody by id.
    """
    rows = await service.store.read(read_relations)

    def ranked() -> dict[str, Any]:
        with answered():
            return influence_document(build_influence(rows, seeds=seeds, hops=hops))

    found = await service.store.compute(ranked)
    return _json(small_groups.influence(floor_for(caller, service.settings), found))


def _json(document: dict[str, Any]) -> Response:
    return Response(to_bytes(finite(document)), media_type="application/json")
