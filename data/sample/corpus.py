"""The sample's written material: labelled comments, their contents, and who answers whom."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

import yaml

from data.sample.timeline import BEIJING

PHASES = ("normal", "crisis", "apology")


@dataclass(frozen=True, kw_only=True)
class CorpusLine:
    """One distinct comment text with its truth labels."""

    id: str
    content: str
    text: str
    sentiment: str
    emotion: str
    interests: tuple[str, ...]
    flags: tuple[str, ...]
    risks: tuple[str, ...]
    phase: str


@dataclass(frozen=True, kw_only=True)
class Content:
    """One video, note, post or product; counts are text, as the platform shows them."""

    key: str
    platform: str
    content_id: str
    title: str
    text: str
    author: str
    author_id: str
    created_s: int
    half_life_days: float
    likes: str
    comments: str
    shares: str
    collects: str
    views: str
    keyword: str


def read_lines() -> list[CorpusLine]:
    """Every line of the corpus, in file order."""
    text = files("data.sample").joinpath("corpus.jsonl").read_text(encoding="utf-8")
    return [_line(json.loads(row)) for row in text.splitlines()]


def read_contents() -> dict[str, Content]:
    """The twelve contents by key."""
    return {row["key"]: _content(row) for row in _scenario()["contents"]}


def read_threads() -> dict[str, str]:
    """Corpus id of an answer to the corpus id of what it answers."""
    return dict(_scenario()["threads"])


def _scenario() -> Mapping[str, Any]:
    text = files("data.sample").joinpath("contents.yaml").read_text(encoding="utf-8")
    scenario: Mapping[str, Any] = yaml.safe_load(text)
    return scenario


def _line(row: dict[str, Any]) -> CorpusLine:
    lists = {name: tuple(row[name]) for name in ("interests", "flags", "risks")}
    return CorpusLine(**{**row, **lists})


def _content(row: dict[str, Any]) -> Content:
    created = datetime.fromisoformat(row.pop("created_at")).replace(tzinfo=BEIJING)
    return Content(created_s=int(created.timestamp()), **{"views": "", **row})
