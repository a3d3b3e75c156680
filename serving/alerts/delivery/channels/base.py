"""What every channel is, and the one that posts over HTTP."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from zoneinfo import ZoneInfo

from serving.alerts.delivery.config import RANK, Mentions
from serving.alerts.delivery.errors import BlockedAddressError, CutOffError
from serving.alerts.delivery.message.brief import Brief, Escape, Limits, build_brief
from serving.alerts.delivery.outcome import Outcome
from serving.alerts.delivery.playbook import Playbook
from serving.alerts.delivery.secret import Redactor
from serving.alerts.delivery.wire import Answer, Post, Wire
from serving.alerts.notice import Notice


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Messages that a receiver takes; None is no limit."""

    per_minute: int | None = None
    per_second: int | None = None


@dataclass(frozen=True, kw_only=True)
class Channel(ABC):
    """Where notices go. ``target`` names the receiver without telling its address: channels with
    the same target share its rate."""

    name: str
    kind: str
    target: str
    rate: Rate
    playbook: Playbook = field(default_factory=Playbook, repr=False)
    zone: tzinfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"), repr=False)
    redact: Redactor = field(default_factory=lambda: Redactor(()), repr=False)

    def brief(self, notice: Notice, escape: Escape, limits: Limits) -> Brief:
        """The notice as paragraphs."""
        steps: Sequence[str] = self.playbook.steps(notice)
        return build_brief(notice, escape, steps=steps, zone=self.zone, limits=limits)

    @abstractmethod
    def render(self, notice: Notice, *, withheld: bool = False) -> str:
        """The message as it goes out, without signature: for people who want to see it."""

    @abstractmethod
    def send(self, notice: Notice, *, now: float, withheld: bool = False) -> Outcome:
        """What became of one attempt at ``now`` (epoch seconds); raises nothing on faults."""


@dataclass(frozen=True, kw_only=True)
class HttpChannel(Channel):
    """A channel that is one POST."""

    wire: Wire = field(default_factory=Wire, repr=False)

    @abstractmethod
    def post_for(self, notice: Notice, *, now: float, withheld: bool) -> Post:
        """The request, signed for ``now``."""

    @abstractmethod
    def judge(self, answer: Answer) -> Outcome:
        """What an answer means."""

    def send(self, notice: Notice, *, now: float, withheld: bool = False) -> Outcome:
        """What became of one attempt."""
        try:
            answer = self.wire.post(self.post_for(notice, now=now, withheld=withheld))
        except BlockedAddressError as error:
            return Outcome(result="final", code="blocked", message=str(error))
        except CutOffError as error:
            return Outcome(result="retry", code="network", message=self.redact(str(error)))
        found = self.judge(answer)
        return Outcome(
            result=found.result,
            code=found.code,
            message=self.redact(found.message),
            wait_s=found.wait_s,
        )


@dataclass(frozen=True, kw_only=True)
class Robot(HttpChannel):
    """A chat robot: a secret address, perhaps a signature, a keyword, people to mention."""

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    keyword: str | None = None
    mentions: Mentions = field(default_factory=Mentions)

    def mentions_for(self, notice: Notice) -> Mentions:
        """Who is mentioned in this notice; nobody below the severity and in recoveries."""
        enough = RANK[notice.severity] >= RANK[self.mentions.min_severity]
        return self.mentions if enough and notice.kind != "resolved" else Mentions()

    def with_keyword(self, text: str) -> str:
        """The line with the robot's keyword, which it refuses messages without."""
        missing = self.keyword and self.keyword not in text
        return f"{text} · {self.keyword}" if missing else text


def fingerprint(*parts: str) -> str:
    """A name for a receiver that does not tell its address."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
