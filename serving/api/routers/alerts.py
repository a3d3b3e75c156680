"""``/v1/alerts`` and ``/v1/silences``: what the watch found, and what people do about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query, Response
from pydantic import StringConstraints

from data.readers.times import SHANGHAI
from serving.alerts import actions
from serving.alerts.documents import incident_brief, incident_document, is_of, silence_document
from serving.alerts.incidents import Incident
from serving.alerts.journal import Journal, UnknownIncidentError
from serving.alerts.listing import CURSOR, NAMES, IncidentQuery, State, incident_page
from serving.alerts.notice import Severity
from serving.api.alert_schemas import (
    AckRequest,
    AlertsAnswer,
    AssignRequest,
    IncidentBrief,
    IncidentDetail,
    SilenceAnswer,
    SilenceRequest,
    SilencesAnswer,
)
from serving.api.auth import OPEN, Caller
from serving.api.deps import AlertsKey, BareServiceDep, Id, ProfilesKey
from serving.api.errors import ApiError
from serving.api.keys import DEFAULT_TENANT
from serving.api.results import to_bytes
from serving.api.service import Service
from serving.api.strict import refusals, strict_router

router: Final = strict_router("alerts")
MAX_KEYS: Final = 8
Pair = Annotated[
    str, StringConstraints(max_length=300, pattern=rf"^({'|'.join(NAMES)})=[^\x00-\x1f]+$")
]


@router.get(
    "/v1/alerts",
    responses={200: {"model": AlertsAnswer}, **refusals()},
    response_model=None,
    summary="Incidents, newest first",
)
async def list_alerts(
    caller: ProfilesKey,
    service: BareServiceDep,
    state: Annotated[
        State | None,
        Query(description="open is all that is not closed, acknowledged and held ones among them"),
    ] = None,
    severity: Severity | None = None,
    key: Annotated[
        list[Pair] | None,
        Query(
            max_length=MAX_KEYS,
            description="NAME=VALUE that the incident's key must have; may be repeated",
            examples=[["content=7301", "platform=douyin"]],
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        Query(description="opened then or later", examples=["2026-09-28T12:00:00+08:00"]),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=40, pattern=CURSOR)] = None,
) -> Response:
    """A page of incidents; `cursor` is the `next` of the page before."""
    wanted = dict(_pair(one) for one in key or ())
    tenant = _tenant(caller)
    if not is_of({"tenant": wanted.get("tenant", tenant or "")}, tenant):
        return _json({"alerts": [], "next": None})
    query = IncidentQuery(
        state=state,
        severity=severity,
        key=wanted if tenant is None else {**wanted, "tenant": tenant},
        since=None if since is None else _seconds(since),
        limit=limit,
        cursor=cursor,
    )
    page, more = await service.alerts.call(lambda journal: incident_page(journal, query))
    return _json({"alerts": list(map(incident_brief, page)), "next": more})


@router.get(
    "/v1/alerts/{incident_id}",
    responses={200: {"model": IncidentDetail}, **refusals(404)},
    response_model=None,
    summary="One incident with its timeline and evidence",
)
async def get_alert(incident_id: Id, caller: ProfilesKey, service: BareServiceDep) -> Response:
    """Counts, alerts of its keys, what the comments say, evidence, and what was done when."""
    found = await service.alerts.call(lambda journal: _exact(journal, incident_id, caller))
    return _json(incident_document(found))


@router.post(
    "/v1/alerts/{incident_id}/ack",
    responses={200: {"model": IncidentBrief}, **refusals(404)},
    response_model=None,
    summary="Acknowledge an incident",
)
async def acknowledge(
    incident_id: Id, caller: AlertsKey, service: BareServiceDep, body: AckRequest | None = None
) -> Response:
    """No more reminders and no escalation; news about it still comes."""
    by = (body and body.by) or _name(caller)
    return await _change(
        service,
        caller,
        incident_id,
        lambda journal, name: actions.acknowledge(journal, name, by, int(time.time())),
    )


@router.post(
    "/v1/alerts/{incident_id}/assign",
    responses={200: {"model": IncidentBrief}, **refusals(404)},
    response_model=None,
    summary="Say whose an incident is",
)
async def assign(
    incident_id: Id, body: AssignRequest, caller: AlertsKey, service: BareServiceDep
) -> Response:
    """Stands in the incident, its timeline and its post-mortem."""
    return await _change(
        service,
        caller,
        incident_id,
        lambda journal, name: actions.assign(journal, name, body.to, int(time.time())),
    )


@router.post(
    "/v1/silences",
    status_code=201,
    responses={201: {"model": SilenceAnswer}, **refusals()},
    response_model=None,
    summary="Keep messages back for a while",
)
async def create_silence(
    body: SilenceRequest, caller: AlertsKey, service: BareServiceDep
) -> Response:
    """Incidents that have all the values are watched on; what still fires at the end is told."""
    tenant = _tenant(caller)
    matchers = {str(name): value for name, value in body.matchers.items()}
    if not is_of({"tenant": matchers.get("tenant", tenant or "")}, tenant):
        raise ApiError(
            403,
            "forbidden",
            f"expected matchers for the key's tenant {tenant}, found another tenant",
            "leave tenant out: it is added",
        )
    made = await service.alerts.call(
        lambda journal: actions.add_silence(
            journal,
            matchers if tenant is None else {**matchers, "tenant": tenant},
            minutes=body.minutes,
            by=body.by or _name(caller),
            why=body.why,
            now=int(time.time()),
        )
    )
    return _json(silence_document(made), 201)


@router.get(
    "/v1/silences",
    responses={200: {"model": SilencesAnswer}, **refusals()},
    response_model=None,
    summary="Silences that hold",
)
async def list_silences(caller: ProfilesKey, service: BareServiceDep) -> Response:
    """Those that are not over, the first to end first."""
    found = await service.alerts.call(lambda journal: journal.silences())
    now, tenant = time.time(), _tenant(caller)
    held = [one for one in found if one.ends > now and is_of(one.matchers, tenant)]
    return _json({"silences": [silence_document(one) for one in held]})


@router.delete(
    "/v1/silences/{silence_id}",
    responses={200: {"model": SilenceAnswer}, **refusals(404)},
    response_model=None,
    summary="End a silence",
)
async def end_silence(silence_id: Id, caller: AlertsKey, service: BareServiceDep) -> Response:
    """From now on what it kept back is told; one that is over stays as it was."""
    ended = await service.alerts.call(
        lambda journal: actions.end_silence(
            journal, silence_id, int(time.time()), tenant=_tenant(caller)
        )
    )
    return _json(silence_document(ended))


async def _change(
    service: Service, caller: Caller, incident_id: str, change: Callable[[Journal, str], str]
) -> Response:
    """The incident after a change."""

    def job(journal: Journal) -> dict[str, Any]:
        name = _exact(journal, incident_id, caller).id
        return incident_brief(journal.incident(change(journal, name)))

    return _json(await service.alerts.call(job))


def _exact(journal: Journal, incident_id: str, caller: Caller) -> Incident:
    """The incident of the whole id: its beginning will do at the command line only. Another
    tenant's is not there.
    """
    found = journal.incident(incident_id)
    if found.id != incident_id or not is_of(found.key, _tenant(caller)):
        raise UnknownIncidentError(incident_id)
    return found


def _tenant(caller: Caller) -> str | None:
    """Whose incidents the caller sees: those of a tenant, or all with a key of whoever runs it."""
    own = caller.tenant in (OPEN.tenant, DEFAULT_TENANT) or "admin" in caller.scopes
    return None if own else caller.tenant


def _name(caller: Caller) -> str:
    return caller.key_id or "operator"


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _seconds(moment: datetime) -> int:
    """Without a zone it is UTC+8, as in dumps."""
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
    return int(zoned.timestamp())


def _json(document: dict[str, Any], status: int = 200) -> Response:
    return Response(to_bytes(document), status, media_type="application/json")
