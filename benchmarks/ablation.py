"""What the written corpus and the labels of real comments each add, per head.

Run: ``python -m benchmarks.ablation RUN --data DIR [--passes 3]``. From the last weights of RUN, which
has seen neither of the new parts or only one of them, four models are trained for the same number of
passes: on nothing more, on the corpus, on the real comments, on both. Judged: the held-out corpus and
the real comments that two readers agreed on (nothing is chosen by them).
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from nlp.artifact import TOKENIZER_FILE
from nlp.heads import HEADS, OUTPUT_SIZE
from nlp.tokenizer import CommentTokenizer
from training.annotations import load_annotations
from training.corpus import load_corpus
from training.evaluate import score_sets
from training.finetune import train
from training.labelled import LabelledSet
from training.modeling import CommentModel
from training.predict import predict
from training.recipe import recipe_from_record
from training.record import read_record
from training.runs import load_last, load_run

VARIANTS = {"corpus": (1, 0), "real comments": (0, 1), "both": (1, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--passes", type=float, default=3)
    arguments = parser.parse_args()
    recipe = replace(
        recipe_from_record(read_record(arguments.run)["recipe"]),
        starts_from=arguments.run.name,
        sources=(),
        epochs=arguments.passes,
        stop_after=1.0,
        warmup_share=0.1,
        learning_rate=1e-4,
        head_learning_rate=1e-3,
        tokens_per_batch=2_048,
    )
    judged = [
        load_corpus(recipe, held_out=True),
        load_annotations(replace(recipe, annotations_repeat=1), arguments.data, split="agreed"),
    ]
    pieces = Tokenizer.from_file(str(arguments.run / TOKENIZER_FILE))
    tokenizer = CommentTokenizer(pieces, max_tokens=recipe.max_tokens)
    print("| trained on | set | " + " | ".join(h.name for h in HEADS) + " |")
    print("|---" * (2 + len(HEADS)) + "|")
    before = load_last(arguments.run, recipe, {})
    _print("nothing more", before, judged, tokenizer)
    for name, (written, real) in VARIANTS.items():
        own = replace(recipe, name=name, corpus_repeat=written, annotations_repeat=real)
        with tempfile.TemporaryDirectory() as folder:
            run = train(own, data_dir=arguments.data, run_dir=Path(folder), start=arguments.run)
            _print(name, load_run(run, own), judged, tokenizer)


def _print(
    name: str, model: CommentModel, judged: list[LabelledSet], tokenizer: CommentTokenizer
) -> None:
    for labelled in judged:
        scores = score_sets(
            [labelled], lambda texts: predict(model, texts, tokenizer)[:, :OUTPUT_SIZE], {}
        )
        found = {s.head: s.score.macro_f1 for s in scores}
        cells = " | ".join(f"{100 * found.get(h.name, np.nan):.1f}" for h in HEADS)
        print(f"| {name} | {labelled.name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
