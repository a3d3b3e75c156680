"""Fine-tuning on a user's own table of (text, label): ``tingfeng train comments.csv --head …``.

The rows are split by their text (80 % train, 10 % dev, 10 % test), rare labels weigh more, the
shipped model is the start, and the written corpus is mixed in so that the other heads keep what
they know. The report compares both models on the test rows.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from data import labels
from data.readers import open_dump
from nlp.artifact import DEFAULT_MODEL, find_model
from nlp.heads import HEAD_BY_NAME, Head
from training.errors import TrainingError
from training.evaluate import confusion_lines, evaluate_sets
from training.finetune import train
from training.pipeline import export_run
from training.recipe import HeadMapping, Recipe, Source

ROWS_FILE: Final = "own.parquet"
MIN_ROWS: Final = 50
MAX_TOKENS: Final = 160
CORPUS_REPEAT: Final = 1
LEARNING_RATE: Final = 5e-5
HEAD_LEARNING_RATE: Final = 2e-4
_NAMES: Final[dict[str, Mapping[str, str]]] = {
    "sentiment": labels.SENTIMENTS,
    "emotion": labels.EMOTIONS,
    "interest": labels.INTERESTS,
    "flags": labels.FLAGS,
    "risks": labels.RISKS,
}
_ALIASES: Final = {
    "pos": "positive", "neg": "negative", "neu": "neutral", "积极": "positive", "消极": "negative",
    "正向": "positive", "负向": "negative", "中立": "neutral", "好评": "positive",
    "差评": "negative", "中评": "neutral",
}  # fmt: skip


def read_rows(path: Path, *, text_column: str, label_column: str) -> list[tuple[str, str]]:
    """(text, label) of every row that has both; encodings and faults are handled as for dumps.

    Raises:
        TrainingError: a column is missing, or fewer than ``MIN_ROWS`` rows are left.
    """
    rows: list[tuple[str, str]] = []
    for batch in open_dump(path, format="table").batches():
        table = batch.original
        missing = [c for c in (text_column, label_column) if c not in table.schema.names]
        if missing:
            raise TrainingError(
                f"{path}: expected the columns {text_column} and {label_column}, "
                f"found {table.schema.names}; name them with --text-column and --label-column"
            )
        pairs = zip(table[text_column].to_pylist(), table[label_column].to_pylist(), strict=True)
        rows += [(str(t).strip(), str(y).strip()) for t, y in pairs if t and y is not None]
    if len(rows) < MIN_ROWS:
        raise TrainingError(
            f"{path}: expected at least {MIN_ROWS} rows with a text and a label, "
            f"found {len(rows)}; label more"
        )
    return rows


def map_labels(found: set[str], head_name: str, given: Mapping[str, str]) -> dict[str, str]:
    """From the table's labels to the head's: by ``given``, by key, or by Chinese name.

    Raises:
        TrainingError: a label stands for none of the head's, or no such head.
    """
    if head_name not in _NAMES:
        raise TrainingError(f"expected --head out of {', '.join(_NAMES)}, found {head_name}")
    keys = _NAMES[head_name]
    known = {k: k for k in keys} | {name: k for k, name in keys.items()} | _ALIASES | dict(given)
    mapped = {label: known.get(label, known.get(label.lower(), "")) for label in found}
    wrong = sorted(label for label, key in mapped.items() if key not in keys)
    if wrong:
        raise TrainingError(
            f"expected labels of {head_name} ({', '.join(keys)}), found {', '.join(wrong[:8])}; "
            f"say what each stands for: --map {wrong[0]}={next(iter(keys))}"
        )
    return mapped


def write_rows(rows: list[tuple[str, str]], run_dir: Path) -> Counter[str]:
    """The rows with their split as Parquet in the run folder; gives the rows per split."""
    unique = dict(rows)
    splits = [split_of(text) for text in unique]
    table = {"text": list(unique), "label": list(unique.values()), "split": splits}
    run_dir.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table), run_dir / ROWS_FILE)
    return Counter(splits)


def split_of(text: str) -> str:
    """``train``, ``dev`` or ``test`` by the text alone, so that a longer table keeps its split."""
    share = hashlib.sha256(text.encode()).digest()[0] / 256
    return "test" if share < 0.1 else "dev" if share < 0.2 else "train"


def own_recipe(name: str, head: str, mapped: Mapping[str, str], *, epochs: float) -> Recipe:
    """Fine-tuning at a low rate, until dev gets no better."""
    mapping = HeadMapping(labels=_values(HEAD_BY_NAME[head], mapped), balanced=True)
    return Recipe(
        name=name,
        base="a shipped model",
        starts_from="a shipped model",
        max_tokens=MAX_TOKENS,
        epochs=epochs,
        evaluations=1,
        patience=2,
        tokens_per_batch=1_024,
        learning_rate=LEARNING_RATE,
        head_learning_rate=HEAD_LEARNING_RATE,
        layer_decay=0.9,
        weight_decay=0.01,
        warmup_share=0.1,
        dropout=0.1,
        seed=7,
        min_piece_count=1,
        min_emote_count=1,
        corpus_repeat=CORPUS_REPEAT,
        sources=(Source(file=ROWS_FILE, heads={head: mapping}, licence="your own"),),
    )


def _values(head: Head, mapped: Mapping[str, str]) -> dict[str, object]:
    """A flag or risk says that it holds and tells nothing of the others."""
    if head.exclusive or head.name == "interest":
        return dict(mapped)
    return {label: {key: 1} for label, key in mapped.items()}


def fine_tune(
    table: Path,
    *,
    run_dir: Path,
    head: str,
    text_column: str = "text",
    label_column: str = "label",
    mapping: Mapping[str, str] | None = None,
    epochs: float = 4.0,
    model: str | None = None,
    resume: bool = True,
) -> str:
    """Trains, exports to ``run_dir/model`` and gives the report on the held-out rows.

    Raises:
        TrainingError: the table or its labels do not fit; see ``read_rows`` and ``map_labels``.
    """
    rows = read_rows(table, text_column=text_column, label_column=label_column)
    mapped = map_labels({label for _, label in rows}, head, mapping or {})
    counts = write_rows(rows, run_dir)
    recipe = own_recipe(table.stem, head, mapped, epochs=epochs)
    start = find_model(model or DEFAULT_MODEL)
    train(recipe, data_dir=run_dir, run_dir=run_dir, start=start, resume=resume)
    out = export_run(run_dir, run_dir / "model", data_dir=run_dir)
    lines = [f"{counts['train']} rows trained on, {counts['dev']} dev, {counts['test']} held out"]
    for name, folder in (("before", str(start)), ("after", str(out))):
        scores = [s for s in evaluate_sets(recipe, folder, run_dir, split="test") if s.head == head]
        lines += [
            f"{name}: {s.score.macro_f1:.1%} macro-F1, {s.score.accuracy:.1%} accuracy"
            for s in scores
        ]
        lines += confusion_lines(scores[0]) if name == "after" and scores else []
    return "\n".join([*lines, f"the model: {out}"])
