"""DingTalk's custom robot: Markdown, signed in the query; over 20 a minute it is mute for ten.

Format, signature and limits: DingTalk's documentation of custom robots.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from serving.alerts.delivery.channels.base import Rate, Robot
from serving.alerts.delivery.codec import dump_json
from serving.alerts.delivery.message.brief import Brief, Limits
from serving.alerts.delivery.message.escape import markdown
from serving.alerts.delivery.message.shorten import fit
from serving.alerts.delivery.outcome import Codes, Outcome, judge_robot
from serving.alerts.delivery.wire import Answer, Post
from serving.alerts.notice import Notice

RATE: Final = Rate(per_minute=20)
MAX_BODY_BYTES: Final = 20_000
_MUTE_S: Final = 600.0
CODES: Final = Codes(
    field="errcode",
    message="errmsg",
    limited={130101: _MUTE_S, 410100: _MUTE_S},
    retry=frozenset({-1}),
    shorten=frozenset({430101, 430102, 430103, 430104, 460101}),  # links, words, length
    final=frozenset({310000, 300001, 300005, 400013, 400101, 400102, 400105, 400106, 40035, 43004}),
    limited_s=_MUTE_S,
)


def sign(secret: str, timestamp_ms: int) -> str:
    """The signature for a moment, not yet percent-encoded; valid for an hour."""
    text = f"{timestamp_ms}\n{secret}"
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True, kw_only=True)
class DingTalk(Robot):
    """A DingTalk group."""

    def render(self, notice: Notice, *, withheld: bool = False) -> str:
        """The body."""
        return fit(
            lambda limits: dump_json(self._body(notice, limits)),
            lambda text: len(text.encode()),
            MAX_BODY_BYTES,
            withheld=withheld,
        )

    def post_for(self, notice: Notice, *, now: float, withheld: bool) -> Post:
        """The request; the signature is percent-encoded once."""
        url = self.url
        if self.secret:
            stamp = int(now * 1000)
            signature = quote(sign(self.secret, stamp), safe="")
            url += f"{'&' if '?' in url else '?'}timestamp={stamp}&sign={signature}"
        body = self.render(notice, withheld=withheld).encode()
        return Post(url=url, body=body, headers={"Content-Type": "application/json"})

    def judge(self, answer: Answer) -> Outcome:
        """``errcode`` 0 is success."""
        return judge_robot(answer, CODES)

    def _body(self, notice: Notice, limits: Limits) -> dict[str, Any]:
        mentions = self.mentions_for(notice)
        named = [f"@{one}" for one in (*mentions.mobiles, *mentions.users)]
        brief = self.brief(notice, markdown, limits)
        title = f"{brief.mark} {brief.tag} {brief.title}"
        text = layout(brief, self.with_keyword(brief.footer), " ".join(named))
        at = {
            "atMobiles": list(mentions.mobiles),
            "atUserIds": list(mentions.users),
            "isAtAll": mentions.all,
        }
        return {"msgtype": "markdown", "markdown": {"title": title, "text": text}, "at": at}


def layout(brief: Brief, footer: str, named: str) -> str:
    """The paragraphs as DingTalk's Markdown, where only an empty line ends a line."""
    blocks = [
        f"### {brief.mark} {brief.tag}\n\n**{brief.title}**",
        brief.lead,
        f"🕒 {brief.since}",
        "\n".join(f"- **{label}**：{text}" for label, text in brief.facts),
    ]
    if brief.quotes or brief.more_quotes:
        lines = [f"> 「{one.text}」\n>\n> {one.note}" for one in brief.quotes]
        lines += [brief.more_quotes] if brief.more_quotes else []
        blocks += ["**代表评论**", *lines]
    if brief.steps or brief.more_steps:
        steps = [f"{n}. {text}" for n, text in enumerate(brief.steps, 1)]
        blocks += ["**建议下一步**", "\n".join(steps), brief.more_steps]
    if brief.link:
        blocks.append(f"[查看事件与全部评论]({brief.link})")
    blocks += [footer, named]
    return "\n\n".join(block for block in blocks if block)
