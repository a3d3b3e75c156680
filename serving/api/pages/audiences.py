"""``/audiences``: the kept ones with size and overlap, and a box that counts a rule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from profiles.audiences.saved import Audience, AudienceError, audiences, existing, history
from profiles.conditions.text import parse
from profiles.conditions.tree import ConditionError, FieldTest
from serving.api.deps import BareServiceDep, Id
from serving.api.errors import ApiError
from serving.api.pages.door import PageCaller, page_router
from serving.api.pages.reading import only_duckdb, page_number
from serving.api.pages.render import HEADERS, page
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
    del caller
    config = service.settings
    shown: dict[str, Any] = {"rule": rule, "counted": None, "fault": None, "kept": []}
    try:
        await service.store.read(only_duckdb)
        # one at a time: what conditions read is made anew after a refresh
        shown |= await service.store.write(lambda store: _listed(store, config))
        if rule.strip():
            shown["counted"] = await service.store.write(lambda store: _count(store, config, rule))
    except ConditionError as error:
        shown["fault"] = str(error)
    except (NoStoreError, NotRefreshedError):
        shown["fault"] = None
    shown = {"overlaps": [], "fields": [], "persons": None} | shown
    return page(request, "audiences.html.j2", examples=EXAMPLES, **shown)


@router.get("/audiences/count")
async def count(
    request: Request, caller: PageCaller, service: BareServiceDep, rule: str = ""
) -> Response:
    """How many persons a rule chooses, for the box: ``{n, persons}`` or ``{fault}``."""
    del caller, request
    config = service.settings
    try:
        await service.store.read(only_duckdb)
        found = await service.store.write(lambda store: _count(store, config, rule))
    except ConditionError as error:
        found = {"fault": str(error)}
    except (NoStoreError, NotRefreshedError):
        found = {"n": 0, "persons": 0}
    return JSONResponse(found, headers=HEADERS)


@router.get("/audiences/{name}")
async def one(request: Request, name: Id, caller: PageCaller, service: BareServiceDep) -> Response:
    """One audience: rule, versions, members."""
    del caller
    at = page_number(request.query_params.get("page"))
    found = await service.store.read(lambda store: _one(store, name, at))
    return page(request, "audience.html.j2", at=at, per_page=PER_PAGE, **found)


def _listed(store: Store, config: Settings) -> dict[str, Any]:
    from profiles.audiences.bitmaps import overlaps

    kept = audiences(store)
    people, as_of = open_people(store, config)
    bitmaps = bitmaps_of(people, config, as_of, keep=False)
    sets = {
        a.audience: bitmaps.of(FieldTest(field="audience", op="=", values=(a.audience,)))
        for a in kept[:MAX_COMPARED]
    }
    names = people.names
    return {
        "kept": [(a, rule_text(a)) for a in kept],
        "overlaps": overlaps(sets),
        "persons": bitmaps.size,
        "fields": [(field, kind, names.get(field, "")) for field, kind in people.kinds.items()],
    }


def _count(store: Store, config: Settings, rule: str) -> dict[str, Any]:
    if len(rule) > MAX_RULE_CHARS:
        raise ConditionError(
            f"a rule: expected at most {MAX_RULE_CHARS:,} characters, found {len(rule):,}"
        )
    people, as_of = open_people(store, config)
    bitmaps = bitmaps_of(people, config, as_of)
    return {"n": bitmaps.count(checked(people, parse(rule))), "persons": bitmaps.size}


def _one(store: Any, name: str, at: int) -> dict[str, Any]:
    only_duckdb(store)
    try:
        found = existing(store, name)
    except AudienceError:
        raise ApiError(404, "not_found", "expected a kept audience", "see /audiences") from None
    members = store.table("audience_members")
    rows = members.filter(members.audience == name).select("person_id", "held_out")
    part = rows.order_by("person_id").limit(PER_PAGE, offset=(at - 1) * PER_PAGE)
    return {
        "found": found,
        "rule": rule_text(found),
        "versions": [(v, rule_text(v)) for v in reversed(history(store, name))],
        "members": store.fetch(part).to_pylist(),
    }


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
