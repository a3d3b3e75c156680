"""Feishu's and Lark's custom bot: an interactive card, signed in the body.

It takes 100 messages a minute and 5 a second. Comments stand in ``plain_text`` elements, which know
no markup at all, and are escaped all the same. Format, signature and limits: Feishu's documentation
of custom bots.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Final

from serving.alerts.delivery.channels.base import Rate, Robot
from serving.alerts.delivery.codec import dump_json
from serving.alerts.delivery.config import Mentions
from serving.alerts.delivery.message.brief import Brief, Limits
from serving.alerts.delivery.message.escape import markdown
from serving.alerts.delivery.message.shorten import fit
from serving.alerts.delivery.outcome import Codes, Outcome, judge_robot
from serving.alerts.delivery.wire import Answer, Post
from serving.alerts.notice import Notice

RATE: Final = Rate(per_minute=100, per_second=5)
MAX_BODY_BYTES: Final = 20_000
_SIGNATURE_BYTES: Final = 120  # timestamp and sign, which are added when it is sent
CODES: Final = Codes(
    field="code",
    message="msg",
    limited={11232: 60.0, 11233: 60.0, 99991400: 60.0},
    retry=frozenset({-1, 11247}),
    shorten=frozenset({9499, 230025, 19002}),  # 9499: a body that it does not take
    final=frozenset({19001, 19021, 19022, 19024}),
)
_COLOURS: Final = {"info": "blue", "warning": "orange", "critical": "red"}


def sign(secret: str, timestamp_s: int) -> str:
    """The signature for a moment: the key is moment and secret, the message is empty."""
    key = f"{timestamp_s}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


@dataclass(frozen=True, kw_only=True)
class Feishu(Robot):
    """A Feishu or Lark group."""

    def render(self, notice: Notice, *, withheld: bool = False) -> str:
        """The body without signature."""
        return dump_json(self._fitting(notice, withheld))

    def post_for(self, notice: Notice, *, now: float, withheld: bool) -> Post:
        """The request; moment and signature stand in the body."""
        body = self._fitting(notice, withheld)
        if self.secret:
            stamp = int(now)
            body = {"timestamp": str(stamp), "sign": sign(self.secret, stamp), **body}
        headers = {"Content-Type": "application/json"}
        return Post(url=self.url, body=dump_json(body).encode(), headers=headers)

    def judge(self, answer: Answer) -> Outcome:
        """``code`` 0 is success."""
        return judge_robot(answer, CODES)

    def _fitting(self, notice: Notice, withheld: bool) -> dict[str, Any]:
        return fit(
            lambda limits: self._body(notice, limits),
            lambda body: len(dump_json(body).encode()),
            MAX_BODY_BYTES - _SIGNATURE_BYTES,
            withheld=withheld,
        )

    def _body(self, notice: Notice, limits: Limits) -> dict[str, Any]:
        brief = self.brief(notice, markdown, limits)
        colour = "green" if notice.kind == "resolved" else _COLOURS[notice.severity]
        title = {"tag": "plain_text", "content": f"{brief.mark} {brief.tag}｜{brief.title}"}
        footer = self.with_keyword(brief.footer)
        card = {
            "config": {"wide_screen_mode": True},
            "header": {"title": title, "template": colour},
            "elements": elements(brief, footer, self.mentions_for(notice)),
        }
        return {"msg_type": "interactive", "card": card}


def elements(brief: Brief, footer: str, mentions: Mentions) -> list[dict[str, Any]]:
    """The card's elements; only our own words stand where Markdown is read."""
    facts = "\n".join(f"**{label}** {text}" for label, text in brief.facts)
    found = [_lark(f"**{brief.lead}**\n{brief.since}"), *([_lark(facts)] if facts else [])]
    if brief.quotes or brief.more_quotes:
        found += [{"tag": "hr"}, _lark("**代表评论**")]
        found += [_plain(f"「{one.text}」\n{one.note}") for one in brief.quotes]
        found += [_plain(brief.more_quotes)] if brief.more_quotes else []
    if brief.steps or brief.more_steps:
        steps = [f"{n}. {text}" for n, text in enumerate(brief.steps, 1)]
        lines = "\n".join([*steps, brief.more_steps]).strip()
        found += [{"tag": "hr"}, _lark("**建议下一步**"), _plain(lines)]
    if mentioned := _mentioned(mentions):
        found.append(_lark(mentioned))
    if brief.link:
        found.append(_button(brief.link))
    return [*found, {"tag": "note", "elements": [{"tag": "plain_text", "content": footer}]}]


def _mentioned(mentions: Mentions) -> str:
    ids = (["all"] if mentions.all else []) + list(mentions.users)
    return " ".join(f"<at id={one}></at>" for one in ids)


def _lark(text: str) -> dict[str, Any]:
    return {"tag": "div", "text": {"tag": "lark_md", "content": text}}


def _plain(text: str) -> dict[str, Any]:
    return {"tag": "div", "text": {"tag": "plain_text", "content": text}}


def _button(link: str) -> dict[str, Any]:
    text = {"tag": "plain_text", "content": "查看事件与全部评论"}
    return {
        "tag": "action",
        "actions": [{"tag": "button", "text": text, "type": "primary", "url": link}],
    }
