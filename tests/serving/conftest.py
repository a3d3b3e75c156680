"""What the tests of scoring and loading share: an analyzer without weights, dumps, a store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from data.readers import Dump, open_dump
from nlp.analyzer import Analyzer
from nlp.keywords import KeywordExtractor
from nlp.scorer import FakeScorer
from profiles.store.duckdb_store import DuckDBStore

WriteJsonl = Callable[..., Path]


@pytest.fixture(scope="session")
def keywords() -> KeywordExtractor:
    return KeywordExtractor()


@pytest.fixture
def analyzer(keywords: KeywordExtractor) -> Analyzer:
    return Analyzer(FakeScorer(), keywords=keywords)


@pytest.fixture
def bare_analyzer(keywords: KeywordExtractor) -> Analyzer:
    """Quick: without keywords, aspects and risks."""
    return Analyzer(FakeScorer(), keywords=keywords, extras=False)


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore(":memory:", key=bytes(32)) as opened:
        yield opened


@pytest.fixture
def write_jsonl(tmp_path: Path) -> WriteJsonl:
    """Writes rows (or raw lines) as JSON lines."""

    def write(rows: list[Any], name: str = "comments.jsonl") -> Path:
        lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in rows]
        path = tmp_path / name
        path.write_text("".join(line + "\n" for line in lines), "utf-8")
        return path

    return write


@pytest.fixture
def dump_of(write_jsonl: WriteJsonl) -> Callable[..., Dump]:
    """An opened dump of rows (or raw lines)."""
    return lambda rows, name="comments.jsonl": open_dump(write_jsonl(rows, name))
