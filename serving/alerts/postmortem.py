"""An incident afterwards, as markdown: what, how bad, what was done when, and what was said."""

from __future__ import annotations

import re
from typing import Final

from data.labels import ASPECTS, RISKS
from serving.alerts.delivery.message.wording import span
from serving.alerts.delivery.playbook import load_playbook
from serving.alerts.incidents import Incident, key_text, shown_key
from serving.alerts.monitor import title
from serving.alerts.replay import iso

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~])")


def post_mortem(incident: Incident) -> str:
    """The whole story; times in UTC, what people wrote escaped."""
    parts = [
        _head(incident),
        _why(incident),
        _timeline(incident),
        _comments(incident),
        _lessons(incident),
    ]
    return "\n".join(part for part in parts if part)


def _head(incident: Incident) -> str:
    root = incident.root
    lasted = (
        ""
        if incident.closed_at is None
        else f"{(incident.closed_at - incident.opened_at) / 3600:.1f} 小时"
    )
    rows = {
        "编号": incident.id,
        "级别": incident.severity,
        "对象": "，".join(f"{k}={v}" for k, v in shown_key(incident.key).items()),
        "开始": iso(incident.opened_at),
        "结束": iso(incident.closed_at) or "未结束",
        "持续": lasted or "—",
        "负面评论": f"{root.observed}（{span(root.window_s)}内，平时 {root.expected:.1f}）",
        "疑似水军": _percent(incident.told.get("suspected_water_army")),
        "去除疑似后": incident.told.get("without_suspects", "—"),
        "负责人": incident.assigned_to or "—",
        "确认": incident.acknowledged_by or "—",
    }
    table = "\n".join(f"| {name} | {escape(str(value))} |" for name, value in rows.items())
    return f"# {escape(title(incident))}\n\n| | |\n|---|---|\n{table}\n"


def _why(incident: Incident) -> str:
    named = [f"- 风险 {RISKS.get(k, k)}：{n} 条" for k, n in incident.told.get("risks", ())]
    named += [f"- 方面 {ASPECTS.get(k, k)}：{n} 条" for k, n in incident.told.get("aspects", ())]
    named += [f"- 关键词 {escape(w)}：平时的 {x} 倍" for w, x in incident.told.get("keywords", ())]
    return "## 原因\n\n" + "\n".join(named) + "\n" if named else ""


def _timeline(incident: Incident) -> str:
    rows = [f"| {iso(at)} | {what} | {escape(detail)} |" for at, what, detail in incident.timeline]
    alerts = ", ".join(escape(key_text(a.key)) for a in incident.alerts.values())
    return (
        "## 经过\n\n| 时间 | 事件 | 说明 |\n|---|---|---|\n"
        + "\n".join(rows)
        + f"\n\n涉及：{alerts}\n"
    )


def _comments(incident: Incident) -> str:
    rows = [
        f"> {escape(one['text'])}\n>\n> {one['why']}，赞 {one['likes']}\n"
        for one in incident.evidence
    ]
    return "## 评论\n\n" + "\n".join(rows) if rows else ""


def _lessons(incident: Incident) -> str:
    book = load_playbook()
    lines = [line for risk in incident.risks[:2] for line in book.risks.get(risk, ())]
    lines = lines or list(book.no_comments if incident.root.kind == "silence" else book.default)
    done = "\n".join(f"- [ ] {line}" for line in lines)
    return f"## 处置\n\n{done}\n\n## 复盘\n\n- 根因：\n- 做得好的：\n- 要改进的：\n"


def escape(text: str) -> str:
    """Text as markdown shows it unchanged, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{value:.0%}"
