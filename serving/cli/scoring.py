"""``tingfeng analyze`` and ``tingfeng score``."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.common import make_analyzer, pairs, progress, say, say_repairs, settings
from serving.cli.score_inputs import open_inputs

if TYPE_CHECKING:
    from nlp.analyzer import Analyzer
    from nlp.insight import CommentInsight
    from serving.batch.score import Engine
    from serving.batch.summary import ScoreSummary
    from serving.settings import Settings


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(analyze)
    app.command()(score)


def analyze(
    texts: Annotated[list[str], typer.Argument(metavar="TEXT…")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    explain: Annotated[bool, typer.Option(help="Show the words that carried each label.")] = False,
    model: Annotated[str | None, typer.Option(help="A model's name or folder.")] = None,
) -> None:
    """Score a few comments and show them; put -- before a text that begins with a dash."""
    from nlp.explain import Explainer

    analyzer = make_analyzer(settings(model=model))
    insights = analyzer.analyze(texts)
    explainer = Explainer(analyzer.scorer)
    evidence = [explainer.explain(text) if explain else [] for text in texts]
    if as_json:
        rows = [asdict(insight) for insight in insights]
        for row, found in zip(rows, evidence, strict=True):
            row |= {"evidence": [asdict(e) for e in found]} if explain else {}
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for text, insight, found in zip(texts, insights, evidence, strict=True):
        _show(text, insight)
        for e in found:
            spans = "  ".join(f"{s.text} ({s.effect:+.1f})" for s in e.spans)
            typer.echo(f"    {e.head}={e.label}  {spans or '–'}{'  (rule)' * (e.by == 'rule')}")


def score(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT…", help="Dumps, folders, globs; FILE::TABLE for one table."),
    ],
    out: Annotated[Path, typer.Option(help="FILE.{parquet,csv,jsonl,xlsx}")],
    format: Annotated[str, typer.Option(help="auto, or a format's name.")] = "auto",
    text_column: Annotated[
        str | None, typer.Option(help="The column that holds the comment.")
    ] = None,
    map: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=COLUMN", help="Name an input column.")
    ] = None,
    on_error: Annotated[
        str, typer.Option(metavar="skip|fail", help="What rejected rows do.")
    ] = "skip",
    labels: Annotated[
        str,
        typer.Option(metavar="keys|zh", help="Label keys, or Chinese names (CSV and XLSX only)."),
    ] = "keys",
    resume: Annotated[bool, typer.Option(help="Go on where a broken run was.")] = True,
    summary: Annotated[Path | None, typer.Option(help="Write the summary as JSON.")] = None,
    profile: Annotated[bool, typer.Option(help="Show where the time went, by stage.")] = False,
    wait_for_space: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="With a full disk, wait this long.")
    ] = 0.0,
    engine: Annotated[
        str, typer.Option(metavar="local|spark", help="Where the model runs.")
    ] = "local",
    master: Annotated[
        str | None, typer.Option(metavar="URL", help="Spark's master, such as local[2] or yarn.")
    ] = None,
    conf: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A setting of Spark.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A model's name or folder.")] = None,
) -> None:
    """Score dumps: one row out per row in, in order; rejected rows in OUT.rejects.jsonl."""
    from serving.batch.labels import check_labels
    from serving.batch.score import score_dumps
    from serving.batch.stages import profile_table
    from serving.batch.writers import check_output

    if on_error not in ("skip", "fail"):
        raise typer.BadParameter(f"--on-error: expected skip or fail, found {on_error!r}")
    if engine not in ("local", "spark"):
        raise typer.BadParameter(f"--engine: expected local or spark, found {engine!r}")
    if engine == "local" and (master or conf):
        raise typer.BadParameter("--master and --conf: expected --engine spark, found local")
    check_output(out)
    check_labels(out, labels)
    if summary is not None and not summary.absolute().parent.is_dir():
        raise typer.BadParameter(
            f"--summary: expected an existing folder, found no {summary.parent}"
        )
    options = {"format": format, "text_column": text_column, "mapping": map}
    dumps = open_inputs(inputs, out, **options)
    config = settings(model=model)
    analyzer = make_analyzer(config)
    with (
        engine_maker(engine, master, conf or [], config) as make_engine,
        progress(sum(d.rows for d in dumps), "scoring") as advance,
        stop_on_sigterm(),
    ):
        result = score_dumps(
            dumps,
            out,
            analyzer,
            resume=resume,
            labels=labels,
            progress=advance,
            tell=say,
            wait_for_space_s=wait_for_space,
            make_engine=make_engine,
        )
    say_repairs(dumps)
    _say_summary(result, out)
    if profile:
        say(profile_table(result.stages, result.seconds))
    if summary is not None:
        summary.write_text(json.dumps(asdict(result), ensure_ascii=False, indent=1) + "\n", "utf-8")
    if on_error == "fail" and result.rejected:
        say(f"error: expected no rejected rows, found {result.rejected:,}; see the reasons there")
        raise typer.Exit(1)


@contextmanager
def engine_maker(
    name: str, master: str | None, conf: list[str], config: Settings
) -> Iterator[Callable[[Analyzer], Engine]]:
    """What makes the engine of a run; a Spark session lasts as long as the context."""
    if name == "local":
        from serving.batch.local import LocalEngine

        yield LocalEngine
        return
    from serving.batch.spark import SparkEngine, spec_of
    from serving.batch.spark_session import open_session

    session = open_session(master, pairs(conf, "--conf key=value"))
    cores = int(session.conf.get("spark.task.cpus", "1") or 1)

    def make(analyzer: Analyzer) -> Engine:
        spec = spec_of(analyzer, model=config.model, engine=config.engine, threads=cores)
        return SparkEngine(analyzer, session, spec)

    try:
        yield make
    finally:
        session.stop()


@contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """A request to end, as a container's platform sends it, ends the run as Ctrl-C does: finished
    windows are kept and no torn file is left.
    """

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say_summary(result: ScoreSummary, out: Path) -> None:
    say(
        f"{result.rows_in:,} rows in = {result.scored:,} scored + {result.empty:,} empty"
        f" + {result.rejected:,} rejected; {result.seconds:.1f} s,"
        f" {result.comments_per_s:,.0f} comments/s, {result.inference_share:.0%} of the time in"
        f" the model; {result.model_version}"
    )
    if result.resumed:
        say(f"{result.resumed:,} rows were taken over from an earlier run")
    if result.rejected:
        say(f"rejected rows, with reasons: {out}.rejects.jsonl")
    say(str(out))


def _show(text: str, insight: CommentInsight) -> None:
    from data.labels import ASPECTS, EMOTIONS, FLAGS, INTERESTS, RISKS, SENTIMENTS

    typer.echo(text)
    if insight.sentiment is None or insight.sentiment_score is None or insight.emotion is None:
        typer.echo("  没有可判断的内容")
        return
    p = f"负 {insight.p_negative:.2f} 中 {insight.p_neutral:.2f} 正 {insight.p_positive:.2f}"
    typer.echo(f"  情感 {SENTIMENTS[insight.sentiment]} {insight.sentiment_score:+.2f}（{p}）")
    typer.echo(f"  情绪 {EMOTIONS[insight.emotion]}")
    lines = {
        "话题": [f"{INTERESTS[t.topic]} {t.score:.2f}" for t in insight.interests],
        "方面": [f"{ASPECTS[a.aspect]}:{SENTIMENTS[a.polarity]}" for a in insight.aspects],
        "标记": [FLAGS[f] for f in insight.flags],
        "风险": [RISKS[r] for r in insight.risks],
        "关键词": list(insight.keywords),
    }
    for name, values in lines.items():
        if values:
            typer.echo(f"  {name} {'、'.join(values)}")
