"""The dead man's switch: no comments for N minutes, although many were expected, is an incident."""

from __future__ import annotations

from typing import Final

from serving.alerts.detection import baseline, season
from serving.alerts.detection.thresholds import HOUR_STEPS, STEP_S
from serving.alerts.incidents import Alert, Incident, key_text, raise_alert
from serving.alerts.journal import Journal
from serving.alerts.monitor import Monitor

KEY: Final = {"source": "comments"}


def expected_comments(monitor: Monitor, since: int, until: int) -> float:
    """How many comments the busiest key of all would normally have had between two moments."""
    state = monitor.state
    if not state.keys:
        return 0.0
    rate = baseline.level(state) / baseline.share(state) / HOUR_STEPS
    busiest = int(rate.argmax())
    hours = range(since // 3600, max(until - 1, since) // 3600 + 1)
    total = 0.0
    for hour in hours:
        part = min(until, (hour + 1) * 3600) - max(since, hour * 3600)
        local = season.hour_number(hour * HOUR_STEPS, monitor.rules.thresholds)
        total += season.season_factor(state, local)[busiest] * part / STEP_S
    return float(total * rate[busiest])


def check_heartbeat(journal: Journal, monitor: Monitor, came: bool, now: int) -> list[Incident]:
    """Opens the incident of silence, or closes it when comments come again."""
    last = journal.get("last_comment") or now
    if came or journal.get("last_comment") is None:
        journal.put("last_comment", now)
    opened = [i for i in monitor.incidents.values() if i.key == KEY and i.closed_at is None]
    if came:
        for incident in opened:
            incident.root.firing = False
            incident.closed_at = now
            incident.note(now, "closed")
        return opened
    rules = monitor.rules.dead_man
    silent_s = now - last
    if opened or silent_s < rules.minutes * 60:
        return []
    expected = expected_comments(monitor, last, min(now, last + 86_400))
    return [_open(monitor, silent_s, expected, now)] if expected >= rules.expected_at_least else []


def _open(monitor: Monitor, silent_s: int, expected: float, now: int) -> Incident:
    alert = Alert(
        key=dict(KEY),
        kind="silence",
        since=now,
        window_s=silent_s,
        observed=0,
        expected=expected,
        comments=0,
        p_value=0.0,
        p_share=1.0,
        severity="warning",
    )
    incident = raise_alert(monitor.incidents, alert)
    incident.severity = "warning"
    incident.note(now, "silent", f"{silent_s // 60} minutes; {key_text(KEY)}")
    return incident
