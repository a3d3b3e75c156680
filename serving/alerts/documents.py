"""Incidents and silences as JSON, for the command line and over HTTP. Times are ISO 8601 in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.alerts.dispatch import Silence
from serving.alerts.incidents import Incident, shown_key
from serving.alerts.monitor import title
from serving.alerts.replay import incident_line, iso


def state_of(incident: Incident) -> str:
    """closed, acknowledged, what holds it back (silenced, inhibited, quiet), or open."""
    if incident.closed_at is not None:
        return "closed"
    return "acknowledged" if incident.acknowledged_by else incident.held or "open"


def is_of(key: Mapping[str, str], tenant: str | None) -> bool:
    """Whether a key, or a silence's matchers, are a tenant's; None is whoever runs the service."""
    return tenant is None or key.get("tenant") == tenant


def incident_brief(incident: Incident) -> dict[str, Any]:
    """What a list shows of an incident."""
    root = incident.root
    return {
        "incident_id": incident.id,
        "key": shown_key(incident.key),
        "severity": incident.severity,
        "state": state_of(incident),
        "title": title(incident),
        "opened_at": iso(incident.opened_at),
        "closed_at": iso(incident.closed_at),
        "first_message_at": iso(incident.first_sent_at),
        "observed": root.observed,
        "expected": round(root.expected, 3),
        "risks": incident.risks,
        "messages": incident.messages,
        "acknowledged_by": incident.acknowledged_by,
        "assigned_to": incident.assigned_to,
    }


def incident_document(incident: Incident) -> dict[str, Any]:
    """All that is known of an incident: counts, evidence and the timeline."""
    steps = [{"at": iso(at), "what": what, "detail": text} for at, what, text in incident.timeline]
    return {**incident_line(incident), **incident_brief(incident), "timeline": steps}


def silence_document(silence: Silence) -> dict[str, Any]:
    """A silence."""
    return {
        "silence_id": silence.id,
        "matchers": silence.matchers,
        "starts_at": iso(silence.starts),
        "ends_at": iso(silence.ends),
        "by": silence.by,
        "why": silence.why,
    }
