"""``tingfeng train``, ``evaluate`` and ``export``; they need the ``training`` extra."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.common import existing, pairs, settings

if TYPE_CHECKING:
    from serving.settings import Settings
    from training.behaviour import CapabilityScore

BehaviourOption = Annotated[
    Path | None, typer.Option(help="Folder of the behavioural suite's cases.")
]
DataOption = Annotated[Path | None, typer.Option("--data", help="Folder of labelled sets.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (train, evaluate, export):
        app.command()(command)


def train(
    recipe: Annotated[
        Path, typer.Argument(help="A recipe (.yaml), or your own table of texts and labels.")
    ],
    run: Annotated[Path | None, typer.Option(help="Run folder; without it HOME/runs/NAME.")] = None,
    data: DataOption = None,
    base: Annotated[
        str | None, typer.Option(help="Folder or hub name of the base encoder.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = True,
    head: Annotated[
        str, typer.Option(help="Own table: what its labels are, e.g. sentiment or interest.")
    ] = "sentiment",
    text_column: Annotated[str, typer.Option(help="Own table: the text's column.")] = "text",
    label_column: Annotated[str, typer.Option(help="Own table: the label's column.")] = "label",
    map: Annotated[
        list[str] | None, typer.Option(metavar="LABEL=KEY", help="Own table: what a label means.")
    ] = None,
    epochs: Annotated[float, typer.Option(help="Own table: passes at most.")] = 4.0,
    model: Annotated[str | None, typer.Option(help="Own table: the model to start from.")] = None,
) -> None:
    """Fine-tune a model by a recipe, or the shipped one on your own labelled comments.

    A killed run goes on where it was. A recipe that starts from another one trains that first. Your
    own table gives RUN/model, ready for --model, and a report on rows that were held out.
    """
    _need_training()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config = settings(data_dir=data, model=model)
    if recipe.suffix in (".yaml", ".yml"):
        typer.echo(str(_train(recipe, run, config, base, resume=resume)))
        return
    from training.own import fine_tune

    folder = run or config.home / "runs" / recipe.stem
    report = fine_tune(
        recipe,
        run_dir=folder,
        head=head,
        text_column=text_column,
        label_column=label_column,
        mapping=pairs(map or [], "--map LABEL=KEY"),
        epochs=epochs,
        model=config.model,
        resume=resume,
    )
    typer.echo(report)


def _train(
    path: Path, run: Path | None, config: Settings, base: str | None, *, resume: bool
) -> Path:
    from training.finetune import train as run_training
    from training.recipe import load_recipe, parents_of

    recipe = load_recipe(path)
    folder = run or config.home / "runs" / recipe.name
    runs = {}
    for name, file in parents_of(path).items():
        same = base if load_recipe(file).base == recipe.base else None
        runs[name] = _train(file, folder.with_name(name), config, same, resume=resume)
    local = config.weights_dir / recipe.base if config.weights_dir else Path(recipe.base)
    return run_training(
        recipe,
        data_dir=existing(config.data_dir, "labelled sets", "--data or TINGFENG_DATA_DIR"),
        base=base or (local if local.is_dir() else recipe.base),
        run_dir=folder,
        start=runs[recipe.starts_from] if recipe.starts_from else None,
        resume=resume,
    )


def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path, typer.Option(help="The model folder to write, e.g. nlp/models/small")],
    data: DataOption = None,
    behaviour: BehaviourOption = None,
    int8: Annotated[bool, typer.Option(help="Linear layers in int8, if the gate lets it.")] = False,
    openvino_ir: Annotated[bool, typer.Option(help="Add model.xml and model.bin.")] = False,
) -> None:
    """Calibrate on dev rows, write the model folder and its card."""
    _need_training()
    from training.pipeline import export_run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config = settings(data_dir=data)
    folder = existing(config.data_dir, "labelled sets", "--data or TINGFENG_DATA_DIR")
    made = export_run(
        run, out, data_dir=folder, behaviour=behaviour, int8=int8, openvino_ir=openvino_ir
    )
    typer.echo(str(made))


def evaluate(
    recipe: Annotated[Path, typer.Argument(help="The recipe that says how labels map.")],
    model: Annotated[str | None, typer.Option(help="A model's name or folder.")] = None,
    split: Annotated[str, typer.Option(help="dev or test")] = "dev",
    data: DataOption = None,
    behaviour: BehaviourOption = None,
    strip_emotes: Annotated[
        bool, typer.Option(help="Leave emotes and emoji out of every text.")
    ] = False,
    confusion: Annotated[bool, typer.Option(help="Add who was taken for whom.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Score a recipe's sets with an exported model: accuracy, macro-F1, calibration error.

    With --behaviour the behavioural suite, too.
    """
    _need_training()
    import json

    from training.evaluate import as_rows, confusion_lines, evaluate_sets, table
    from training.recipe import load_recipe

    config = settings(model=model, data_dir=data)
    folder = existing(config.data_dir, "labelled sets", "--data or TINGFENG_DATA_DIR")
    scores = evaluate_sets(
        load_recipe(recipe), config.model, folder, split=split, strip=strip_emotes
    )
    suite = _suite(config, behaviour) if behaviour else []
    if as_json:
        rows = as_rows(scores)
        passed = {s.name: {"cases": s.cases, "passed": s.passed} for s in suite}
        document = {"sets": rows, "behaviour": passed} if behaviour else rows
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    typer.echo(table(scores))
    for line in (line for s in scores if confusion for line in confusion_lines(s)):
        typer.echo(line)
    if suite:
        from training.behaviour import suite_table

        typer.echo("\n" + suite_table(suite))


def _suite(config: Settings, folder: Path) -> list[CapabilityScore]:
    from serving.cli.common import make_analyzer
    from training.behaviour import run_suite

    return run_suite(make_analyzer(config), folder)


def _need_training() -> None:
    import importlib.util

    missing = [
        m for m in ("torch", "transformers", "datasets") if importlib.util.find_spec(m) is None
    ]
    if missing:
        raise typer.BadParameter(
            f"expected the training extra, found no {', '.join(missing)}; "
            "run `pip install torch==2.13.0` and then `pip install -e .[training]`"
        )
