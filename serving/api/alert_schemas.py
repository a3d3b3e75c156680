"""Incidents and silences as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serving.api.schemas import Strict

Severity = Literal["info", "warning", "critical"]
State = Literal["open", "closed", "acknowledged", "silenced", "inhibited", "quiet"]
Matchable = Literal[
    "tenant", "brand", "product", "platform", "content", "aspect", "risk", "incident", "severity"
]
Person = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
Value = Annotated[str, StringConstraints(min_length=1, max_length=256)]
MAX_MINUTES: Final = 366 * 24 * 60
_BRIEF: Final[dict[str, Any]] = {
    "incident_id": "inc-4f1c0a9b2d3e",
    "key": {"platform": "douyin", "content": "7301"},
    "severity": "critical",
    "state": "open",
    "title": "抖音·7301 负面评论异常（食品安全）",
    "opened_at": "2026-09-28T04:15:00Z",
    "closed_at": None,
    "first_message_at": "2026-09-28T04:15:20Z",
    "observed": 48,
    "expected": 6.0,
    "risks": ["food_safety"],
    "messages": 1,
    "acknowledged_by": None,
    "assigned_to": "公关组",
}
_SILENCE: Final[dict[str, Any]] = {
    "silence_id": "sil-0a9b2d3e4f1c",
    "matchers": {"content": "7301"},
    "starts_at": "2026-09-28T04:20:00Z",
    "ends_at": "2026-09-28T06:20:00Z",
    "by": "值班",
    "why": "已知问题，正在处理",
}


class AckRequest(Strict):
    """Who acknowledges; without it the key's id."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"by": "值班"}]})

    by: Person | None = None


class AssignRequest(Strict):
    """Whose the incident is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "公关组"}]})

    to: Person


class SilenceRequest(Strict):
    """No messages about incidents that have all these values."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "matchers": {"content": "7301"},
                    "minutes": 120,
                    "by": "值班",
                    "why": "已知问题，正在处理",
                }
            ]
        }
    )

    matchers: dict[Matchable, Value] = Field(min_length=1)
    minutes: float = Field(60, gt=0, le=MAX_MINUTES)
    by: Person | None = None
    why: str = Field("", max_length=256)


class IncidentBrief(BaseModel):
    """An incident as lists show it; counts are negative comments in its window."""

    model_config = ConfigDict(json_schema_extra={"examples": [_BRIEF]})

    incident_id: str
    key: dict[str, str]
    severity: Severity
    state: State = Field(description="silenced, inhibited, quiet: why no message comes")
    title: str
    opened_at: str
    closed_at: str | None
    first_message_at: str | None
    observed: int
    expected: float
    risks: list[str]
    messages: int
    acknowledged_by: str | None
    assigned_to: str | None


class Step(BaseModel):
    """One entry of the timeline."""

    at: str
    what: str = Field(examples=["acknowledged"])
    detail: str = Field(examples=["值班"])


class IncidentDetail(IncidentBrief):
    """Everything: the alerts of its keys, what the comments say, the evidence, the timeline."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    **_BRIEF,
                    "keywords": [["虫子", 14.2]],
                    "evidence": [{"text": "喝了一半杯底有虫子", "why": "点赞最多", "likes": 321}],
                    "timeline": [{"at": "2026-09-28T04:15:00Z", "what": "opened", "detail": ""}],
                }
            ]
        },
    )

    evidence: list[dict[str, Any]]
    timeline: list[Step]


class AlertsAnswer(BaseModel):
    """A page of incidents, newest first; ``next`` is the cursor of the following page."""

    alerts: list[IncidentBrief]
    next: str | None


class SilenceAnswer(BaseModel):
    """A silence."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SILENCE]})

    silence_id: str
    matchers: dict[str, str]
    starts_at: str
    ends_at: str
    by: str
    why: str


class SilencesAnswer(BaseModel):
    """Silences, the first to end first."""

    silences: list[SilenceAnswer]
