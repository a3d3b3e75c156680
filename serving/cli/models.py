"""``tingfeng model list|show|verify``: the models at hand, and whether they are whole."""

from __future__ import annotations

import json
from typing import Annotated

import typer

ModelArgument = Annotated[str | None, typer.Argument(help="A model's name or folder.")]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="The models at hand.", no_args_is_help=True)
    group.command("list")(list_models)
    group.command("show")(show)
    group.command("verify")(verify)
    app.add_typer(group, name="model")


def list_models() -> None:
    """One line per shipped model: name, version, size, folder."""
    from nlp.artifact import load_artifact, shipped_models

    for name, path in shipped_models().items():
        size = sum(f.stat().st_size for f in path.iterdir() if f.is_file())
        typer.echo(f"{name}\t{load_artifact(name).version}\t{size / 1e6:.1f} MB\t{path}")


def show(model: ModelArgument = None) -> None:
    """The model's configuration and figures as JSON."""
    from dataclasses import asdict

    from nlp.artifact import load_artifact

    typer.echo(json.dumps(asdict(load_artifact(model)), ensure_ascii=False, indent=1, default=str))


def verify(model: ModelArgument = None) -> None:
    """Check every file of the model against its recorded hash."""
    from nlp.artifact import load_artifact
    from nlp.artifact import verify as check

    artifact = load_artifact(model)
    faults = check(artifact)
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo(f"{artifact.version}: {len(artifact.files)} files as recorded")
