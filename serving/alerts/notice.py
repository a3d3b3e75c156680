"""What the people on call are told: one notice about one incident, independent of any chat robot.

Incidents make notices (``serving.alerts``), channels render and deliver them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Severity = Literal["info", "warning", "critical"]
# more at once than usual, a slow rise, one grave comment, or no comments at all
Cause = Literal["burst", "rise", "single", "silence"]
NoticeKind = Literal["opened", "updated", "worsened", "reminder", "escalated", "resolved", "test"]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One comment that stands for others; ``why`` says what it was chosen for, in Chinese."""

    comment_id: str
    text: str
    why: str
    likes: int = 0
    at: datetime | None = None
    platform: str | None = None
    content_id: str | None = None
    similar: int = 1  # comments that it stands for, itself included


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Everything a message may say. Counts are of negative comments in ``window_s`` seconds.

    ``key`` names what it is about, such as ``{"content": "7301", "platform": "douyin"}``.
    ``expected`` is the baseline's number for the window, ``share`` the negative part of
    ``comments`` (0..1). ``aspects``, ``risks``, ``emotions``, ``platforms``, ``contents`` hold
    (label, comments), most first; ``keywords`` hold (word, lift over the baseline). Texts are as
    people wrote them: channels escape them.
    """

    kind: NoticeKind
    incident_id: str
    dedup_key: str  # the same key is delivered once to each channel
    severity: Severity
    key: dict[str, str]
    title: str
    at: datetime
    opened_at: datetime
    window_s: int
    observed: int
    expected: float
    comments: int
    share: float
    closed_at: datetime | None = None
    reach: int = 0  # likes and replies of the negative comments
    aspects: tuple[tuple[str, int], ...] = ()
    risks: tuple[tuple[str, int], ...] = ()
    emotions: tuple[tuple[str, int], ...] = ()
    keywords: tuple[tuple[str, float], ...] = ()
    platforms: tuple[tuple[str, int], ...] = ()
    contents: tuple[tuple[str, int], ...] = ()
    evidence: tuple[Evidence, ...] = ()
    playbook: tuple[str, ...] = ()  # what to do next
    suspected_water_army: float | None = None  # share of the comments, 0..1
    link: str | None = None
    cause: Cause = "burst"
    escalated: bool = False  # nobody had acknowledged the incident in time

    @property
    def ratio(self) -> float:
        """Observed over expected, with an expected number of at least 0.1 against division by 0."""
        return self.observed / max(self.expected, 0.1)
