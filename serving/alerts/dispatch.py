"""Who is told when: the rules of Prometheus Alertmanager, as pure functions of state and time.

An incident is a group, its keys are the alerts in it. Silence and inhibition keep a message back
without forgetting it; acknowledging ends reminders and escalation, not news. Nothing is sent twice
for the same state of things: ``needs_update`` is Alertmanager's ``needsUpdate``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from serving.alerts.incidents import RANK, Incident, Sent
from serving.alerts.notice import NoticeKind
from serving.alerts.rules import Notify, clock_minutes

Reason = Literal["first", "new_alert", "all_resolved", "some_resolved", "repeat"]


@dataclass(frozen=True, kw_only=True)
class Silence:
    """No messages about incidents that have these values, from ``starts`` until ``ends`` (s)."""

    id: str
    matchers: dict[str, str]
    starts: int
    ends: int
    by: str
    why: str = ""

    def covers(self, incident: Incident, now: int) -> bool:
        whose = {**incident.key, "incident": incident.id, "severity": incident.severity}
        same = all(whose.get(name) == value for name, value in self.matchers.items())
        return same and self.starts <= now < self.ends


@dataclass(frozen=True, kw_only=True)
class Due:
    """One message that is due."""

    incident: Incident
    kind: NoticeKind


def needs_update(
    entry: Sent | None,
    firing: Collection[str],
    resolved: Collection[str],
    *,
    now: int,
    repeat_s: float,
    send_resolved: bool,
) -> Reason | None:
    """Why a group must be told about now, or None; the eight rows of Alertmanager's table."""
    if entry is None:
        return "first" if firing else None
    if not set(firing) <= set(entry.firing):
        return "new_alert" if entry.firing else "first"
    if not firing:
        return "all_resolved" if entry.firing else None
    if send_resolved and not set(resolved) <= set(entry.resolved):
        return "some_resolved"
    return "repeat" if entry.at < now - repeat_s else None


def due(
    incidents: Iterable[Incident],
    silences: Collection[Silence],
    rules: Notify,
    now: int,
    utc_offset_hours: int,
) -> list[Due]:
    """The messages that are due; marks in each incident what keeps it still."""
    everything = sorted(incidents, key=lambda one: (-RANK[one.severity], one.opened_at, one.id))
    quiet = is_quiet(rules, now, utc_offset_hours)
    found = []
    for incident in everything:
        before, incident.held = (
            incident.held,
            _held(incident, everything, silences, rules, now, quiet),
        )
        if incident.held != before:
            incident.note(now, incident.held or "released", before or "")
        if incident.held is None:
            kind = _kind(incident, rules, now, released=before == "silenced")
            if kind is not None:
                found.append(Due(incident=incident, kind=kind))
    return found


def _held(
    incident: Incident,
    everything: list[Incident],
    silences: Collection[Silence],
    rules: Notify,
    now: int,
    quiet: bool,
) -> str | None:
    if any(silence.covers(incident, now) for silence in silences):
        return "silenced"
    if incident.sent is None and inhibited(incident, everything, rules):
        return "inhibited"
    return "quiet" if quiet and incident.severity != "critical" else None


def inhibited(incident: Incident, everything: Iterable[Incident], rules: Notify) -> bool:
    """True while a graver incident that agrees in ``inhibit_equal`` is open; never by itself.

    A single comment keeps nothing back, and nobody's incident another tenant's.
    """
    return incident.severity != "critical" and any(
        other.severity == "critical"
        and other.closed_at is None
        and other.id != incident.id
        and any(alert.kind != "single" for alert in other.alerts.values())
        and all(
            other.key.get(name) == incident.key.get(name)
            for name in ("tenant", *rules.inhibit_equal)
        )
        for other in everything
    )


def _kind(incident: Incident, rules: Notify, now: int, *, released: bool) -> NoticeKind | None:
    firing = [name for name, alert in incident.telling.items() if alert.firing]
    resolved = [name for name, alert in incident.telling.items() if not alert.firing]
    if incident.closed_at is not None:
        firing = []
    elif not firing and incident.sent is not None:
        return None  # quiet already, but not for long enough
    sent = incident.sent
    reason = needs_update(
        sent,
        firing,
        resolved,
        now=now,
        repeat_s=rules.repeat_hours * 3600,
        send_resolved=rules.send_resolved,
    )
    if sent is None:
        return "opened" if reason else None
    if reason == "all_resolved":
        return "resolved"
    if firing and _worse(incident, sent, rules):
        return "worsened"
    if firing and released:
        return "reminder"
    if firing and incident.acknowledged_by is None and not incident.escalated:
        first = incident.first_sent_at if incident.first_sent_at is not None else now
        if incident.severity != "info" and now - first >= rules.escalate_minutes * 60:
            return "escalated"
    if now - sent.at < rules.group_interval_s or reason is None:
        return None
    if reason == "repeat":
        return None if incident.acknowledged_by else "reminder"
    return "updated" if reason == "new_alert" else None


def _worse(incident: Incident, sent: Sent, rules: Notify) -> bool:
    if RANK[incident.severity] > RANK[sent.severity]:
        return True
    return incident.root.observed >= rules.worse_factor * max(sent.observed, 1)


def mark_sent(one: Due, now: int) -> str:
    """Writes the message into the incident's log; returns its dedup key."""
    incident = one.incident
    incident.messages += 1
    still = incident.closed_at is None
    firing = [name for name, alert in incident.telling.items() if still and alert.firing]
    incident.sent = Sent(
        at=now,
        firing=firing,
        resolved=[name for name in incident.telling if name not in firing],
        severity=incident.severity,
        observed=incident.root.observed,
    )
    if incident.first_sent_at is None:
        incident.first_sent_at = now
    incident.escalated = incident.escalated or one.kind == "escalated"
    incident.note(now, one.kind)
    return f"{incident.id}:{incident.messages}:{one.kind}"


def is_quiet(rules: Notify, now: int, utc_offset_hours: int) -> bool:
    """True within the quiet hours, which may pass midnight."""
    if rules.quiet_from is None or rules.quiet_to is None:
        return False
    minute = (now // 60 + utc_offset_hours * 60) % 1440
    begin, end = clock_minutes(rules.quiet_from), clock_minutes(rules.quiet_to)
    return begin <= minute < end if begin <= end else minute >= begin or minute < end
