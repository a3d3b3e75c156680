"""Equal texts of several windows are scored once, within a bound, and resumed runs agree."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data.columns import SCORES
from data.readers import Dump, open_dump
from nlp.analyzer import Analyzer
from nlp.normalize import MAX_CHARS
from nlp.scorer import FakeScorer, Logits
from serving.batch import cache, score
from serving.batch.cache import TextPlan
from serving.batch.local import LocalEngine
from serving.batch.score import score_dumps
from serving.batch.windows import read_windows
from tests.serving.test_score import DumpOf

WORDS = ["好茶", "难喝", "", "一般", "@小王", "好" + "喝" * MAX_CHARS, "好" + "茶" * MAX_CHARS]


class Counting(FakeScorer):
    """Remembers what it was given, and lets a text's score depend on what came with it."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def logits(self, normalized: list[str]) -> Logits:
        self.seen += normalized
        logits = super().logits(normalized)
        logits.values[:, 1] += 0.001 * len(normalized)
        return logits


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "WINDOW_ROWS", 7)


def bare(scorer: FakeScorer) -> Analyzer:
    return Analyzer(scorer, keywords=object(), extras=False)  # type: ignore[arg-type]


def rows(seed: int, count: int = 60) -> list[dict[str, str]]:
    rng = random.Random(seed)
    return [
        {"comment_id": f"c{n}", "text": rng.choice([*WORDS, f"第{n % 9}杯"])} for n in range(count)
    ]


def test_texts_of_earlier_windows_are_not_scored_again(dump_of: DumpOf, tmp_path: Path) -> None:
    scorer = Counting()
    score_dumps([dump_of(rows(1))], tmp_path / "o.parquet", bare(scorer))
    assert len(scorer.seen) == len(set(scorer.seen)) > 10


@pytest.mark.parametrize("limit", [0, 3_000, 10**9])
def test_scores_are_those_of_each_text_whatever_is_remembered(
    limit: int, dump_of: DumpOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LIMIT_BYTES", limit)
    dump = dump_of(rows(2))
    engine = LocalEngine(bare(FakeScorer()))
    found = []
    for scored in engine.run(read_windows([dump], 7), lambda _: None):
        assert scored.scores is not None and scored.failed == {}
        found += scored.scores.to_pylist()
    expected = bare(FakeScorer()).score([row["text"] for row in rows(2)])
    assert found == expected.select(SCORES.names).to_pylist()


def test_plan_forgets_the_oldest_windows_beyond_its_bound() -> None:
    plan = TextPlan(limit_bytes=2_000)
    first = plan.plan(["好一", "好二", "好三"])
    second = plan.plan(["好一", "好四"])
    third = plan.plan(["好一", "好四"])
    assert (first.texts, second.texts) == (["好一", "好二", "好三"], ["好四"])
    assert second.numbers.tolist() == [0, 3] and second.oldest == 0
    assert third.texts == ["好一"] and third.oldest == second.base == 3
    assert third.numbers.tolist() == [4, 3]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", [3_000, 10**9])
def test_resumed_run_scores_what_an_unbroken_one_scores(
    seed: int, limit: int, dump_of: DumpOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LIMIT_BYTES", limit)
    dump: Dump = open_dump(dump_of(rows(seed)).path)
    left = 1 + 7 * random.Random(seed).randint(1, 6)

    def stop(done: int) -> None:
        nonlocal left
        left -= done
        if left <= 0:
            raise KeyError("stop")

    broken, whole = tmp_path / "b.parquet", tmp_path / "w.parquet"
    with pytest.raises(KeyError):
        score_dumps([dump], broken, bare(Counting()), progress=stop)
    assert score_dumps([dump], broken, bare(Counting())).resumed > 0
    score_dumps([dump], whole, bare(Counting()))
    assert pq.read_table(broken).equals(pq.read_table(whole))
    assert broken.read_bytes() == whole.read_bytes()
