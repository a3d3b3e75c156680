"""The command ``tingfeng``: puts the commands together and turns errors into one line and an exit code.

0 done; 1 the run failed, or rows were rejected under ``--on-error fail``; 2 wrong usage.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from serving.cli import demo, models, profiles, scoring, training

app = typer.Typer(
    help="听风 Tingfeng: what a Chinese-speaking audience feels and wants, from its comments.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for part in (scoring, profiles, training, models, demo):
    part.register(app)

_OURS = ("data", "nlp", "training", "profiles", "serving")


def main() -> None:
    """Runs the command line and exits with its code."""
    debug = "--debug" in sys.argv
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    try:
        app(args=arguments, prog_name="tingfeng")
    except KeyboardInterrupt:
        typer.echo("stopped; run the same command again to go on", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        typer.echo(_one_line(error), err=True)
        sys.exit(1)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    if type(error).__module__.split(".")[0] in _OURS:
        return f"error: {text}"
    if isinstance(error, OSError):
        return f"error: {text}; check the path, the rights and the space left"
    if type(error).__name__ == "ValidationError":
        return f"error: a setting is wrong: {text}; see the table of settings in the README"
    return f"error: {type(error).__name__}: {text}; run again with --debug to see where"


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tingfeng {version('tingfeng')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
) -> None:
    """听风 Tingfeng: what a Chinese-speaking audience feels and wants, from its comments."""
    del show_version, debug


if __name__ == "__main__":
    main()
