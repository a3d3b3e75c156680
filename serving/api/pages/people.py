"""``/people``: from an id at the source to a person's page; the id is hashed here and not kept.

The id comes in the body of a form, so that it stands in no address, log or browser history.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from profiles.conditions.compile import column_of
from profiles.errors import UnknownPersonError
from profiles.listing import CommentFilter, read_comments
from profiles.read import find_person, read_profile
from profiles.trace import trace
from serving.api.deps import LONGEST_ID, BareServiceDep, Id
from serving.api.errors import ApiError
from serving.api.floor import floor_for
from serving.api.kept import state_of
from serving.api.pages.door import PageCaller, page_router, read_form
from serving.api.pages.evidence import evidence_links, field_name
from serving.api.pages.links import person_url
from serving.api.pages.moves import read_moves
from serving.api.pages.render import HEADERS, NARROW_PX, WIDE_PX, page
from serving.people import NotRefreshedError, open_people
from serving.profile_text import TITLES, profile_facts
from serving.report.timeline import score_dots
from serving.settings import Settings
from serving.stores import NoStoreError

if TYPE_CHECKING:
    from profiles.store.base import Store

Leaders = tuple[str, str, list[tuple[str, float]]]
router: Final = page_router()
MAX_DOTS: Final = 200
MAX_ROWS: Final = 500
LISTED: Final = 5
# who leads in what: title, field of profiles.facts, what its value is followed by
LEADERS: Final = (
    ("评论最多", "social.comments", " 条"),
    ("差评最多", "emotion.negative", " 条"),
    ("消费最多", "spending.amount_cny", " 元"),
    ("获赞最多", "social.likes_received", " 赞"),
)


@router.get("/people")
async def search(request: Request, caller: PageCaller, service: BareServiceDep) -> Response:
    """The form, and for ``admin`` who leads in what."""
    leaders: list[Leaders] = []
    if floor_for(caller, service.settings).names:
        with suppress(NoStoreError, NotRefreshedError):
            await service.store.read(lambda store: store.engine)  # there is one
            # one at a time: what conditions read is made anew after a refresh
            leaders = await service.store.write(lambda store: _leaders(store, service.settings))
    return page(request, "people.html.j2", missed=False, leaders=leaders)


@router.post("/people")
async def find(request: Request, caller: PageCaller, service: BareServiceDep) -> Response:
    """The way to a person's page, or the form again."""
    del caller
    fields = await read_form(request)
    user, platform = fields.get("user", "").strip(), fields.get("platform") or None
    if not user or len(user) > LONGEST_ID or "\0" in user:
        return page(request, "people.html.j2", status=422, missed=True, leaders=[])
    try:
        person = await service.store.read(lambda store: find_person(store, user, platform))
    except (UnknownPersonError, NoStoreError):
        return page(request, "people.html.j2", status=404, missed=True, leaders=[])
    return RedirectResponse(person_url(person), 303, dict(HEADERS))


@router.get("/people/{person}")
async def person(
    request: Request, person: Id, caller: PageCaller, service: BareServiceDep
) -> Response:
    """Six dimensions with evidence, tags, the move of interest, segments and audiences."""
    del caller
    found = await service.store.read(lambda store: _person(store, person))
    if found["person"] != person:  # a former id, or one of a source
        return RedirectResponse(person_url(found["person"]), 303, dict(HEADERS))
    moves = await service.kept.get("moves", found.pop("state"), read_moves, wait_s=3.0)
    return page(
        request,
        "person.html.j2",
        **found,
        moves=None if moves is None else moves.value,
        move=None if moves is None else moves.value.sentences.get(person),
    )


@router.get("/people/{person}/rows")
async def rows(
    request: Request, person: Id, field: str, caller: PageCaller, service: BareServiceDep
) -> Response:
    """Every stored row behind a value."""
    del caller
    if field.partition(".")[0] not in TITLES or len(field) > LONGEST_ID or "\0" in field:
        raise ApiError(422, "invalid", "field: expected one of a profile", "use its links")

    found = await service.store.read(lambda store: trace(store, person, field))
    return page(
        request,
        "rows.html.j2",
        person=person,
        title=field_name(field),
        total=len(found),
        rows=found[:MAX_ROWS],
    )


def _leaders(store: Store, config: Settings) -> list[Leaders]:
    """Title, what follows a value, and the persons with the highest ones above 0."""
    people, _ = open_people(store, config)
    found = []
    for title, field, unit in LEADERS:
        value = people.persons[column_of(field)]
        first = people.persons.filter(value > 0).order_by(value.desc(), "person_id")
        rows = store.fetch(first.select("person_id", value=value).limit(LISTED)).to_pylist()
        if rows:
            found.append((title, unit, [(r["person_id"], r["value"]) for r in rows]))
    return found


def _person(store: Any, asked: str) -> dict[str, Any]:
    person = find_person(store, asked)
    profile = read_profile(store, person)
    judged = CommentFilter(person=person, sentiment="judged")
    newest = read_comments(store, judged, datetime.now(UTC), limit=MAX_DOTS)
    dots = [one for one in newest.rows if one["created_at"] is not None]
    of_person = {
        name: sorted(store.rows_where(name, "person_id", [person]).to_pylist(), key=str)
        for name in ("tags", "segments", "audience_members")
    }
    return {
        "person": person,
        "state": state_of(store),
        "dimensions": [
            {
                "key": name,
                "title": title,
                "as_of": profile[name]["as_of"],
                "n": profile[name]["n"],
                "facts": [f for f in profile_facts(name, profile[name]) if f[0] != "原话"],
                "links": evidence_links(name, profile[name]),
            }
            for name, title in TITLES.items()
        ],
        "quotes": profile["emotion"].get("telling_comments", []),
        "n_dots": len(dots),
        "dots": {
            "wide": _dots(dots, WIDE_PX),
            "narrow": _dots(dots, NARROW_PX),
        },
        **of_person,
    }


def _dots(comments: list[dict[str, Any]], width: int) -> Any:
    if len(comments) < 2:
        return None
    times = [one["created_at"] for one in comments]
    return score_dots(comments, min(times), max(times), width=width, height=120)
