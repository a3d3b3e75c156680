"""``tingfeng serve``: the API and the dashboard, on this machine or, with keys, beyond it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from serving.cli.common import say, settings

if TYPE_CHECKING:
    from serving.settings import Settings

LOCAL: Final = ("127.0.0.1", "localhost", "::1")
LOCAL_NAMES: Final = "127.0.0.1,localhost,[::1]"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(serve)


def serve(
    host: Annotated[
        str, typer.Option(help="Other addresses than this machine's own need a key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
) -> None:
    """Serve the dashboard (/), the newest report (/report) and the API (/docs)."""
    config = settings()
    config = _with_hosts(config, host)
    _check_free(host, port)

    from serving.api import create_app
    from serving.api.server import serve_app

    application = create_app(config)
    application.state.service.load()  # what is wrong with a model is told here, in one line
    shown = f"[{host}]" if ":" in host else host
    ready = f"http://{shown}:{port} shows the dashboard, http://{shown}:{port}/docs the API"
    serve_app(application, host, port, ready=lambda: say(ready))


def _with_hosts(config: Settings, host: str) -> Settings:
    """The settings for this address: open only to this machine's names while there is no key.

    Raises typer.BadParameter when the address is not this machine's own and there is no key.
    """
    from serving.api.keys import KeyFile

    keys = KeyFile(config.home)
    if keys.exists():
        keys.records()  # one that cannot be read stops here
        return config
    if host not in LOCAL:
        raise typer.BadParameter(
            f"--host: expected one of {', '.join(LOCAL)} while there is no key, found {host!r}; "
            "make a key first: tingfeng key create NAME --scope analyze"
        )
    # a page in a browser must not reach an open service under a name that it made up
    return config.model_copy(update={"allowed_hosts": config.allowed_hosts or LOCAL_NAMES})


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
