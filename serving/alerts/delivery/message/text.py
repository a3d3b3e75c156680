"""A brief as plain text, for the terminal, mail and messages without markup."""

from __future__ import annotations

from serving.alerts.delivery.message.brief import Brief


def plain_text(brief: Brief, footer: str) -> str:
    """The paragraphs with empty lines between them."""
    blocks = [
        f"{brief.mark}【{brief.tag}】{brief.title}",
        f"{brief.lead}\n{brief.since}",
        "\n".join(f"{label}：{text}" for label, text in brief.facts),
    ]
    if brief.quotes or brief.more_quotes:
        lines = [f"「{one.text}」\n  {one.note}" for one in brief.quotes]
        blocks.append("\n".join(["代表评论", *lines, brief.more_quotes]).rstrip())
    if brief.steps or brief.more_steps:
        steps = [f"{n}. {text}" for n, text in enumerate(brief.steps, 1)]
        blocks.append("\n".join(["建议下一步", *steps, brief.more_steps]).rstrip())
    if brief.link:
        blocks.append(f"查看事件与全部评论：{brief.link}")
    return "\n\n".join(block for block in [*blocks, footer] if block)
