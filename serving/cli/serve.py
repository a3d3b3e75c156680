"""``tingfeng serve``: the API and the newest report on this machine."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from serving.cli.common import make_analyzer, say, settings

LOCAL: Final = ("127.0.0.1", "localhost", "::1")
GRACEFUL_S: Final = 25


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(serve)


def serve(
    host: Annotated[
        str, typer.Option(help="Only this machine's own addresses: there are no keys yet.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
) -> None:
    """Serve the API (/docs) and the newest report (/) on this machine."""
    import uvicorn

    from serving.api import create_app

    if host not in LOCAL:
        raise typer.BadParameter(
            f"--host: expected one of {', '.join(LOCAL)}, found {host!r}; "
            "without keys the service must not be reachable from elsewhere"
        )
    config = settings()
    _check_free(host, port)
    say(f"http://{host}:{port} shows the newest report, http://{host}:{port}/docs the API")
    application = create_app(config, make_analyzer(config))
    uvicorn.run(
        application, host=host, port=port, log_level="warning", timeout_graceful_shutdown=GRACEFUL_S
    )


def _check_free(host: str, port: int) -> None:
    """Raises ServingError when something listens there already."""
    import socket

    from serving.errors import ServingError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServingError(
                f"--port: expected a free port, found {port} in use; take another"
            ) from error
