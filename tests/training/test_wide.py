"""The wide part: the same buckets everywhere, trained, shared out, stored in 4 bits, served."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from nlp.scorer import load_scorer
from nlp.tokenizer import CommentTokenizer
from tests.training.tiny import AUTO, FILLER, FOOD, GOOD, labelled, tiny_recipe
from training import pipeline
from training.batches import build_pool
from training.errors import TrainingError
from training.export import Int4Rows
from training.labelled import LabelledSet
from training.modeling import SLICES
from training.ngrams import FACTOR, IDS, MOST_BITS, NGrams, hashes, ngrams
from training.pipeline import export_run
from training.predict import predict
from training.reopen import reopen
from training.runs import load_last, load_run
from training.wide import add_wide, fit_shares, train_wide, wide_logits

WIDE = {"wide_bits": 12, "wide_size": 8, "wide_epochs": 30}


@pytest.fixture(scope="module")
def tokenizer(run_dir: Path) -> CommentTokenizer:
    pieces = Tokenizer.from_file(str(run_dir / "tokenizer.json"))
    return CommentTokenizer(pieces, max_tokens=32)


def ordered(rows: int, seed: int) -> LabelledSet:
    """The order of two words decides: a bag of words cannot know, a bag of pairs can."""
    rng = np.random.default_rng(seed)
    made = labelled("ordered", rows=rows)
    first = rng.integers(0, 2, rows)
    noise = ["".join(rng.choice(list(FILLER), 4)) for _ in range(rows)]
    made.texts = [a + ("饭车" if f else "车饭") + a[:2] for a, f in zip(noise, first, strict=True)]
    made.targets["sentiment"][:] = 0
    made.targets["sentiment"][np.arange(rows), 2 * first] = 1
    made.weights["sentiment"][:] = 1.0
    return made


@settings(deadline=None)
@given(st.lists(st.integers(1, 32_767), min_size=2, max_size=30), st.integers(4, MOST_BITS))
def test_buckets_fit_32_bits_and_are_the_same_padded_or_not(ids: list[int], bits: int) -> None:
    buckets = 2**bits
    bag = ngrams(torch.tensor(ids), buckets)
    part = NGrams(buckets, 2).eval()
    padded = torch.zeros(2, len(ids) + 3, dtype=torch.long)
    padded[1, : len(ids)] = torch.tensor(ids)
    padded[0, :2] = 1
    starts, counts = torch.zeros(1, dtype=torch.long), torch.tensor([len(bag)])
    alone = part.of_bags(bag, starts, counts)
    torch.testing.assert_close(part(padded, (padded != 0).long())[1:], alone)
    narrow = hashes(torch.tensor([ids], dtype=torch.int32), buckets)
    wide = hashes(torch.tensor([ids]), buckets)
    assert all(torch.equal(a.long(), b) for a, b in zip(narrow, wide, strict=True))
    assert len(bag) == 3 * len(ids) - 3
    assert 0 <= int(bag.min()) <= int(bag.max()) < buckets


def test_no_number_of_the_hash_reaches_2_to_the_24() -> None:
    """Where 32-bit floats stop telling whole numbers apart."""
    assert FACTOR * 2**MOST_BITS < 2**24
    assert 2**MOST_BITS + IDS < 2**24
    ids = torch.arange(1, 3_000).unsqueeze(0)
    exact, single = hashes(ids, 2**MOST_BITS), hashes(ids.float(), 2**MOST_BITS)
    assert all(torch.equal(a, b.long()) for a, b in zip(exact, single, strict=True))


def test_few_pairs_share_a_bucket() -> None:
    """As many as chance has it: of n things in b buckets, b (1 - (1 - 1/b)^n) buckets are met."""
    rng = np.random.default_rng(1)
    pairs = torch.from_numpy(np.unique(rng.integers(1, 13_000, (40_000, 2)), axis=0))
    met = len(hashes(pairs, 2**17)[1][:, 0].unique())
    expected = 2**17 * (1 - (1 - 2**-17) ** len(pairs))
    assert met > 0.97 * expected


def test_train_wide_learns_what_only_pairs_tell(tokenizer: CommentTokenizer) -> None:
    pool = build_pool([ordered(2_000, 1)], tokenizer)
    part = train_wide(tiny_recipe(**WIDE), pool)
    judged = ordered(60, 2)
    found = wide_logits(part, judged.texts, tokenizer)[:, SLICES["sentiment"]].argmax(-1)
    assert (found == judged.targets["sentiment"].argmax(-1)).mean() > 0.95


def test_fit_shares_takes_what_helps_and_nothing_else() -> None:
    rng = np.random.default_rng(3)
    dev = ordered(300, 4)
    truth = dev.targets["sentiment"]
    size = max(s.stop for s in SLICES.values())
    deep, wide = np.zeros((2, 300, size), np.float32)
    deep[:, SLICES["sentiment"]] = 0.5 * truth + rng.normal(size=truth.shape)
    wide[:, SLICES["sentiment"]] = 0.8 * truth + rng.normal(size=truth.shape)
    helped = fit_shares([dev], [deep], [wide])
    assert helped["sentiment"] > 0
    assert helped["risks"] == 0  # no row tells of risks
    wide[:, SLICES["sentiment"]] = -2.0 * truth + rng.normal(size=truth.shape)
    assert fit_shares([dev], [deep], [wide])["sentiment"] == 0


def test_add_wide_betters_its_head_and_leaves_the_others(
    run_dir: Path, tmp_path: Path, tokenizer: CommentTokenizer
) -> None:
    shutil.copytree(run_dir, tmp_path / "run")
    recipe = tiny_recipe(**WIDE)
    train_set, dev = ordered(2_000, 1), ordered(60, 2)
    add_wide(recipe, tmp_path / "run", build_pool([train_set], tokenizer), [dev], tokenizer)
    judged = ordered(60, 5)
    old, new = (
        predict(load_run(r, recipe), judged.texts, tokenizer) for r in (run_dir, tmp_path / "run")
    )
    part, truth = SLICES["sentiment"], judged.targets["sentiment"].argmax(-1)
    before, after = ((x[:, part].argmax(-1) == truth).mean() for x in (old, new))
    assert after > max(0.95, before)
    np.testing.assert_array_equal(old[:, part.stop :], new[:, part.stop :])
    assert load_last(tmp_path / "run", recipe, {}).wide is None  # to go on from: the encoder alone


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-3, 1e3))
def test_int4_rows_are_off_by_half_a_step_and_the_same_when_stored_again(
    seed: int, size: float
) -> None:
    weight = size * torch.randn(9, 6, generator=torch.Generator().manual_seed(seed))
    stored = Int4Rows(weight)
    at = torch.arange(9)
    step = weight.abs().amax(-1, keepdim=True) / 7
    assert ((stored(at) - weight).abs() <= 0.501 * step + 7e-3 * step).all()
    assert torch.equal(Int4Rows(stored(at)).packed, stored.packed)
    assert stored.packed.dtype == torch.uint8
    assert stored.packed.shape == (9, 3)


def test_int4_rows_of_an_odd_size_raise() -> None:
    with pytest.raises(TrainingError, match="even"):
        Int4Rows(torch.ones(2, 5))


def test_served_and_reopened_it_gives_the_networks_logits(
    run_dir: Path, data_dir: Path, tmp_path: Path, tokenizer: CommentTokenizer
) -> None:
    shutil.copytree(run_dir, tmp_path / "run")
    recipe = tiny_recipe(**WIDE)
    pool = build_pool([ordered(2_000, 1)], tokenizer)
    add_wide(recipe, tmp_path / "run", pool, [ordered(60, 2)], tokenizer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "MAX_FLIPS", 1.0)
        out = export_run(tmp_path / "run", tmp_path / "model", data_dir=data_dir)
    texts = [GOOD, "的饭车了", "的车饭了", "是", FOOD * 5 + AUTO * 3]
    found = {
        engine: load_scorer(str(out), engine=engine, precision="f32", threads=1)
        .logits(texts)
        .values
        for engine in ("onnxruntime", "openvino")
    }
    again = predict(reopen(out, dropout=0.0), texts, tokenizer, autocast=False)
    exact = predict(load_run(tmp_path / "run", recipe), texts, tokenizer, autocast=False)
    np.testing.assert_allclose(found["openvino"], found["onnxruntime"], atol=1e-4)
    np.testing.assert_allclose(again, found["onnxruntime"], atol=1e-4)
    np.testing.assert_allclose(exact, found["onnxruntime"], atol=0.05)  # 4 bits cost nothing more
    sentiment = found["openvino"][:, SLICES["sentiment"]].argmax(-1)
    assert sentiment[1] != sentiment[2]
