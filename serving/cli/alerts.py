"""``tingfeng alerts``: crisis alerts."""

from __future__ import annotations

import typer

from serving.cli import alerts_channels


def register(app: typer.Typer) -> None:
    """Adds the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="Crisis alerts: channels and deliveries.")
    alerts_channels.register(group)
    app.add_typer(group, name="alerts")
