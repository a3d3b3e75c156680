"""``tingfeng audience``: choose persons, count them, keep them, hand them on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serving.cli.common import open_store, run_id, say, settings

if TYPE_CHECKING:
    from profiles.audiences.saved import Audience
    from profiles.conditions.tree import Condition

StoreOption = Annotated[str | None, typer.Option(help="Store URL, e.g. duckdb:///path.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
WhereOption = Annotated[
    str | None,
    typer.Option("--where", help='The rule in one line: "spending.orders >= 3 and tag = vip".'),
]
RuleOption = Annotated[
    Path | None, typer.Option("--rule", metavar="FILE", help="The rule as YAML or JSON.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="Choose persons, keep them, hand them on.")
    commands = (create, count, list_, show, fields, overlap, members, export, refresh, delete)
    for command in commands:
        group.command(command.__name__.rstrip("_"))(command)
    app.add_typer(group, name="audience")


def create(
    name: NameArgument,
    where: WhereOption = None,
    rule: RuleOption = None,
    holdout: Annotated[float, typer.Option(help="Share to leave out of campaigns.")] = 0.0,
    min_size: Annotated[int, typer.Option(min=1, help="Refuse a smaller audience.")] = 1,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """Keep an audience; the same name with another rule is its next version."""
    from profiles.audiences.saved import save_audience
    from serving.people import open_people

    condition = _condition(where, rule)
    if not 0 <= holdout < 1:
        raise typer.BadParameter(f"--holdout: expected a share from 0 to below 1, found {holdout}")
    config = settings(store=store)
    with open_store(config) as opened:
        people, as_of = open_people(opened, config)
        found = save_audience(
            people,
            name,
            condition,
            as_of=as_of,
            run=run_id("audience"),
            holdout=holdout,
            min_size=min_size,
        )
    _tell(found, as_json)


def count(
    where: WhereOption = None,
    rule: RuleOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """Count whom a rule chooses, without keeping it."""
    from serving.people import bitmaps_of, checked, open_people

    condition = _condition(where, rule)
    config = settings(store=store)
    with open_store(config) as opened:
        people, as_of = open_people(opened, config)
        bitmaps = bitmaps_of(people, config, as_of)
        n = bitmaps.count(checked(people, condition))
    if as_json:
        typer.echo(json.dumps({"n": n, "persons": bitmaps.size, "as_of": as_of.isoformat()}))
    else:
        typer.echo(f"{n:,} of {bitmaps.size:,} persons")


def list_(as_json: JsonOption = False, store: StoreOption = None) -> None:
    """List the kept audiences."""
    from profiles.audiences.saved import audiences

    with open_store(settings(store=store)) as opened:
        found = audiences(opened)
    if as_json:
        typer.echo(_json([_document(a) for a in found]))
        return
    for audience in found:
        _tell(audience, False)
    if not found:
        say("no audience is kept; tingfeng audience create NAME --where RULE makes one")


def show(name: NameArgument, as_json: JsonOption = False, store: StoreOption = None) -> None:
    """Show an audience with every version it has had."""
    from profiles.audiences.saved import existing, history

    with open_store(settings(store=store)) as opened:
        found = existing(opened, name)
        versions = history(opened, name)
    if as_json:
        document = _document(found) | {"versions": [_document(v) for v in versions]}
        typer.echo(_json(document))
        return
    for version in versions:
        _tell(version, False)


def fields(as_json: JsonOption = False, store: StoreOption = None) -> None:
    """List what rules can be about."""
    from serving.people import open_people

    config = settings(store=store)
    with open_store(config) as opened:
        people, _ = open_people(opened, config)
        kinds, names = people.kinds, people.names
    if as_json:
        typer.echo(_json([{"field": f, "kind": k, "name": names.get(f)} for f, k in kinds.items()]))
        return
    for field, kind in kinds.items():
        typer.echo(f"{field:34} {kind:7} {names.get(field, '')}")


def overlap(
    names: Annotated[list[str], typer.Argument(metavar="NAME…")],
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """Compare audiences two by two: how many persons they share."""
    from serving.audiences import overlap_rows
    from serving.people import open_people

    config = settings(store=store)
    with open_store(config) as opened:
        people, as_of = open_people(opened, config)
        found = overlap_rows(people, config, as_of, names)
    if as_json:
        typer.echo(_json(found))
        return
    for o in found:
        typer.echo(
            f"{o['a']} ({o['n_a']:,}) / {o['b']} ({o['n_b']:,}): {o['both']:,} in both, "
            f"{o['jaccard']:.1%}"
        )


def members(
    name: NameArgument,
    held_out: Annotated[
        bool | None,
        typer.Option("--held-out/--treated", help="Only who is held out, or who is not."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write them: .parquet .csv .jsonl .xlsx")] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """List who is in an audience, and who of them is held out, by person id."""
    from profiles.audiences.saved import existing
    from serving.audiences import chosen_members

    with open_store(settings(store=store)) as opened:
        found = existing(opened, name)
        rows = chosen_members(opened, name, held_out)
    if out is not None:
        from serving.cli.segment_tables import write_table

        write_table(out, rows)
    if as_json:
        document = {"name": found.audience, "version": found.version, "n": rows.num_rows}
        typer.echo(_json(document | {"members": rows.to_pylist()}))
        return
    if out is None:
        for row in rows.to_pylist():
            typer.echo(f"{row['person_id']}{'  held out' if row['held_out'] else ''}")


def export(
    name: NameArgument,
    platform: Annotated[str, typer.Option(help="For example tencent_phone_md5, crm_csv.")],
    identifiers: Annotated[
        Path,
        typer.Option(
            metavar="FILE.csv",
            help="Your own list: platform, user_id (or person_id), type, value, consent.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the files go.")],
    called: Annotated[str | None, typer.Option("--as", help="The name on the platform.")] = None,
    purpose: Annotated[
        str | None, typer.Option(help="Only who allows it by tingfeng consent, e.g. ads.")
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """Write an audience as an ad platform takes it: only consented identifiers, hashed."""
    from dataclasses import asdict

    from profiles.audiences.export import platform as platform_of
    from serving.audiences import export_members
    from serving.contacts import read_contacts

    to = platform_of(platform)
    with open_store(settings(store=store)) as opened:
        contacts = read_contacts(identifiers, opened)
        manifest = export_members(
            opened, name, contacts, to=to, folder=out, called=called, purpose=purpose
        )
    if as_json:
        typer.echo(_json(asdict(manifest)))
        return
    typer.echo(
        f"{manifest.rows:,} identifiers of {manifest.persons:,} persons in {out} "
        f"({manifest.members:,} members: {manifest.held_out:,} held out, "
        f"{manifest.without_identifier:,} without {to.identifier}, "
        f"{manifest.without_consent:,} without consent, {manifest.invalid:,} invalid)"
    )


def refresh(as_json: JsonOption = False, store: StoreOption = None) -> None:
    """Find the members of every kept audience anew."""
    from profiles.audiences.saved import refresh_audiences
    from serving.people import open_people

    config = settings(store=store)
    with open_store(config) as opened:
        people, as_of = open_people(opened, config)
        found = refresh_audiences(people, as_of=as_of, run=run_id("audience"))
    if as_json:
        typer.echo(_json([_document(a) for a in found]))
        return
    for audience in found:
        _tell(audience, False)


def delete(name: NameArgument, as_json: JsonOption = False, store: StoreOption = None) -> None:
    """Remove an audience and its members; its versions stay on record."""
    from profiles.audiences.saved import delete_audience

    with open_store(settings(store=store)) as opened:
        gone = delete_audience(opened, name, run=run_id("audience"))
    if as_json:
        typer.echo(_json(_document(gone)))
        return
    say(f"{name}: deleted")


def _condition(where: str | None, rule: Path | None) -> Condition:
    from profiles.conditions.text import parse
    from profiles.conditions.tree import from_data

    if (where is None) == (rule is None):
        raise typer.BadParameter("expected --where RULE or --rule FILE, one of them")
    if where is not None:
        return parse(where)
    import yaml

    assert rule is not None
    if not rule.is_file():
        raise typer.BadParameter(f"--rule: expected a file, found no {rule}")
    try:
        return from_data(yaml.safe_load(rule.read_text(encoding="utf-8")), parse)
    except yaml.YAMLError as error:
        raise typer.BadParameter(f"--rule: expected YAML or JSON, found {error}") from error


def _document(audience: Audience) -> dict[str, Any]:
    from dataclasses import asdict

    document = asdict(audience)
    return document | {"name": document.pop("audience"), "rule": json.loads(audience.rule)}


def _tell(audience: Audience, as_json: bool) -> None:
    if as_json:
        typer.echo(_json(_document(audience)))
        return
    state = "deleted" if audience.deleted else f"{audience.n:,} persons"
    out = f", {audience.n_held_out:,} of them held out" if audience.n_held_out else ""
    typer.echo(f"{audience.audience} v{audience.version}: {state}{out}  {audience.rule}")


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, default=str)
