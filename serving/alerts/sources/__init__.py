"""Where comments come from while watching: the store, a folder of growing dumps, standard input.

A source gives each pass what is new since its cursor; the cursor is kept with the pass, so what a
killed pass had read is read again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from serving.errors import UsageError

if TYPE_CHECKING:
    from nlp.analyzer import Analyzer
    from serving.alerts.rules import Rules
    from serving.settings import Settings

Cursor = dict[str, Any]
Tell = Callable[[str], None]


class Source(Protocol):
    """``read`` returns new comments (``comments.WATCHED``) and the cursor after them."""

    name: str

    def read(self, cursor: Cursor) -> tuple[list[pa.Table], Cursor]: ...

    def done(self) -> bool:
        """Whether nothing will ever come any more."""
        ...


def open_source(
    what: str, config: Settings, analyzer: Callable[[], Analyzer], rules: Rules, tell: Tell
) -> Source:
    """``store``, ``-`` for standard input, or a folder.

    Raises:
        UsageError: it is none of these.
    """
    from serving.alerts.sources.folder import FolderSource
    from serving.alerts.sources.lines import LineSource
    from serving.alerts.sources.stored import StoreSource

    if what == "store":
        return StoreSource(config, rules, tell)
    if what == "-":
        return LineSource(analyzer, rules, tell)
    if Path(what).is_dir():
        return FolderSource(Path(what), analyzer, rules, tell)
    raise UsageError(f"SOURCE: expected store, - or a folder of dumps, found {what!r}; correct it")
