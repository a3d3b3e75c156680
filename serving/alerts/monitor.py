"""The whole of crisis monitoring without files, databases or clocks: comments in, incidents out.

``feed`` takes comments in any order, ``advance`` closes steps up to a moment, ``messages`` says
what is due. All that is remembered is in ``state``, ``keys``, ``recent``, ``triggered`` and
``incidents``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from data.labels import ASPECTS, PLATFORMS, RISKS
from serving.alerts.comments import Key, count_keys
from serving.alerts.detection.detector import Closed, add_counts, close_step
from serving.alerts.detection.state import NEVER, DetectorState, add_keys, keep_keys
from serving.alerts.detection.thresholds import STEP_S, Prior
from serving.alerts.dispatch import Silence, due, mark_sent
from serving.alerts.incidents import (
    Alert,
    Incident,
    alert_of,
    grow,
    judge,
    key_text,
    raise_alert,
    shown_key,
)
from serving.alerts.notice import Notice, NoticeKind
from serving.alerts.recent import Recent, tell
from serving.alerts.rules import Rules
from serving.alerts.triggers import Hit, find_hits

_NAMES: Final[dict[str, Mapping[str, str]]] = {
    "aspect": ASPECTS,
    "risk": RISKS,
    "platform": PLATFORMS,
}


class Monitor:
    """See the module; not safe for several threads."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.state = DetectorState()
        self.keys: list[Key] = []
        self.recent = Recent()
        self.triggered: list[Hit] = []  # single comments of steps that are not closed yet
        self.incidents: dict[str, Incident] = {}
        self.counts: Counter[str] = Counter()
        self._index: dict[Key, int] = {}

    def restore(self, state: DetectorState, keys: list[Key]) -> None:
        """Goes on from an earlier state."""
        self.state, self.keys = state, keys
        self._index = {key: at for at, key in enumerate(keys)}

    def feed(self, comments: pa.Table) -> None:
        """Takes comments (``comments.WATCHED``), each once."""
        self.counts["comments"] += comments.num_rows
        self.counts["undated_or_empty"] += comments.num_rows - int(
            np.sum(comments["judged"].to_numpy())
        )
        self.recent.add(comments)
        self.triggered += find_hits(comments, self.rules.triggers)
        for one in count_keys(comments, self.rules.watch):
            if one.key not in self._index:
                self._new_key(one.key, one.watch.negatives_per_hour, one.watch.share)
            place = add_counts(
                self.state, one.step, self._index[one.key], one.comments, one.negatives
            )
            if place != "waiting" and one.watch is self.rules.watch[0]:
                self.counts[place] += one.comments

    def advance(self, until: int) -> list[Incident]:
        """Closes every step that ends at or before ``until`` (seconds); returns what changed."""
        changed: dict[str, Incident] = {}
        if self.state.step is None:
            if not self.state.pending:
                return []
            first = min(self.state.pending)
        else:
            first = self.state.step + 1
        for _ in range(first, until // STEP_S):
            closed = close_step(self.state, self.rules.thresholds, first)
            for incident in self._apply(closed):
                changed[incident.id] = incident
        return list(changed.values())

    def messages(self, silences: list[Silence], now: int) -> list[Notice]:
        """The messages that are due now, written into the incidents' logs."""
        if not self.incidents:
            return []
        offset = self.rules.thresholds.utc_offset_hours
        found = due(self.incidents.values(), silences, self.rules.notify, now, offset)
        return [self._notice(one.incident, one.kind, mark_sent(one, now), now) for one in found]

    def forget_closed(self) -> None:
        """Drops closed incidents whose end was told, or never began to be."""
        self.incidents = {
            name: one
            for name, one in self.incidents.items()
            if one.closed_at is None or (one.sent is not None and one.sent.firing)
        }

    def _new_key(self, key: Key, negatives_per_hour: float, share: float) -> None:
        if len(self.keys) >= 2 * self.rules.max_keys:
            self._drop_idle()
        self._index[key] = len(self.keys)
        self.keys.append(key)
        add_keys(self.state, [Prior(negatives_per_hour=negatives_per_hour, share=share)])

    def _drop_idle(self) -> None:
        """Keeps ``max_keys``: those in alarm, then the busiest by learnt and recent comments."""
        state = self.state
        weight = state.view("comments") + 10 * state.view("windows_all")[-1]
        weight = np.where(state.view("alarm_since") != NEVER, np.inf, weight)
        kept = np.sort(np.argsort(-weight, kind="stable")[: self.rules.max_keys])
        keep_keys(state, kept)
        self.counts["dropped_keys"] += len(self.keys) - len(kept)
        self.restore(state, [self.keys[int(at)] for at in kept])

    def _apply(self, closed: Closed) -> list[Incident]:
        at = (closed.step + 1) * STEP_S
        touched: dict[str, Incident] = {}
        for incident in self._hits(at):
            touched[incident.id] = incident
        entered = sorted(
            closed.entered, key=lambda k: (-len(self.keys[k]), closed.signals[k].score)
        )
        for number in entered:
            alert = alert_of(closed.signals[number], dict(self.keys[number]), at)
            incident = raise_alert(self.incidents, alert)
            touched[incident.id] = incident
        if self.incidents:
            self._carry_on(closed, touched)
            for incident in touched.values():
                self._sum_up(incident, at)
            self._close(at, touched)
        return list(touched.values())

    def _carry_on(self, closed: Closed, touched: dict[str, Incident]) -> None:
        """Later counts of alerts that go on, and the end of those that have calmed down."""
        at = (closed.step + 1) * STEP_S
        left = {key_text(dict(self.keys[number])) for number in closed.left}
        signals = {key_text(dict(self.keys[n])): s for n, s in closed.signals.items()}
        for incident in self.incidents.values():
            for name, alert in incident.alerts.items():
                if incident.closed_at is not None or not alert.firing:
                    continue
                if name in signals and signals[name].observed > alert.observed * 1.25:
                    grow(alert, signals[name])
                    touched[incident.id] = incident
                over = at >= alert.until if alert.kind == "single" else name in left
                if over:
                    alert.firing = False
                    incident.note(at, "calmed", name)

    def _close(self, at: int, touched: dict[str, Incident]) -> None:
        for incident in self.incidents.values():
            if incident.closed_at is None and not any(a.firing for a in incident.alerts.values()):
                incident.closed_at = at
                incident.note(at, "closed")
                touched[incident.id] = incident

    def _hits(self, at: int) -> list[Incident]:
        """Raises alerts for the single comments whose step is closed."""
        ready = [hit for hit in self.triggered if hit.at < at]
        self.triggered = [hit for hit in self.triggered if hit.at >= at]
        return [self._raise_hit(hit, at) for hit in ready]

    def _raise_hit(self, hit: Hit, at: int) -> Incident:
        until = at + int(self.rules.trigger_hours * 3600)
        for incident in self.incidents.values():
            known = incident.alerts.get(key_text(hit.key))
            if (
                incident.closed_at is None
                and known is not None
                and known.kind == "single"
                and known.firing
            ):
                known.until, known.observed = until, known.observed + 1
                known.comments += 1
                return incident
        alert = Alert(
            key=hit.key,
            kind="single",
            since=at,
            window_s=STEP_S,
            observed=1,
            expected=0.0,
            comments=1,
            p_value=1.0,
            p_share=1.0,
            severity=hit.severity,
            until=until,
        )
        incident = raise_alert(self.incidents, alert)
        incident.note(at, "trigger", f"{hit.name}: {hit.comment_id}")
        return incident

    def _sum_up(self, incident: Incident, at: int) -> None:
        """What the comments behind it say, and so how bad it is."""
        root = incident.root
        since = max(min(a.since - a.window_s for a in incident.alerts.values()), at - 86_400)
        found = self.recent.about(root.key, since, at)
        before = self.recent.about(_tenant(root.key), since - 86_400, since)
        told = tell(found, before, self.rules)
        severity = judge(incident, told, self.rules.severity)
        if severity != incident.severity:
            incident.note(at, "severity", severity)
        incident.severity = severity
        if found.num_rows:
            incident.told = _plain(told.fields) | {
                "without_suspects": told.without_suspects,
                "young_accounts": told.young_accounts,
                "hub_accounts": told.hub_accounts,
                "like_weighted_negatives": round(told.weighted, 1),
            }
            incident.risks = [risk for risk, _ in told.fields["risks"]]
            incident.evidence = incident.told.pop("evidence")

    def _notice(self, incident: Incident, kind: NoticeKind, dedup_key: str, now: int) -> Notice:
        root, told = incident.root, incident.told
        names = ("aspects", "risks", "emotions", "keywords", "platforms", "contents")
        return Notice(
            kind=kind,
            incident_id=incident.id,
            dedup_key=dedup_key,
            severity=incident.severity,
            key=shown_key(incident.key),
            title=title(incident),
            at=moment(now),
            opened_at=moment(incident.opened_at),
            closed_at=None if incident.closed_at is None else moment(incident.closed_at),
            window_s=root.window_s,
            observed=root.observed,
            expected=round(root.expected, 2),
            comments=root.comments,
            share=round(root.observed / root.comments, 4) if root.comments else 0.0,
            reach=told.get("reach", 0),
            evidence=tuple(evidence_of(one) for one in incident.evidence),
            suspected_water_army=told.get("suspected_water_army"),
            link=self.rules.link and self.rules.link.replace("{incident_id}", incident.id),
            cause=root.kind,
            playbook=(),  # each channel has its own
            escalated=incident.escalated,
            **{name: tuple(map(tuple, told.get(name, ()))) for name in names},
        )


def _tenant(key: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in key.items() if name == "tenant"}


def title(incident: Incident) -> str:
    """One line in Chinese that says what it is about."""
    if "source" in incident.key:
        return f"{incident.root.window_s // 60} 分钟没有收到评论"
    words = [_NAMES.get(n, {}).get(v, v) for n, v in shown_key(incident.key).items() if v != "all"]
    what = "·".join(words) or "全部评论"
    risks = "、".join(RISKS.get(risk, risk) for risk in incident.risks[:2])
    happened = "出现高风险评论" if incident.root.kind == "single" else "负面评论异常"
    return f"{what} {happened}" + (f"（{risks}）" if risks else "")


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def evidence_of(one: dict[str, Any]) -> Any:
    from serving.alerts.notice import Evidence

    at = one["at"]
    return Evidence(**{**one, "at": None if at is None else datetime.fromisoformat(at)})


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives it back: lists and text only."""
    from dataclasses import asdict

    values = dict(fields)
    values["evidence"] = [asdict(one) for one in values["evidence"]]
    plain: dict[str, Any] = json.loads(json.dumps(values, default=lambda at: at.isoformat()))
    return plain
