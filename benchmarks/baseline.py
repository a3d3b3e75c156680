"""The shipped model beside a character n-gram linear model, trained anew in the same run, on every
dev split.

Run: ``python -m benchmarks.baseline --data DIR [--only NAME…]``; needs the training extra and the
labelled sets. The
baseline learns each set's own training rows (TF-IDF over 1- to 3-grams of characters, linear SVM)
in the same mapped label
space in which the model is judged; both see normalised text. The model is one network for all sets.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from nlp.heads import HEAD_BY_NAME, HEADS, Head, output_slices
from nlp.scorer import load_scorer
from training.metrics import HeadScore, score_head
from training.recipe import load_recipe
from training.sources import LabelledSet, load_sources

RECIPE = Path(__file__).resolve().parents[1] / "training" / "recipes" / "small.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--model", default=None)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    recipe = load_recipe(RECIPE)
    scorer = load_scorer(arguments.model)
    dev = _by_head(load_sources(recipe, arguments.data, split="dev"))
    train = _by_head(load_sources(recipe, arguments.data, split="train"))
    print("| set | head | dev rows | n-gram accuracy | ours | n-gram macro-F1 | ours | ahead |")
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    for (name, head_name), labelled in dev.items():
        if arguments.only and name not in arguments.only:
            continue
        head = HEAD_BY_NAME[head_name]
        ours = score_head(head, scorer.logits(labelled.texts).values, labelled)
        if ours is None or ours.rows < 60:
            continue
        theirs = baseline_score(head, train[name, head_name], labelled)
        if theirs is not None:
            rows.append(_record(name, head, ours, theirs))
            print(_line(rows[-1]), flush=True)
    behind = [r for r in rows if r["ours_f1"] < r["ngram_f1"]]
    print(
        f"\n{scorer.model_version}: ahead in macro-F1 on {len(rows) - len(behind)} of {len(rows)}"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _by_head(sets: list[LabelledSet]) -> dict[tuple[str, str], LabelledSet]:
    """Each set under every head that it feeds; a file may feed several heads as several sets."""
    found: dict[tuple[str, str], LabelledSet] = {}
    for labelled in sets:
        for head in HEADS:
            if (labelled.weights[head.name] > 0).any():
                found.setdefault((labelled.name, head.name), labelled)
    return found


def baseline_score(head: Head, train: LabelledSet, dev: LabelledSet) -> HeadScore | None:
    """The linear model's score on ``dev`` in the label space of ``score_head``."""
    logits = np.full((len(dev), sum(len(h.labels) for h in HEADS)), -9.0, dtype=np.float32)
    part = output_slices()[head.name]
    rows = np.flatnonzero((train.weights[head.name] > 0) & (train.targets[head.name] == 1).any(-1))
    if head.name == "flags":
        return _flags_score(head, train, dev, logits)
    truth = train.targets[head.name][rows].argmax(
        -1
    )  # the first allowed class stands for its group
    if len(rows) < 20 or len(np.unique(truth)) < 2:
        return None
    model, features = _fit([train.texts[i] for i in rows], truth)
    margins = model.decision_function(features.transform(dev.texts))
    if margins.ndim == 1:
        margins = np.stack([-margins, margins], axis=1)
    logits[:, part][:, model.classes_] = margins
    return score_head(head, logits, dev)


def _flags_score(
    head: Head, train: LabelledSet, dev: LabelledSet, logits: np.ndarray
) -> HeadScore | None:
    part = output_slices()[head.name]
    fitted = False
    for j in range(len(head.labels)):
        target = train.targets[head.name][:, j]
        rows = np.flatnonzero(target >= 0)
        if len(rows) < 20 or len(np.unique(target[rows])) < 2:
            continue
        model, features = _fit([train.texts[i] for i in rows], target[rows])
        logits[:, part.start + j] = model.decision_function(features.transform(dev.texts))
        fitted = True
    return score_head(head, logits, dev) if fitted else None


def _fit(texts: list[str], truth: np.ndarray) -> tuple[LinearSVC, TfidfVectorizer]:
    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    model = LinearSVC(C=0.5)
    model.fit(features.fit_transform(texts), truth)
    return model, features


def _record(name: str, head: Head, ours: HeadScore, theirs: HeadScore) -> dict[str, object]:
    return {
        "set": name,
        "head": head.name,
        "rows": ours.rows,
        "ngram_accuracy": theirs.accuracy,
        "ours_accuracy": ours.accuracy,
        "ngram_f1": theirs.macro_f1,
        "ours_f1": ours.macro_f1,
    }


def _line(r: dict[str, object]) -> str:
    p = {k: f"{100 * float(v):.1f}" for k, v in r.items() if isinstance(v, float)}
    ahead = 100 * (float(str(r["ours_f1"])) - float(str(r["ngram_f1"])))
    return (
        f"| {r['set']} | {r['head']} | {r['rows']} | {p['ngram_accuracy']} | {p['ours_accuracy']} "
        f"| {p['ngram_f1']} | {p['ours_f1']} | {ahead:+.1f} |"
    )


if __name__ == "__main__":
    main()
