"""What the written corpus and the labels of real comments each add, per head.

Run: ``python -m benchmarks.ablation RUN --data DIR``. A RUN that is not there is trained first: on the
public sources of ``wide.yaml`` alone, 1,500 rows of each (a quarter of an hour on one core), from the
base encoder in TINGFENG_WEIGHTS_DIR or on the hub. The encoder of RUN is left as it is; on what it
gives for each text (the [CLS] and the mean of its last layer) linear heads are trained anew: on the
corpus, on the real comments, on both, with the same steps. Judged: the held-out corpus and the real
comments that two readers agreed on. A RUN of one's own should have seen neither part.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from nlp.artifact import TOKENIZER_FILE
from nlp.heads import HEADS, OUTPUT_SIZE
from nlp.tokenizer import CommentTokenizer
from serving.settings import Settings
from training.annotations import load_annotations
from training.calibrate import fit_temperatures, fit_thresholds
from training.corpus import load_corpus
from training.evaluate import score_sets
from training.finetune import train
from training.labelled import LabelledSet
from training.modeling import loss_of
from training.recipe import Recipe, load_recipe, recipe_from_record
from training.record import RECORD_FILE, read_record
from training.refit import Reader
from training.runs import load_last

STEPS, ROWS, RATE = 2_000, 256, 2e-3
RECIPES = Path(__file__).resolve().parents[1] / "training" / "recipes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    if not (arguments.run / RECORD_FILE).exists():
        recipe = public_only()
        local = Settings().weights_dir
        base = local / recipe.base if local else recipe.base
        train(recipe, data_dir=arguments.data, base=base, run_dir=arguments.run)
    recipe = replace(recipe_from_record(read_record(arguments.run)["recipe"]), starts_from="it")
    pieces = Tokenizer.from_file(str(arguments.run / TOKENIZER_FILE))
    tokenizer = CommentTokenizer(pieces, max_tokens=recipe.max_tokens)
    model = load_last(arguments.run, recipe, {})
    parts = {
        "corpus": load_corpus(recipe, held_out=False),
        "real comments": load_annotations(recipe, arguments.data, split="train"),
    }
    chosen_by = [
        load_corpus(recipe, held_out=True),
        load_annotations(recipe, arguments.data, split="dev"),
    ]
    judged = [chosen_by[0], load_annotations(recipe, arguments.data, split="agreed")]
    sets = [*parts.values(), *chosen_by, *judged[1:]]
    reader = Reader(model, tokenizer)
    features = {id(s): reader.features(s.texts) for s in sets}  # two sets bear one name
    print("| trained on | rows | judged on | " + " | ".join(h.name for h in HEADS) + " |")
    print("|---" * (3 + len(HEADS)) + "|")
    for names in (["corpus"], ["real comments"], ["corpus", "real comments"]):
        used = [parts[name] for name in names]
        heads = train_heads(used, features)
        logits = {of: heads(x).detach().numpy() for of, x in features.items()}
        scored = [(s, logits[id(s)]) for s in chosen_by]
        temperatures = fit_temperatures(scored)
        thresholds = fit_thresholds(scored, temperatures)
        for labelled in judged:
            at = logits[id(labelled)]
            found = score_sets([labelled], lambda _, v=at: v, temperatures, thresholds)
            f1 = {s.head: 100 * s.score.macro_f1 for s in found}
            cells = " | ".join(f"{f1.get(h.name, np.nan):.1f}" for h in HEADS)
            rows = sum(map(len, used))
            print(f"| {' and '.join(names)} | {rows:,} | {labelled.name} | {cells} |", flush=True)


def public_only() -> Recipe:
    """The first recipe of the default model without anything that was written for this project."""
    wide = load_recipe(RECIPES / "wide.yaml")
    return replace(
        wide,
        name="tingfeng-public",
        corpus_repeat=0,
        epochs=1,
        stop_after=1.0,
        max_rows_per_source=1_500,
        hide_share=0.15,
    )


def train_heads(sets: list[LabelledSet], features: dict[int, torch.Tensor]) -> nn.Linear:
    """Linear heads from nothing, by Adam over rows drawn at random."""
    torch.manual_seed(1)
    x = torch.cat([features[id(s)] for s in sets])
    targets = {
        h.name: torch.from_numpy(np.concatenate([s.targets[h.name] for s in sets])) for h in HEADS
    }
    heads = nn.Linear(x.shape[1], OUTPUT_SIZE)
    optimizer = torch.optim.AdamW(heads.parameters(), lr=RATE, weight_decay=0.01)
    ones = {h.name: torch.ones(ROWS) for h in HEADS}
    for _ in range(STEPS):
        rows = torch.randint(len(x), (ROWS,))
        loss = loss_of(heads(x[rows]), {k: v[rows] for k, v in targets.items()}, ones)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return heads


if __name__ == "__main__":
    main()
