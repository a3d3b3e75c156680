"""Analyzers for tests of the service: quick, slow and poisoned; and the header of a key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient

from nlp.analyzer import Analyzer
from nlp.scorer import FakeScorer, Logits

MakeClient = Callable[..., TestClient]
POISON = "毒"


class ScriptedScorer(FakeScorer):
    """Counts its windows, waits where told to, and fails on a poisoned text."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.windows: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()

    def logits(self, normalized: list[str]) -> Logits:
        """See ``Scorer.logits``."""
        self.gate.wait(30)
        self.windows.append(list(normalized))
        if self.delay_s:
            threading.Event().wait(self.delay_s)
        if any(POISON in text for text in normalized):
            raise ValueError("this text cannot be scored")
        return super().logits(normalized)


def quick_analyzer(scorer: Any = None) -> Analyzer:
    """Without keywords and dictionaries."""
    no_keywords: Any = object()
    return Analyzer(scorer or FakeScorer(), keywords=no_keywords, extras=False)


def bearer(token: str) -> dict[str, str]:
    """The header of a key."""
    return {"Authorization": f"Bearer {token}"}
