"""``tingfeng advice``: what to publish for a segment, each line with the comments behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from serving.cli.common import day, open_store, settings

if TYPE_CHECKING:
    from serving.advice import Advice

PARTS: Final = {
    "topic": "主题",
    "angle": "切入角度",
    "selling_point": "卖点",
    "avoid": "避开",
    "time": "发布时间",
    "channel": "渠道",
}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(advice)


def advice(
    audience: Annotated[
        str | None, typer.Option(metavar="NAME", help="A kept audience; without it everybody.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="RULE", help='A rule: "segment = 重要价值".')
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Day or moment; without it that of the last refresh.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    store: Annotated[str | None, typer.Option(help="Store URL, e.g. duckdb:///path.")] = None,
) -> None:
    """Draft a brief for a segment: topic, angle, selling points, what to avoid, when and where."""
    if audience is not None and where is not None:
        raise typer.BadParameter("expected --audience NAME or --where RULE, found both; drop one")
    moment = None if as_of is None else day(as_of)
    from profiles.audiences.saved import existing
    from profiles.conditions.text import parse
    from profiles.conditions.tree import Condition, FieldTest
    from serving.advice import advise, document
    from serving.people import checked, open_people

    asked: Condition | None = None if where is None else parse(where)
    config = settings(store=store)
    with open_store(config) as opened:
        people, refreshed = open_people(opened, config)
        if audience is not None:
            name = existing(opened, audience).audience
            asked = FieldTest(field="audience", op="=", values=(name,))
        found = advise(
            people,
            None if asked is None else checked(people, asked),
            segment=audience or where or "所有人",
            as_of=moment or refreshed,
        )
    if as_json:
        typer.echo(json.dumps(document(found), ensure_ascii=False, default=str))
        return
    _tell(found)


def _tell(found: Advice) -> None:
    facts = found.facts
    typer.echo(
        f"内容建议：{found.segment}（{found.persons:,} 人，近 120 天 {facts.comments:,} 条评论，"
        f"其中近 30 天 {facts.recent:,} 条；截至 {found.as_of:%Y-%m-%d %H:%M %Z}）"
    )
    part = ""
    for line in found.brief.lines:
        if line.part != part:
            part = line.part
            typer.echo(f"\n{PARTS[part]}")
        typer.echo(f"  - {line.text}")
        for quote in line.evidence:
            text = " ".join(quote.text.split())
            typer.echo(f"      [{quote.comment_id}，{quote.likes:,} 赞] {text}")
    if found.brief.missing:
        typer.echo(f"\n评论太少，不作建议：{'、'.join(found.brief.missing)}")
