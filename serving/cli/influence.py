"""``tingfeng influence``: who is listened to, in which circles, and whom to ask first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.common import say
from serving.cli.segment_tables import (
    JsonOption,
    OutOption,
    StoreOption,
    check_out,
    show_json,
    show_table,
    write_table,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from profiles.influence.report import InfluenceReport

SHOWN = 10


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(influence)


def influence(
    relations: Annotated[
        Path | None,
        typer.Option(help="source, target, perhaps weight; without it the store's relations."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=0, max=1000, help="Persons to choose for reach.")] = 10,
    hops: Annotated[int, typer.Option(min=1, max=3, help="Steps that count as reached.")] = 1,
    out: OutOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """Rank persons by the attention they get; find circles and seeds."""
    check_out(out)
    from profiles.influence.report import build_influence
    from serving.segment_documents import influence_document

    found = build_influence(_rows(relations, store), seeds=seeds, hops=hops)
    write_table(out, found.table)
    graph = found.graph
    say(f"{graph.rows:,} rows: {graph.edges:,} edges, {graph.left_out:,} rows left out")
    if as_json:
        show_json(influence_document(found))
        return
    _tell(found)


def _rows(file: Path | None, store: str | None) -> pa.Table:
    if file is not None:
        from serving.segment_rows import RELATION_COLUMNS, read_rows

        return read_rows(file, RELATION_COLUMNS, optional=frozenset({"weight"}))
    from serving.cli.common import open_store, settings
    from serving.relations import read_relations

    with open_store(settings(store=store)) as opened:
        return read_relations(opened)


def _tell(found: InfluenceReport) -> None:
    from profiles.influence.report import TIERS

    names = {key: name for key, name, _ in TIERS}
    graph = found.graph
    rows = [
        [
            row["person_id"], f"{row['pagerank']:.2e}", names[row["tier"]],
            f"{row['followers']:,}", str(row["core"]), str(row["community"]),
        ]
        for row in found.table.slice(0, SHOWN).to_pylist()
    ]  # fmt: skip
    title = f"影响力：{graph.persons:,} 人，{graph.edges:,} 条关系"
    show_table(title, ["人", "PageRank", "层级", "关注者", "核数", "社群"], rows)
    tiers = "，".join(f"{names[key]} {n:,}" for key, n in found.tiers.items())
    typer.echo(f"层级：{tiers}")
    largest = "、".join(f"{n:,}" for n in found.communities[:5])
    typer.echo(
        f"社群：{len(found.communities):,} 个，最大 {largest} 人；模块度 {found.modularity:.3f}"
    )
    chosen = [
        [person, f"{seed.added:,}", f"{seed.reached:,}", f"{seed.reached / graph.persons:.1%}"]
        for person, seed in found.seeds
    ]
    show_table(f"种子（{found.hops} 步内触达）", ["人", "新增", "累计", "占比"], chosen)
