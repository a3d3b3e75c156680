"""``/audiences``: the kept ones with size and overlap, and a box that counts a rule.

Counts are as the API tells them to the same key (``serving.api.floor``); members are for ``admin``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from profiles.audiences.saved import Audience, AudienceError, audiences, existing, history
from profiles.conditions.text import parse
from profiles.conditions.tree import ConditionError
from serving.api import small_groups
from serving.api.deps import BareServiceDep, Id
from serving.api.errors import ApiError
from serving.api.floor import Floor, floor_for
from serving.api.pages.door import PageCaller, page_router
from serving.api.pages.reading import page_number
from serving.api.pages.render import HEADERS, page
from serving.audiences import overlap_rows
from serving.people import NotRefreshedError, bitmaps_of, checked, open_people
from serving.settings import Settings
from serving.stores import NoStoreError

if TYPE_CHECKING:
    from profiles.store.base import Store

router: Final = page_router()
PER_PAGE: Final = 100
MAX_COMPARED: Final = 12  # audiences that are compared two by two
MAX_RULE_CHARS: Final = 2_000
EXAMPLES: Final = (
    "interest.food > 0.2",
    "emotion.negative >= 2 and spending.orders >= 1",
    "spending.amount_cny > 100",
)


@router.get("/audiences")
async def listed(
    request: Request, caller: PageCaller, service: BareServiceDep, rule: str = ""
) -> Response:
    """The kept audiences, how they overlap, the rule box with its count."""
    config, floor = service.settings, floor_for(caller, service.settings)
    shown: dict[str, Any] = {"rule": rule, "counted": None, "fault": None, "kept": []}
    try:
        await service.store.read(lambda store: store.engine)  # there is one
        # one at a time: what conditions read is made anew after a refresh
        shown |= await service.store.write(lambda store: _listed(store, config, floor))
        if rule.strip():
            job = _counting(config, rule, floor)
            shown["counted"] = await service.store.write(job)
    except ConditionError as error:
        shown["fault"] = str(error)
    except (NoStoreError, NotRefreshedError):
        shown["fault"] = None
    shown = {"overlaps": [], "fields": [], "persons": None, "refreshed": False} | shown
    return page(request, "audiences.html.j2", examples=EXAMPLES, least=floor.least, **shown)


@router.get("/audiences/count")
async def count(
    request: Request, caller: PageCaller, service: BareServiceDep, rule: str = ""
) -> Response:
    """How many persons a rule chooses, for the box: ``{n, persons, least}`` or ``{fault}``."""
    del request
    config, floor = service.settings, floor_for(caller, service.settings)
    found: dict[str, Any]
    try:
        await service.store.read(lambda store: store.engine)  # there is one
        found = await service.store.write(_counting(config, rule, floor))
    except ConditionError as error:
        found = {"fault": str(error)}
    except (NoStoreError, NotRefreshedError):
        found = {"n": 0, "persons": 0}
    return JSONResponse(found, headers=HEADERS)


@router.get("/audiences/{name}")
async def one(request: Request, name: Id, caller: PageCaller, service: BareServiceDep) -> Response:
    """One audience: rule, versions, and for ``admin`` its members."""
    floor = floor_for(caller, service.settings)
    at = page_number(request.query_params.get("page"))
    found = await service.store.read(lambda store: _one(store, name, at, floor))
    return page(request, "audience.html.j2", at=at, per_page=PER_PAGE, least=floor.least, **found)


def _listed(store: Store, config: Settings, floor: Floor) -> dict[str, Any]:
    kept = audiences(store)
    people, as_of = open_people(store, config)
    names = people.names
    compared = [a.audience for a in kept[:MAX_COMPARED]]
    return {
        "kept": [(_counts(a, floor), rule_text(a)) for a in kept],
        "overlaps": small_groups.overlap(floor, overlap_rows(people, config, as_of, compared)),
        "persons": floor.count(people.store.count("person_facts")),
        "refreshed": True,
        "fields": [(field, kind, names.get(field, "")) for field, kind in people.kinds.items()],
    }


def _counting(config: Settings, rule: str, floor: Floor) -> Callable[[Store], dict[str, Any]]:
    """The job that counts whom the rule chooses. Raises: ConditionError."""
    if len(rule) > MAX_RULE_CHARS:
        raise ConditionError(
            f"a rule: expected at most {MAX_RULE_CHARS:,} characters, found {len(rule):,}"
        )

    def counted(store: Store) -> dict[str, Any]:
        people, as_of = open_people(store, config)
        bitmaps = bitmaps_of(people, config, as_of)
        n = bitmaps.count(checked(people, parse(rule)))
        return {"n": floor.count(n), "persons": floor.count(bitmaps.size), "least": floor.least}

    return counted


def _one(store: Any, name: str, at: int, floor: Floor) -> dict[str, Any]:
    try:
        found = existing(store, name)
    except AudienceError:
        raise ApiError(404, "not_found", "expected a kept audience", "see /audiences") from None
    versions = [(_counts(v, floor), rule_text(v)) for v in reversed(history(store, name))]
    return {
        "found": _counts(found, floor),
        "rule": rule_text(found),
        "versions": versions,
        "members": _members(store, name, at) if floor.names else None,
        "more": floor.names and at * PER_PAGE < found.n,
    }


def _members(store: Any, name: str, at: int) -> list[dict[str, Any]]:
    """One page of them, by person."""
    members = store.table("audience_members")
    rows = members.filter(members.audience == name).select("person_id", "held_out")
    part = rows.order_by("person_id").limit(PER_PAGE, offset=(at - 1) * PER_PAGE)
    return list(store.fetch(part).to_pylist())


def _counts(audience: Audience, floor: Floor) -> dict[str, Any]:
    """The version with counts as the caller may see them."""
    return floor.row(asdict(audience), "n", "n_held_out")


def rule_text(audience: Audience) -> str:
    """The rule as one line, near to how it was typed."""
    return _line(json.loads(audience.rule))


def _line(rule: Any, inner: bool = False) -> str:
    if not isinstance(rule, dict):
        return str(rule)
    for how, word in (("all", " and "), ("any", " or ")):
        if how in rule:
            text = word.join(_line(part, True) for part in rule[how])
            return f"({text})" if inner and len(rule[how]) > 1 else text
    if "not" in rule:
        return f"not {_line(rule['not'], True)}"
    value = rule.get("value")
    if rule["op"] == "known":
        return f"{rule['field']} known"
    if rule["op"] == "between" and isinstance(value, list):
        return f"{rule['field']} between {value[0]} and {value[1]}"
    values = value if isinstance(value, list) else [value]
    shown = ", ".join(map(str, values))
    if rule["op"] == "in":
        shown = f"[{shown}]"
    return f"{rule['field']} {rule['op']} {shown}"
