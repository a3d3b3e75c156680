"""The command ``tingfeng``: puts the commands together, turns errors into a line and an exit code.

0 done; 1 the run failed, or rows were rejected under ``--on-error fail``; 2 wrong usage; 130
stopped from the keyboard.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer

from serving.cli import (
    advice,
    alerts,
    audience,
    baseline,
    campaign,
    demo,
    drift,
    fetch,
    funnel,
    groups,
    identity,
    influence,
    keys,
    ltv,
    models,
    profiles,
    refresh,
    rfm,
    scoring,
    serve,
    store,
    tag,
    training,
)
from serving.errors import UsageError

app = typer.Typer(
    help="听风 Tingfeng: what a Chinese-speaking audience feels and wants, from its comments.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for part in (
    scoring,
    profiles,
    refresh,
    store,
    identity,
    drift,
    rfm,
    ltv,
    groups,
    influence,
    tag,
    audience,
    advice,
    funnel,
    campaign,
    baseline,
    alerts,
    fetch,
    training,
    models,
    serve,
    keys,
    demo,
):
    part.register(app)

STOPPED: Final = 130  # the exit code of a run stopped from the keyboard
_OURS: Final = ("data", "nlp", "training", "profiles", "serving")


def main() -> None:
    """Runs the command line and exits with its code."""
    debug = "--debug" in sys.argv
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    try:
        code = app(args=arguments, prog_name="tingfeng", standalone_mode=False)
    except typer.TyperException as error:
        typer.echo(_usage(error, arguments), err=True)
        code = error.exit_code
    except Exception as error:
        if debug:
            raise
        typer.echo(_one_line(error), err=True)
        code = 2 if isinstance(error, UsageError) else 1
    if code == STOPPED:
        typer.echo("stopped; run the same command again to go on", err=True)
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: typer.TyperException, arguments: list[str]) -> str:
    """The fault on one line; for a command without arguments, its help."""
    if not arguments or type(error).__name__ == "NoArgsIsHelpError":
        return str(error.format_message())
    text = " ".join(error.format_message().split()).rstrip(".")
    return f"error: {text}; see tingfeng --help"


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    if type(error).__module__.split(".")[0] in _OURS:
        return f"error: {text}"
    if isinstance(error, OSError):
        return f"error: {text}; check the path, the rights and the space left"
    if type(error).__name__ in ("ValidationError", "TOMLDecodeError"):
        faults = _faults(error) or f"tingfeng.toml: {text}"
        return f"error: a setting is wrong: {faults}; see the table of settings in the README"
    return f"error: {type(error).__name__}: {text}; run again with --debug to see where"


def _faults(error: Any) -> str:
    """What pydantic found wrong, setting by setting."""
    found = error.errors() if hasattr(error, "errors") else []
    return "; ".join(map(_fault, found))


def _fault(fault: Any) -> str:
    """One of them; the value of a secret, or of a name that may be a misspelt one, is not shown."""
    name = ".".join(map(str, fault["loc"]))
    secret = "secret" in name or name.startswith("alerts")
    hidden = secret or fault["type"] == "extra_forbidden"
    return f"{name}: {fault['msg']}" + ("" if hidden else f", found {fault['input']!r}")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tingfeng {version('tingfeng')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback when something fails.")
    ] = False,
) -> None:
    """听风 Tingfeng: what a Chinese-speaking audience feels and wants, from its comments."""
    del show_version, debug


if __name__ == "__main__":
    main()
