"""``tingfeng groups``: persons with like interests, in groups that come out again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.common import say
from serving.cli.segment_tables import (
    JsonOption,
    OutOption,
    SaveSegmentsOption,
    StoreOption,
    check_out,
    check_save,
    keep_segments,
    show_json,
    show_table,
    shown,
    today,
    write_table,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from profiles.groups.drift import GroupPair
    from profiles.groups.report import GroupReport


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(groups)


def groups(
    vectors: Annotated[
        Path | None,
        typer.Option(help="person_id, topic, weight; without it the store's profiles."),
    ] = None,
    k: Annotated[int | None, typer.Option("--k", min=2, help="Force a number of groups.")] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Place persons by a saved model.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Save the model that was fitted.")
    ] = None,
    compare_to: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="An earlier model: what changed.")
    ] = None,
    save_segments: SaveSegmentsOption = False,
    out: OutOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """Group persons by their interests; refuses where no grouping is stable."""
    if model is not None and (k is not None or save is not None):
        raise typer.BadParameter(
            "--model: expected no --k and no --save beside it; nothing is fitted"
        )
    check_out(out)
    check_save(save_segments, vectors, "--vectors")
    from profiles.groups.drift import align
    from profiles.groups.model import load_model, save_model
    from profiles.groups.report import fit_groups, place_persons
    from profiles.groups.vectors import build_vectors
    from serving.segment_documents import groups_document

    rows = _rows(vectors, store)
    known = load_model(model) if model else None
    earlier = load_model(compare_to) if compare_to else None
    made = build_vectors(rows, known.topics if known else None)
    found = place_persons(known, made) if known else fit_groups(made, k=k)
    pairs = align(earlier, found.model) if earlier else None
    if save is not None:
        save_model(found.model, save)
        say(f"{found.model.k} groups: {save}")
    write_table(out, found.table)
    if save_segments:
        from profiles.segments import GROUPS

        keep_segments(found.table, GROUPS, today(), store, "groups")
    say(f"{found.persons:,} persons in {found.model.k} groups, {found.left_out:,} without interest")
    if as_json:
        show_json(groups_document(found, pairs))
        return
    _tell(found, pairs)


def _rows(file: Path | None, store: str | None) -> pa.Table:
    if file is not None:
        from serving.segment_rows import VECTOR_COLUMNS, read_rows

        return read_rows(file, VECTOR_COLUMNS)
    from serving.cli.common import open_store, settings
    from serving.stored_rows import stored_interests

    with open_store(settings(store=store)) as opened:
        return stored_interests(opened)


def _tell(found: GroupReport, pairs: list[GroupPair] | None) -> None:
    rows = [
        [
            group.name,
            f"{group.persons:,}",
            f"{group.share:.1%}",
            "  ".join(f"{t.name} {t.share:.0%}（{t.lift:.1f} 倍）" for t in group.terms) or "–",
        ]
        for group in found.groups
    ]
    stable = found.model.stability.get(found.model.k)
    title = f"兴趣群体：{found.persons:,} 人，{found.model.k} 组，重抽样一致度 {shown(stable)}"
    show_table(title, ["群体", "人数", "占比", "突出话题"], rows)
    if pairs is not None:
        moved = [
            [
                pair.after or f"{pair.before}（消失）",
                pair.before or "（新出现）",
                shown(pair.distance),
                f"{pair.share_before:.1%} → {pair.share_after:.1%}",
            ]
            for pair in pairs
        ]
        show_table("与之前的对照", ["现在", "之前", "距离", "占比"], moved)
