"""WeCom's group robot: Markdown of at most 4096 bytes, no signature (the key is in the address).

Only its text messages can mention everyone or phone numbers, so a notice that must do that is a
text of at most 2048 bytes. Format and limits: WeCom's documentation of group robots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from serving.alerts.delivery.channels.base import Rate, Robot
from serving.alerts.delivery.codec import dump_json
from serving.alerts.delivery.config import Mentions
from serving.alerts.delivery.message.brief import Brief, Limits
from serving.alerts.delivery.message.escape import cut_bytes, markdown
from serving.alerts.delivery.message.shorten import fit
from serving.alerts.delivery.message.text import plain_text
from serving.alerts.delivery.outcome import Codes, Outcome, judge_robot
from serving.alerts.delivery.wire import Answer, Post
from serving.alerts.notice import Notice

RATE: Final = Rate(per_minute=20)
MAX_MARKDOWN_BYTES: Final = 4096
MAX_TEXT_BYTES: Final = 2048
_ENDING: Final = "…（内容过长，已截短）"
CODES: Final = Codes(
    field="errcode",
    message="errmsg",
    limited={45009: 60.0, 45033: 60.0},
    retry=frozenset({-1}),
    shorten=frozenset({40058, 45002}),  # the content is too long
    final=frozenset({93000, 93008, 93017, 40008, 40014, 41001, 44004}),
)
_COLOURS: Final = {"info": "comment", "warning": "warning", "critical": "warning"}


@dataclass(frozen=True, kw_only=True)
class WeCom(Robot):
    """A WeCom group."""

    def render(self, notice: Notice, *, withheld: bool = False) -> str:
        """The body."""
        mentions = self.mentions_for(notice)
        if mentions.all or mentions.mobiles:
            return dump_json(self._text(notice, mentions, withheld))
        content = self._fit(self._markdown, notice, MAX_MARKDOWN_BYTES, withheld)
        return dump_json({"msgtype": "markdown", "markdown": {"content": content}})

    def post_for(self, notice: Notice, *, now: float, withheld: bool) -> Post:
        """The request."""
        del now
        body = self.render(notice, withheld=withheld).encode()
        return Post(url=self.url, body=body, headers={"Content-Type": "application/json"})

    def judge(self, answer: Answer) -> Outcome:
        """``errcode`` 0 is success."""
        return judge_robot(answer, CODES)

    def _markdown(self, notice: Notice, limits: Limits) -> str:
        brief = self.brief(notice, markdown, limits)
        colour = "info" if notice.kind == "resolved" else _COLOURS[notice.severity]
        named = " ".join(f"<@{one}>" for one in self.mentions_for(notice).users)
        return layout(brief, colour, self.with_keyword(brief.footer), named)

    def _text(self, notice: Notice, mentions: Mentions, withheld: bool) -> dict[str, Any]:
        def render(notice: Notice, limits: Limits) -> str:
            brief = self.brief(notice, markdown, limits)
            return plain_text(brief, self.with_keyword(brief.footer))

        text = {
            "content": self._fit(render, notice, MAX_TEXT_BYTES, withheld),
            "mentioned_list": [*mentions.users, *(["@all"] if mentions.all else [])],
            "mentioned_mobile_list": list(mentions.mobiles),
        }
        return {"msgtype": "text", "text": text}

    @staticmethod
    def _fit(render: Any, notice: Notice, limit_bytes: int, withheld: bool) -> str:
        found: str = fit(
            lambda limits: render(notice, limits),
            lambda text: len(text.encode()),
            limit_bytes,
            withheld=withheld,
        )
        return cut_bytes(found, limit_bytes, _ENDING)


def layout(brief: Brief, colour: str, footer: str, named: str) -> str:
    """The paragraphs as WeCom's Markdown, which has no lists."""
    lines = [
        f'### {brief.mark} <font color="{colour}">{brief.tag}</font>',
        f"**{brief.title}**",
        brief.lead,
        brief.since,
        *(f'<font color="comment">{label}</font> {text}' for label, text in brief.facts),
    ]
    if brief.quotes or brief.more_quotes:
        lines.append("**代表评论**")
        for one in brief.quotes:
            lines += [f"> 「{one.text}」", f'> <font color="comment">{one.note}</font>']
        lines.append(brief.more_quotes)
    if brief.steps or brief.more_steps:
        lines.append("**建议下一步**")
        lines += [f"{n}. {text}" for n, text in enumerate(brief.steps, 1)]
        lines.append(brief.more_steps)
    lines.append(f"[查看事件与全部评论]({brief.link})" if brief.link else "")
    lines += [f'<font color="comment">{footer}</font>', named]
    return "\n".join(line for line in lines if line)
