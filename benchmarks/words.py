"""What word rules add to the network: macro-F1 by the share of the threshold that they must meet.

Run: ``python -m benchmarks.words --data DIR [--model NAME]``. Judged on dev rows alone: the held-out
tenth of the written corpus and the dev labels of real comments. ``nlp.decode.LEAN`` quotes it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from nlp.columns import by_words, named_by
from nlp.decode import LEAN, decode, with_words
from nlp.heads import HEADS
from nlp.scorer import load_scorer
from training.annotations import load_annotations
from training.corpus import load_corpus
from training.recipe import load_recipe

SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
LEAST = 5  # rows of a label, for it to count in a macro-F1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="small")
    given = parser.parse_args()
    recipe, scorer = load_recipe(Path("training/recipes/small.yaml")), load_scorer(given.model)
    print(f"{'rows':10}{'head':10}{'rules':>8}{'network':>9}", end="")
    print("".join(f"{share:>8g}" for share in SHARES), " chosen")
    for name, rows in (
        ("corpus", load_corpus(recipe, held_out=True)),
        ("real", load_annotations(recipe, given.data, split="dev")),
    ):
        decoded = decode(scorer.logits(rows.texts).values, scorer)
        named = named_by([by_words(text) for text in rows.texts])
        for head in (h.name for h in HEADS if not h.exclusive):
            truth = rows.targets[head] == 1
            each = [
                _macro_f1(
                    with_words(decoded, named, scorer, dict.fromkeys(LEAN, share)).on[head], truth
                )
                for share in SHARES
            ]
            print(f"{name:10}{head:10}{_macro_f1(named[head], truth):8.3f}", end="")
            print(f"{_macro_f1(decoded.on[head], truth):9.3f}", end="")
            print("".join(f"{value:8.3f}" for value in each), f" {LEAN[head]:g}")


def _macro_f1(found: np.ndarray, truth: np.ndarray) -> float:
    both, either = (found & truth).sum(0), found.sum(0) + truth.sum(0)
    f1 = 2 * both / np.maximum(1, either)
    return float(f1[truth.sum(0) >= LEAST].mean())


if __name__ == "__main__":
    main()
