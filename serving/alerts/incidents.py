"""Incidents: alerts on related keys as one thing that opens, grows, calms down and closes.

Two keys are related when they agree in every dimension that both have: a content belongs to its
platform and brand, not to another content. An alert joins the open incident whose key it is related
to; the incident's key narrows to a content that explains most of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from serving.alerts.comments import ALL
from serving.alerts.detection.detector import Signal
from serving.alerts.notice import Cause, Severity
from serving.alerts.recent import Told
from serving.alerts.rules import SeverityRules

RANK: Final = {"info": 0, "warning": 1, "critical": 2}
EXPLAINS: Final = 0.6  # part of the excess that makes a narrower key the incident's
NARROWING: Final = ("platform", "content", "product")  # aspects and risks say what, not where


@dataclass(kw_only=True)
class Alert:
    """One key of an incident; counts are those of its worst step so far."""

    key: dict[str, str]
    kind: Cause
    since: int
    window_s: int
    observed: int
    expected: float
    comments: int
    p_value: float
    p_share: float
    firing: bool = True
    severity: Severity = "info"  # the least that a trigger asks for
    until: int = 0  # when a single comment's alert ends

    @property
    def excess(self) -> float:
        return self.observed - self.expected


@dataclass(kw_only=True)
class Sent:
    """What the last message told; the log by which repeats are recognised."""

    at: int
    firing: list[str]
    resolved: list[str]
    severity: Severity
    observed: int


@dataclass(kw_only=True)
class Incident:
    """Times are seconds since 1970, UTC. ``timeline`` holds (at, what, detail)."""

    id: str
    key: dict[str, str]
    severity: Severity
    opened_at: int
    closed_at: int | None = None
    alerts: dict[str, Alert] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)  # the last summary of its comments
    risks: list[str] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    timeline: list[tuple[int, str, str]] = field(default_factory=list)
    first_sent_at: int | None = None
    sent: Sent | None = None
    messages: int = 0
    acknowledged_by: str | None = None
    assigned_to: str | None = None
    escalated: bool = False
    held: str | None = None  # silenced, inhibited, quiet: why it keeps still

    @property
    def root(self) -> Alert:
        """The alert of the incident's key."""
        return self.alerts[key_text(self.key)]

    @property
    def telling(self) -> dict[str, Alert]:
        """The alerts that say more than the incident's key: not its platform, not its brand."""
        return {
            name: alert
            for name, alert in self.alerts.items()
            if alert.key == self.key or not alert.key.items() <= self.key.items()
        }

    def note(self, at: int, what: str, detail: str = "") -> None:
        self.timeline.append((at, what, detail))


def key_text(key: dict[str, str]) -> str:
    """A key as text, the same whatever the order of its dimensions."""
    return "|".join(f"{name}={value}" for name, value in sorted(key.items()))


def shown_key(key: dict[str, str]) -> dict[str, str]:
    """The key without the brand of a dump that names none, unless that is all there is."""
    shown = {k: v for k, v in key.items() if (k, v) != ("brand", ALL)}
    return shown or dict(key)


def related(one: dict[str, str], other: dict[str, str]) -> bool:
    """True when the keys agree in every dimension that both have; silence is related to nothing,
    and nothing to another tenant's.
    """
    if ("source" in one) != ("source" in other) or one.get("tenant") != other.get("tenant"):
        return False
    return all(other.get(name, value) == value for name, value in one.items())


def incident_id(key: dict[str, str], opened_at: int) -> str:
    """The same for the same key and moment, so that work done again makes no second incident."""
    digest = hashlib.sha256(f"{key_text(key)}@{opened_at}".encode()).hexdigest()
    return f"inc-{digest[:12]}"


def alert_of(signal: Signal, key: dict[str, str], at: int) -> Alert:
    return Alert(
        key=key,
        kind=signal.kind,
        since=at,
        window_s=signal.window_s,
        observed=signal.observed,
        expected=signal.expected,
        comments=signal.comments,
        p_value=signal.p_given_volume,
        p_share=signal.p_share,
    )


def raise_alert(incidents: dict[str, Incident], alert: Alert) -> Incident:
    """Puts an alert where it belongs: into the open incident it is related to, or a new one."""
    name = key_text(alert.key)
    for incident in sorted(incidents.values(), key=lambda one: (one.opened_at, one.id)):
        if incident.closed_at is None and related(alert.key, incident.key):
            incident.alerts[name] = alert
            incident.note(alert.since, "joined", name)
            _settle(incident, alert)
            return incident
    made = Incident(
        id=incident_id(alert.key, alert.since),
        key=dict(alert.key),
        severity="info",
        opened_at=alert.since,
        alerts={name: alert},
    )
    made.note(alert.since, "opened", name)
    incidents[made.id] = made
    return made


def _settle(incident: Incident, alert: Alert) -> None:
    """The key becomes the alert's where that says more of the place and explains most of what all
    alerts have in excess, or where so far a single comment was all there was.
    """
    root = incident.root
    if root.kind == "single" and alert.kind != "single" and len(alert.key) <= len(root.key):
        incident.key = dict(alert.key)
        incident.note(alert.since, "widened", key_text(alert.key))
        return
    now, then = ({n for n in key if n in NARROWING} for key in (alert.key, root.key))
    if now > then and alert.excess >= EXPLAINS * max(a.excess for a in incident.alerts.values()):
        incident.key = dict(alert.key)
        incident.note(alert.since, "narrowed", key_text(alert.key))


def grow(alert: Alert, signal: Signal) -> None:
    """Takes over a later step's counts where they are worse."""
    if signal.observed - signal.expected > alert.excess:
        alert.window_s, alert.observed = signal.window_s, signal.observed
        alert.expected, alert.comments = signal.expected, signal.comments
        alert.p_value = min(alert.p_value, signal.p_given_volume)


def judge(incident: Incident, told: Told, rules: SeverityRules) -> Severity:
    """How bad it is; an incident that was worse stays so."""
    root = incident.root
    ratio = root.observed / max(root.expected, 0.1)
    n = round(told.critical_risk_share * root.observed)
    grave = (
        (ratio >= rules.critical_ratio and root.observed >= rules.critical_negatives)
        or told.fields["reach"] >= rules.critical_reach
        or (
            told.critical_risk_share >= rules.critical_risk_share
            and n >= rules.critical_risk_comments
        )
    )
    small = root.observed < rules.info_negatives
    found: Severity = "critical" if grave else "info" if small else "warning"
    asked = [alert.severity for alert in incident.alerts.values()]
    return max([found, incident.severity, *asked], key=RANK.__getitem__)


def to_document(incident: Incident) -> dict[str, Any]:
    """Everything as JSON can hold it."""
    return asdict(incident)


def from_document(document: dict[str, Any]) -> Incident:
    """The incident that ``to_document`` wrote."""
    values = dict(document)
    values["alerts"] = {name: Alert(**alert) for name, alert in values["alerts"].items()}
    values["sent"] = None if values["sent"] is None else Sent(**values["sent"])
    values["timeline"] = [tuple(entry) for entry in values["timeline"]]
    return Incident(**values)
