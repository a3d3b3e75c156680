"""The queue: windows, order, refusals, poisoned and late and gone calls."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from serving.api.admission import RateModel, text_cost
from serving.api.batcher import Batcher, Call
from serving.api.cache import ResultCache
from serving.api.errors import ApiError
from serving.api.metrics import Metrics
from tests.serving.api.service_tools import POISON, ScriptedScorer, quick_analyzer

PATIENCE_S = 30


@pytest.fixture
def make_batcher() -> Iterator[Callable[..., tuple[Batcher, ScriptedScorer]]]:
    made: list[tuple[Batcher, ScriptedScorer]] = []

    def make(**changes: Any) -> tuple[Batcher, ScriptedScorer]:
        scorer = ScriptedScorer(changes.pop("delay_s", 0.0))
        given = {
            "window_tokens": 64,
            "max_tokens": 10_000,
            "wait_s": 60.0,
            "deadline_s": 60.0,
            "longest_s": 60.0,
        }
        batcher = Batcher(
            quick_analyzer(scorer), ResultCache(100_000), Metrics(), **(given | changes)
        )
        made.append((batcher, scorer))
        return made[-1]

    yield make
    for batcher, scorer in made:
        scorer.gate.set()
        batcher.close(5)


def answers(call: Call) -> list[dict[str, Any]]:
    return [json.loads(result) for result in call.future.result(PATIENCE_S)]


def held(batcher: Batcher, scorer: ScriptedScorer) -> Call:
    """A call that keeps the model until the gate is opened."""
    scorer.gate.clear()
    first = batcher.submit(["先来的"], None)
    while batcher.queued_tokens:
        time.sleep(0.002)
    return first


def test_call_gets_its_results_in_order(make_batcher: Any) -> None:
    batcher, _ = make_batcher()
    found = answers(batcher.submit(["好喝", "难喝", "天气"], None))
    assert [r["sentiment"] for r in found] == ["positive", "negative", "neutral"]


def test_lone_text_does_not_wait_for_company(make_batcher: Any) -> None:
    batcher, scorer = make_batcher()
    batcher.submit(["好喝"], None).future.result(PATIENCE_S)
    assert scorer.windows == [["好喝"]]


def test_waiting_calls_share_a_window_up_to_the_budget(make_batcher: Any) -> None:
    batcher, scorer = make_batcher()
    held(batcher, scorer)
    calls = [batcher.submit([f"第{i}条"], None) for i in range(10)]  # 8 tokens each, budget 64
    scorer.gate.set()
    for call in calls:
        call.future.result(PATIENCE_S)
    assert [len(w) for w in scorer.windows] == [1, 8, 2]


def test_large_call_is_cut_into_windows(make_batcher: Any) -> None:
    batcher, scorer = make_batcher()
    texts = [f"第{i}条" for i in range(20)]
    assert len(answers(batcher.submit(texts, None))) == 20
    assert all(len(w) * 8 <= 64 for w in scorer.windows)


def test_small_call_overtakes_a_large_one(make_batcher: Any) -> None:
    batcher, scorer = make_batcher()
    held(batcher, scorer)
    large = batcher.submit([f"很长的一次{i}" for i in range(100)], None)
    small = batcher.submit(["短"], None)
    scorer.gate.set()
    small.future.result(PATIENCE_S)
    large.future.result(PATIENCE_S)
    assert "短" in scorer.windows[1]


def test_idle_workers_share_what_waits(make_batcher: Any) -> None:
    batcher, scorer = make_batcher(workers=2, window_tokens=640)
    scorer.gate.clear()
    call = batcher.submit([f"第{i}条好喝" for i in range(16)], None)
    while len(batcher._running) < 2:
        time.sleep(0.002)
    scorer.gate.set()
    found = answers(call)
    assert [r["sentiment"] for r in found] == ["positive"] * 16
    assert sorted(len(window) for window in scorer.windows) == [8, 8]


def test_workers_score_side_by_side(make_batcher: Any) -> None:
    batcher, scorer = make_batcher(workers=2)
    scorer.gate.clear()
    calls = [batcher.submit([text], None) for text in ("好喝", "难喝")]
    while len(batcher._running) < 2:
        time.sleep(0.002)
    assert batcher.stuck_s() > 0 and batcher.wait_s() >= 0
    scorer.gate.set()
    assert [answers(call)[0]["sentiment"] for call in calls] == ["positive", "negative"]


def test_equal_texts_of_a_window_are_scored_once(make_batcher: Any) -> None:
    batcher, scorer = make_batcher()
    held(batcher, scorer)
    calls = [batcher.submit(["好评"], None) for _ in range(3)]
    scorer.gate.set()
    assert len({call.future.result(PATIENCE_S)[0] for call in calls}) == 1
    assert scorer.windows[1] == ["好评"]


def test_poisoned_text_fails_alone_and_the_next_call_is_answered(make_batcher: Any) -> None:
    batcher, scorer = make_batcher()
    held(batcher, scorer)
    calls = [batcher.submit([t], None) for t in ("好喝", POISON, "难喝")]
    scorer.gate.set()
    assert [answers(c)[0]["status"] for c in calls] == ["ok", "error", "ok"]
    assert answers(calls[1])[0]["sentiment"] is None
    assert answers(batcher.submit(["喜欢"], None))[0]["status"] == "ok"


def test_result_is_the_same_alone_and_in_company(make_batcher: Any) -> None:
    texts = ["茶很好喝", "难喝", "一般", "加微信领福利"]
    together = make_batcher()[0].submit(texts, None).future.result(PATIENCE_S)
    alone = [make_batcher()[0].submit([t], None).future.result(PATIENCE_S)[0] for t in texts]
    assert together == alone


def test_cancelled_call_is_skipped(make_batcher: Any) -> None:
    batcher, scorer = make_batcher()
    held(batcher, scorer)
    gone, stays = batcher.submit(["走了"], None), batcher.submit(["还在"], None)
    gone.future.cancel()
    scorer.gate.set()
    stays.future.result(PATIENCE_S)
    assert all("走了" not in window for window in scorer.windows)
    assert batcher.queued_tokens == 0


def test_late_call_is_dropped(make_batcher: Any) -> None:
    batcher, scorer = make_batcher()
    held(batcher, scorer)
    batcher.rate.observe(64, 1e-6)
    late = batcher.submit(["晚了"], None)
    late.deadline = time.monotonic() - 1
    scorer.gate.set()
    batcher.submit(["下一个"], None).future.result(PATIENCE_S)
    assert late.future.cancelled() and all("晚了" not in w for w in scorer.windows)


def test_long_queue_refuses_at_once_with_retry_after(make_batcher: Any) -> None:
    batcher, scorer = make_batcher(wait_s=0.05)
    for _ in range(20):
        batcher.rate.observe(64, 1.0)  # a slow model: a second per window
    held(batcher, scorer)
    admitted = 0
    with pytest.raises(ApiError) as refused:
        for i in range(20):  # an eighth of a second each, and patience for four times that
            batcher.submit([f"第{i}"], None)
            admitted += 1
    assert 1 <= admitted <= 6
    assert refused.value.status_code == 429
    assert int((refused.value.headers or {})["Retry-After"]) >= 1


def test_deadline_that_cannot_be_met_is_refused_even_when_idle(make_batcher: Any) -> None:
    batcher, _ = make_batcher()
    for _ in range(20):
        batcher.rate.observe(64, 1.0)
    with pytest.raises(ApiError) as refused:
        batcher.submit(["一"] * 8, 0.01)
    assert refused.value.status_code == 429


def test_large_call_is_admitted_when_idle_however_long_it_takes(make_batcher: Any) -> None:
    batcher, _ = make_batcher(deadline_s=0.001, wait_s=0.001)
    for _ in range(20):
        batcher.rate.observe(64, 1.0)
    assert len(answers(batcher.submit([f"第{i}" for i in range(200)], None))) == 200


def test_queue_never_holds_more_than_its_bound(make_batcher: Any) -> None:
    batcher, scorer = make_batcher(max_tokens=64)
    held(batcher, scorer)
    refused = 0
    for i in range(30):
        try:
            batcher.submit([f"第{i}"], None)
        except ApiError:
            refused += 1
    assert batcher.queued_tokens <= 64 and refused == 22


def test_close_answers_what_is_queued_and_refuses_what_comes(make_batcher: Any) -> None:
    batcher, scorer = make_batcher()
    first = held(batcher, scorer)
    second = batcher.submit(["还有我"], None)
    closing = threading.Thread(target=batcher.close)
    closing.start()
    while not batcher._stopping:
        time.sleep(0.002)
    scorer.gate.set()
    closing.join(PATIENCE_S)
    assert first.future.done() and second.future.done()
    with pytest.raises(ApiError) as refused:
        batcher.submit(["太晚"], None)
    assert refused.value.status_code == 503


def test_stuck_model_is_seen_and_refused(
    make_batcher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    batcher, scorer = make_batcher()
    held(batcher, scorer)
    monkeypatch.setattr("serving.api.batcher.STUCK_S", 0.0)
    assert batcher.stuck()
    with pytest.raises(ApiError) as refused:
        batcher.submit(["一"], None)
    assert refused.value.status_code == 503


def test_rate_model_learns_both_costs() -> None:
    model = RateModel()
    for tokens in (64, 512, 2048) * 10:
        model.observe(tokens, 0.004 + tokens / 40_000)
    per_window, per_token = model.fit()
    assert per_window == pytest.approx(0.004, rel=0.01)
    assert per_token == pytest.approx(1 / 40_000, rel=0.01)
    assert model.seconds(4096, 2048) == pytest.approx(2 * 0.004 + 4096 / 40_000, rel=0.01)


def test_rate_model_of_equal_windows_is_never_negative() -> None:
    model = RateModel()
    assert model.seconds(100, 2048) > 0
    for _ in range(5):
        model.observe(64, 0.01)
    assert model.seconds(0, 2048) == 0 and model.seconds(128, 2048) == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(
    ("text", "cost"), [("", 8), ("好" * 6, 8), ("好" * 7, 12), ("好" * 9999, 256)]
)
def test_cost_is_in_padded_tokens(text: str, cost: int) -> None:
    assert text_cost(text) == cost


def test_cache_keeps_to_its_bytes_and_drops_the_oldest() -> None:
    cache = ResultCache(3_000)
    for i in range(50):
        cache.put(f"第{i}", b"x" * 100)
        cache.get("第0")
    assert cache.size_bytes <= 3_000 and 5 < len(cache) < 10
    assert cache.get("第0") and cache.get("第49") and cache.get("第1") is None
    assert (cache.hits, cache.misses) == (52, 1)


def test_cache_of_no_bytes_keeps_nothing() -> None:
    cache = ResultCache(0)
    cache.put("好", b"x")
    assert cache.get("好") is None and cache.size_bytes == 0
