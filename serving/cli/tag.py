"""``tingfeng tag``: business tags and industry packs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.cli.common import open_store, say, settings

if TYPE_CHECKING:
    from profiles.tags.rules import TagChange

StoreOption = Annotated[str | None, typer.Option(help="Store URL, e.g. duckdb:///path.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]
TagsOption = Annotated[
    Path | None, typer.Option("--tags", metavar="FILE.yaml", help="Your own rules.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="Business tags and industry packs.")
    for command in (list_, preview, apply, show, packs):
        group.command(command.__name__.rstrip("_"))(command)
    app.add_typer(group, name="tag")


def list_(tags: TagsOption = None, as_json: JsonOption = False, store: StoreOption = None) -> None:
    """List every tag with its rule and how many persons have it."""
    from profiles.conditions.tree import to_data
    from profiles.tags.rules import build_tags
    from serving.people import open_people

    config = settings(store=store, tags=tags)
    with open_store(config) as opened:
        people, _ = open_people(opened, config)
        rows = opened.table("tags")
        counts = opened.fetch(rows.group_by("tag").agg(n=rows.count())).to_pylist()
        rules = build_tags(people.packs, [config.tags] if config.tags else [], people.kinds)
    n = {row["tag"]: row["n"] for row in counts}
    documents = [
        {
            "tag": tag.key,
            "name": tag.name,
            "version": tag.version,
            "n": n.get(tag.key, 0),
            "rule": to_data(tag.condition),
            "source": tag.source,
        }
        for tag in rules.values()
    ]
    if as_json:
        typer.echo(_json(documents))
        return
    for d in documents:
        typer.echo(f"{d['tag']:28} v{d['version']}  {d['n']:>8,}  {d['name']}  ({d['source']})")


def preview(
    tags: TagsOption = None, as_json: JsonOption = False, store: StoreOption = None
) -> None:
    """Show who would join and leave each tag under the rules as they are now; write nothing."""
    from profiles.tags.rules import build_tags, changes, tagged
    from serving.people import open_people

    config = settings(store=store)
    own = tags or config.tags
    with open_store(config) as opened:
        people, _ = open_people(opened, config)
        rules = build_tags(people.packs, [own] if own else [], people.kinds)
        now = tagged(rules.values(), people.persons, people.members)
        found = changes(rules.values(), now, opened.table("tags"), opened.fetch)
    if as_json:
        from dataclasses import asdict

        typer.echo(_json([asdict(change) for change in found]))
        return
    for change in found:
        typer.echo(_line(change))


def apply(tags: TagsOption = None, as_json: JsonOption = False, store: StoreOption = None) -> None:
    """Tag everybody by the rules as they are now."""
    from profiles.read import last_refresh
    from serving.people import NotRefreshedError, make_people, packs_of

    config = settings(store=store, tags=tags)
    with open_store(config) as opened:
        as_of = last_refresh(opened)
        if as_of is None:
            raise NotRefreshedError("expected profiles, found none; run tingfeng refresh first")
        n = make_people(opened, config, packs_of(config), as_of)
    if as_json:
        typer.echo(_json({"tags": n, "as_of": as_of.isoformat()}))
        return
    say(f"{n:,} tags of persons as of {as_of.isoformat()}")


def show(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="A person_id.")],
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """Show a person's tags and what packs have read of them."""
    from serving.people import open_people

    config = settings(store=store)
    with open_store(config) as opened:
        open_people(opened, config)
        tags = opened.rows_where("tags", "person_id", [person]).to_pylist()
        fields = opened.rows_where("person_fields", "person_id", [person]).to_pylist()
    if as_json:
        typer.echo(_json({"person_id": person, "tags": tags, "fields": fields}))
        return
    for tag in tags:
        typer.echo(f"{tag['tag']} v{tag['version']} since {tag['since']}")
    for field in fields:
        value = field["value"] if field["number"] is None else f"{field['number']:g}"
        typer.echo(f"{field['field']} = {value} ({field['n']} rows, last {field['last_at']})")


def packs(as_json: JsonOption = False) -> None:
    """List the industry packs and the fields they add; those of the package and your own."""
    from profiles.tags.pack import load_pack, pack_names

    shipped = pack_names()
    own = [name for name in settings().packs if name not in shipped]
    found = [load_pack(name) for name in (*shipped, *own)]
    if as_json:
        typer.echo(
            _json([{"pack": p.key, "name": p.name, "fields": sorted(p.kinds)} for p in found])
        )
        return
    for pack in found:
        typer.echo(f"{pack.key:12} {pack.name}: {', '.join(sorted(pack.kinds))}")


def _line(change: TagChange) -> str:
    joining = f" (+ {', '.join(change.joining[:3])})" if change.joining else ""
    leaving = f" (- {', '.join(change.leaving[:3])})" if change.leaving else ""
    return (
        f"{change.tag} v{change.version} {change.name}: {change.before:,} -> {change.after:,}, "
        f"{change.joins:,} join{joining}, {change.leaves:,} leave{leaving}"
    )


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, default=str)
