"""The wide part: a linear model of token n-grams, whose logits are added to the encoder's.

A small encoder reads sense and forgets phrases; a bag of n-grams is the other way round and learns
from all rows in minutes (wide and deep: Cheng et al. 2016; hashed n-grams in a small space:
Joulin et al. 2017, fastText). It is trained by itself, and how much of it each head takes is fitted
on dev rows, so that a head which is better off without it stays as it was.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from nlp.heads import HEADS, OUTPUT_SIZE
from nlp.scorer import Floats
from nlp.tokenizer import CommentTokenizer
from training.batches import Pool, Rows
from training.calibrate import fit_temperatures, fit_thresholds
from training.evaluate import score_sets
from training.export import Int4Rows
from training.labelled import LabelledSet
from training.modeling import RARE_BIAS, SLICES, loss_of
from training.ngrams import NGrams, ngrams
from training.predict import predict
from training.recipe import Recipe
from training.runs import load_run
from training.trainer import BEST_FILE, write_state

log = logging.getLogger(__name__)
ROWS: Final = 256  # of a step
TABLE_RATE: Final = 0.02  # of Adagrad: a rare n-gram takes larger steps than a common one
OUT_RATE: Final = 3e-3
LEFT_OUT: Final = 0.3  # share of a text's n-grams, drawn anew each time
START: Final = 0.01  # spread of the table before training
SMALL_SET: Final = 5_000  # rows; larger ones are not repeated
JUDGED_ROWS: Final = 1_500  # of each dev set
SHARES: Final = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)
AS_GOOD: Final = 0.001  # of macro-F1: so much less is as good, and the smaller share is taken


def add_wide(
    recipe: Recipe,
    run_dir: Path,
    pool: Pool,
    dev_sets: list[LabelledSet],
    tokenizer: CommentTokenizer,
) -> None:
    """Trains a wide part on ``pool`` and puts it into ``run_dir/best.pt``."""
    whole = load_run(run_dir, recipe, keep_auxiliary=True)
    part = as_stored(train_wide(recipe, pool))
    dev = [s.take(range(min(JUDGED_ROWS, len(s)))) for s in dev_sets]
    deep = [predict(whole, s.texts, tokenizer)[:, :OUTPUT_SIZE] for s in dev]
    wide = [wide_logits(part, s.texts, tokenizer) for s in dev]
    shares = fit_shares(dev, deep, wide)
    log.info("shares of the wide part: %s", shares)
    whole.wide = scaled(part, shares)
    write_state(whole.state_dict(), run_dir / BEST_FILE)


def train_wide(recipe: Recipe, pool: Pool) -> NGrams:
    """The n-gram model of a recipe (``wide``), trained on the pool's rows, by head."""
    rng = np.random.default_rng(recipe.seed)
    torch.manual_seed(recipe.seed)
    outputs = OUTPUT_SIZE + sum(map(len, pool.auxiliary.values()))
    part = NGrams(2**recipe.wide_bits, recipe.wide_size, outputs)
    nn.init.normal_(part.table, std=START)
    for head in HEADS:
        if not head.exclusive:
            nn.init.constant_(part.out.bias.data[SLICES[head.name]], RARE_BIAS)
    table = torch.optim.Adagrad([part.table], lr=TABLE_RATE)
    out = torch.optim.AdamW(part.out.parameters(), lr=OUT_RATE, weight_decay=0.01)
    rows = _drawn(pool, recipe.wide_rows_per_source, rng)
    steps = max(1, recipe.wide_epochs * len(rows) // ROWS)
    falling = [
        torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.05, total_iters=steps) for o in (table, out)
    ]
    bags = Bags(pool.ids, part.buckets)
    torch.sparse.check_sparse_tensor_invariants.disable()  # type: ignore[no-untyped-call]
    for _ in range(recipe.wide_epochs):
        rng.shuffle(rows)
        losses = []
        for start in range(0, len(rows) - len(rows) % ROWS or len(rows), ROWS):
            some = rows[start : start + ROWS]
            found = part.of_bags(*bags.take(some, rng))
            loss = _loss(found, pool, some)
            torch.autograd.backward(loss)
            for optimizer, schedule in zip((table, out), falling, strict=True):
                optimizer.step()
                optimizer.zero_grad()
                schedule.step()
            losses.append(float(loss.detach()))
        log.info("wide part: %d rows, loss %.4f", len(rows), np.mean(losses))
    return part.without_auxiliary().eval().requires_grad_(False)


def as_stored(part: NGrams) -> NGrams:
    """The same with its table rounded as the export will: shares are fitted to what is served."""
    part.table.data = Int4Rows(part.table.data)(torch.arange(part.buckets))
    return part


class Bags:
    """The n-grams of all rows, end to end."""

    def __init__(self, ids: list[Rows], buckets: int) -> None:
        each = [ngrams(torch.from_numpy(np.asarray(row, dtype=np.int64)), buckets) for row in ids]
        counts = np.array([len(bag) for bag in each])
        self._flat = torch.cat(each).to(torch.int32)
        self._ends = np.cumsum(counts)
        self._starts = self._ends - counts

    def take(
        self, rows: Rows, rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Buckets of these rows end to end, where each row starts, how many it has."""
        parts = []
        for row in rows:
            bag = self._flat[self._starts[row] : self._ends[row]]
            kept = torch.from_numpy(rng.random(len(bag)) >= LEFT_OUT)
            parts.append(bag[kept] if kept.any() else bag)
        counts = torch.tensor([len(p) for p in parts])
        return torch.cat(parts).long(), counts.cumsum(0) - counts, counts


def _drawn(pool: Pool, limit: int, rng: np.random.Generator) -> Rows:
    """At most ``limit`` rows of each set; small sets as often as the recipe repeats them."""
    drawn = []
    for k, labelled in enumerate(pool.sets):
        rows = rng.permutation(np.flatnonzero(pool.set_of == k))[:limit]
        drawn += [rows] * (labelled.repeat if len(labelled) < SMALL_SET else 1)
    return np.concatenate(drawn)


def _loss(logits: torch.Tensor, pool: Pool, rows: Rows) -> torch.Tensor:
    return loss_of(
        logits,
        {k: torch.from_numpy(v[rows]) for k, v in pool.targets.items()},
        {k: torch.from_numpy(v[rows]) for k, v in pool.weights.items()},
        torch.from_numpy(pool.own[rows]) if pool.auxiliary else None,
    )


def wide_logits(part: NGrams, texts: list[str], tokenizer: CommentTokenizer) -> Floats:
    """(texts, OUTPUT_SIZE) of the wide part alone, before its shares."""
    found = []
    for encoded in tokenizer.encode(texts):
        bag = ngrams(torch.tensor(encoded.ids), part.buckets)
        count = torch.tensor([len(bag)])
        found.append(part.of_bags(bag, torch.zeros(1, dtype=torch.long), count)[0].numpy())
    return np.stack(found)


def fit_shares(dev: list[LabelledSet], deep: list[Floats], wide: list[Floats]) -> dict[str, float]:
    """Per head the share of the wide logits that, added to the deep ones, is best on dev rows.

    Both are scaled by their own temperatures, then ``SHARES`` are tried: best is the macro-F1 at
    temperatures and thresholds fitted anew, the mean over the sets that know every label (written
    and labelled for this, as comments are) counting as much as that over all others. Of shares that
    are as good the smallest is taken: a bag of n-grams does not know what "not bad" means.
    """
    of_deep, of_wide = (fit_temperatures(list(zip(dev, x, strict=True))) for x in (deep, wide))
    scale = {head: of_deep[head] / of_wide[head] for head in of_deep}
    values = [_values(dev, deep, wide, {h: s * scale[h] for h in scale}) for s in SHARES]
    log.info("macro-F1 of each share: %s", dict(zip(SHARES, values, strict=True)))
    shares = {}
    for head in scale:
        each = np.array([value.get(head, 0.0) for value in values])
        least = int(np.argmax(each >= each.max() - AS_GOOD))
        shares[head] = round(SHARES[least] * scale[head], 4)
    return shares


def _values(
    dev: list[LabelledSet], deep: list[Floats], wide: list[Floats], shares: dict[str, float]
) -> dict[str, float]:
    by_output = np.array([shares[h.name] for h in HEADS for _ in h.labels], dtype=np.float32)
    mixed = [a + b * by_output for a, b in zip(deep, wide, strict=True)]
    pairs = list(zip(dev, mixed, strict=True))
    temperatures = fit_temperatures(pairs)
    results = iter(mixed)
    scores = score_sets(
        dev, lambda _: next(results), temperatures, fit_thresholds(pairs, temperatures)
    )
    complete = {s.name for s in dev if all((t >= 0).all() for t in s.targets.values())}
    found = {}
    for head in HEADS:
        of_head = [s for s in scores if s.head == head.name]
        sides = [
            [s.score.macro_f1 for s in of_head if (s.dataset in complete) is side]
            for side in (True, False)
        ]
        means = [float(np.mean(side)) for side in sides if side]
        if means:
            found[head.name] = float(np.mean(means))
    return found


def scaled(part: NGrams, shares: dict[str, float]) -> NGrams:
    """The same with each head's outputs times its share."""
    by_output = torch.tensor([shares[h.name] for h in HEADS for _ in h.labels])
    part.out.weight.data *= by_output.unsqueeze(1)
    part.out.bias.data *= by_output
    return part
