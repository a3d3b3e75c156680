"""A piece of a growing file as a dump of its own, so that the readers' rules and repairs hold."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from data.readers import DumpError, open_dump
from nlp.analyzer import Analyzer
from serving.alerts.intake import watched_batches
from serving.alerts.rules import Rules
from serving.errors import ServingError


def read_snippet(
    name: str,
    content: bytes,
    analyzer: Callable[[], Analyzer],
    rules: Rules,
    tell: Callable[[str], None],
) -> list[pa.Table]:
    """The comments of whole lines (with the header, for CSV); what is no dump is told and left."""
    with tempfile.TemporaryDirectory(prefix="tingfeng-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            dump = open_dump(path)
            return list(watched_batches(dump, analyzer, rules.brands, lambda _: None))
        except (DumpError, ServingError) as error:
            tell(f"left out: {str(error).replace(folder + '/', '')}")
            return []
