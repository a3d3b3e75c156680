"""``/alerts``: incidents by state, their timeline, and the button that acknowledges one."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from serving.alerts.actions import acknowledge
from serving.alerts.comments import ALL
from serving.alerts.delivery.playbook import load_playbook
from serving.alerts.documents import state_of
from serving.alerts.incidents import Alert, Incident, shown_key
from serving.alerts.monitor import title
from serving.api.auth import Caller
from serving.api.deps import BareServiceDep, Id
from serving.api.errors import ApiError
from serving.api.pages.door import ACK_SCOPE, AckCaller, PageCaller, page_router, read_form
from serving.api.pages.journal import all_incidents, with_journal
from serving.api.pages.links import comments_url, path
from serving.api.pages.render import HEADERS, page
from serving.errors import ServingError

router: Final = page_router()
MAX_SHOWN: Final = 200
STATES: Final = {
    "open": "未处理",
    "acknowledged": "已确认",
    "held": "暂不通知",
    "closed": "已结束",
}
_NAMES: Final = {
    "state": {**STATES, "silenced": "已静默", "inhibited": "被更严重的压住", "quiet": "免打扰时段"},
    "severity": {"critical": "严重", "warning": "警告", "info": "提示"},
    "what": {
        "opened": "开始",
        "joined": "又一处异常并入",
        "narrowed": "定位到更具体的对象",
        "widened": "由单条评论扩大为多条",
        "severity": "级别变为",
        "trigger": "单条触发",
        "calmed": "一处平息",
        "closed": "结束",
        "acknowledged": "已确认",
        "assigned": "指派给",
        "sent": "已发出消息",
        "escalated": "已升级",
    },
    "key": {
        "platform": "平台",
        "content": "内容",
        "brand": "品牌",
        "product": "产品",
        "aspect": "方面",
        "risk": "风险",
        "tenant": "租户",
        "source": "来源",
    },
}


@router.get("/alerts")
async def listed(request: Request, caller: PageCaller, service: BareServiceDep) -> Response:
    """Every incident by state, newest first."""
    del caller
    found = await all_incidents(service.settings)
    by_state: dict[str, list[Incident]] = {name: [] for name in STATES}
    for incident in found:
        state = state_of(incident)
        by_state[state if state in by_state else "held"].append(incident)
    return page(
        request,
        "alerts.html.j2",
        groups=[
            (name, STATES[name], len(rows), [shown(one) for one in rows[:MAX_SHOWN]])
            for name, rows in by_state.items()
        ],
        total=len(found),
    )


@router.get("/alerts/{incident}")
async def one(
    request: Request, incident: Id, caller: PageCaller, service: BareServiceDep
) -> Response:
    """One incident: what, how bad, what was said, what happened when."""
    found = await _found(service.settings, incident)
    if found.id != incident:
        return RedirectResponse(path("alerts", found.id), 303, dict(HEADERS))
    playbook = load_playbook()
    named = dict.fromkeys([found.key.get("risk", ""), *found.risks])
    told = [line for risk in named for line in playbook.risks.get(risk, ())]
    return page(
        request,
        "alert.html.j2",
        incident=found,
        head=shown(found),
        alerts=[_alert(alert) for alert in found.alerts.values()],
        timeline=[
            (_moment(at), _NAMES["what"].get(what, what), _detail(what, detail))
            for at, what, detail in found.timeline
        ],
        evidence=found.evidence,
        todo=told or list(playbook.default),
        may_ack=may_acknowledge(caller) and found.acknowledged_by is None and not found.closed_at,
        needs_scope=None if may_acknowledge(caller) else ACK_SCOPE,
    )


@router.post("/alerts/{incident}/ack")
async def ack(
    request: Request, incident: Id, caller: AckCaller, service: BareServiceDep
) -> Response:
    """Acknowledges in the name of the key, or of who signs where there is none."""
    fields = await read_form(request)
    await _found(service.settings, incident)
    by = fields.get("by", "").strip()[:40]
    if caller.key_id is not None:
        record = service.guard.keys.get(caller.key_id)
        name = record.name if record is not None else caller.key_id
        by = f"{by}（{name}）" if by else name
    by = "".join(c for c in by if c.isprintable()) or "本机"
    now = int(time.time())
    done = await with_journal(service.settings, lambda j: acknowledge(j, incident, by, now))
    return RedirectResponse(path("alerts", str(done)), 303, dict(HEADERS))


def may_acknowledge(caller: Caller) -> bool:
    """Whether the caller's key bears the scope."""
    return bool({ACK_SCOPE, "admin"} & caller.scopes)


def shown(incident: Incident) -> dict[str, Any]:
    """An incident as lists and heads show it."""
    root, state = incident.root, state_of(incident)
    return {
        "id": incident.id,
        "title": title(incident),
        "severity": incident.severity,
        "severity_name": _NAMES["severity"].get(incident.severity, incident.severity),
        "state": state,
        "state_name": _NAMES["state"].get(state, state),
        "opened": _moment(incident.opened_at),
        "closed": None if incident.closed_at is None else _moment(incident.closed_at),
        "key": [(_NAMES["key"].get(k, k), k, v) for k, v in shown_key(incident.key).items()],
        "observed": root.observed,
        "expected": root.expected,
        "ratio": root.observed / root.expected if root.expected >= 0.1 else None,
        "window_min": root.window_s / 60,
        "comments": root.comments,
        "url": negatives_url(root),
        "told": incident.told,
        "risks": incident.risks,
        "by": incident.acknowledged_by,
        "to": incident.assigned_to,
        "messages": incident.messages,
        "quotes": incident.evidence[:1],
    }


def negatives_url(alert: Alert) -> str | None:
    """The negative comments of an alert's key around its window; None for silence itself.

    A brand is told by words or contents of a rules file, which a store does not know: such a list
    is of the whole store. The alert keeps the counts of its worst step and not the step, so the
    list goes from its first window to a day after it.
    """
    if "source" in alert.key:
        return None
    names = {"platform": "platform", "content": "content", "aspect": "aspect", "risk": "risk"}
    given = {names[k]: v for k, v in alert.key.items() if k in names and v != ALL}
    if "aspect" in given:
        given["polarity"] = "negative"
    since, until = alert.since - alert.window_s, alert.since + 86_400
    return comments_url(
        sentiment="negative",
        after=_moment(since).isoformat(),
        before=_moment(until).isoformat(),
        order="liked",
        **given,
    )


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "key": [(_NAMES["key"].get(k, k), k, v) for k, v in shown_key(alert.key).items()],
        "since": _moment(alert.since),
        "observed": alert.observed,
        "expected": alert.expected,
        "comments": alert.comments,
        "window_min": alert.window_s / 60,
        "firing": alert.firing,
        "url": negatives_url(alert),
        "kind": {"burst": "突增", "rise": "缓升", "single": "单条触发"}.get(alert.kind, alert.kind),
    }


def _detail(what: str, detail: str) -> str:
    return _NAMES["severity"].get(detail, detail) if what == "severity" else detail


async def _found(settings: Any, name: str) -> Incident:
    try:
        found = await with_journal(settings, lambda journal: journal.incident(name))
    except ServingError:
        found = None
    if found is None:
        raise ApiError(404, "not_found", "expected an incident of ours", "see /alerts")
    return found


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
