"""The model card, made from the run and its dev scores; never written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from nlp.heads import HEADS
from training.behaviour import CapabilityScore, suite_table
from training.evaluate import SetScore, table

CARD_FILE: Final = "CARD.md"
OWN: Final = {
    "corpus": "our own text, the project's licence",
    "real_train": "labels our own; the texts are read from dumps and not passed on",
}
LIMITS: Final = """\
- Most sources state no licence. `tingfeng train small-permissive.yaml` uses those whose data \
carry a permissive one, and our corpus. That costs, against the default model of 2026-11-23: suite \
80.9 % for 89.1 %; on dev rows 9 points of macro-F1 in sentiment (mean of 22 sets), 19 in emotion \
(9), 25 in topics (9); sentiment of the held-out corpus nothing (docs/experiments.md).
- Words that name a topic, an aspect or one of three flags lower its threshold; risks also come \
from words alone (`python -m benchmarks.words`).
- Sarcasm is learnt from some thousand examples; expect misses.
- Toxicity was learnt on disputes about race, gender and region; a mere mention of such \
groups may be flagged.
- A comment is read without its video or thread; what only the context tells is not seen.
"""


def write_card(
    out: Path,
    record: dict[str, Any],
    scores: list[SetScore],
    flips: dict[str, dict[str, float]],
    suite: list[CapabilityScore],
    *,
    speed: float,
) -> None:
    """Writes ``CARD.md`` into the model folder."""
    recipe = record["recipe"]
    parts = [
        _head(record, flips, speed),
        _data(record),
        _scores(recipe["name"], scores),
        *([_suite(suite)] if suite else []),
        "## Limits\n\n" + LIMITS,
    ]
    (out / CARD_FILE).write_text("\n\n".join(parts), encoding="utf-8")


def _head(record: dict[str, Any], flips: dict[str, dict[str, float]], speed: float) -> str:
    recipe = record["recipe"]
    heads = ", ".join(f"{head.name} ({len(head.labels)})" for head in HEADS)
    return f"""\
# {recipe["name"]}

Scores Chinese comments in one forward pass; heads and their labels: {heads}.

- Base encoder: `{recipe["base"]}`, vocabulary cut to {record["pieces"]:,} pieces plus \
{record["emotes"]:,} emotes and emoji; see NOTICE.
- Reads at most {recipe["max_tokens"]} tokens: of a longer comment the head and the tail.
- {_training(record)}
- Stored as ONNX in fp16, the embedding in int8 unless exported without{_wide(recipe)}. \
Labels changed by that: \
{_shares(flips["stored"])}; together with the served precision: {_shares(flips["served"])}.
- {speed:,.0f} comments of the written corpus per second on the machine that exported it, in \
batches; `python -m benchmarks.engines` measures yours.
- Probabilities are calibrated with one temperature per head; thresholds of topics, flags, risks \
and aspects were chosen on the dev rows below, so their scores there are a little flattered; those \
on real_agreed are not."""


def _wide(recipe: dict[str, Any]) -> str:
    bits, size = recipe.get("wide_bits", 0), recipe.get("wide_size", 0)
    return f", the wide part ({2**bits:,} n-grams x {size}) in 4 bits" if bits else ""


def _training(record: dict[str, Any]) -> str:
    recipe = record["recipe"]
    before = f", after the run of `{recipe['starts_from']}`" if recipe.get("starts_from") else ""
    if recipe.get("average_with"):
        before += f", averaged with `{recipe['average_with']}` ({recipe['average_weight']:.0%})"
    return (
        f"Trained for {recipe['epochs']} epochs{before}, learning rate {recipe['learning_rate']}, "
        f"seed {recipe['seed']}, commit `{record['commit'][:12] or 'none'}`."
    )


def _data(record: dict[str, Any]) -> str:
    licences = {Path(s["file"]).stem: s["licence"] for s in record["recipe"]["sources"]} | OWN
    rows = "\n".join(
        f"| {name} | {d['rows']:,} | {licences.get(name, '–')} | `{d['sha256']}` |"
        for name, d in record["data"].items()
    )
    return f"""\
## Training data

| source | rows | licence as stated | sha256 |
|---|---|---|---|
{rows}

The mapping of each source's labels is the recipe, `training/recipes/`. None of the data is \
part of the model folder."""


def _scores(recipe: str, scores: list[SetScore]) -> str:
    return f"""\
## Scores on dev rows

As served (OpenVINO), each set in its own label space; brackets: Wilson 95 % interval; ECE \
over 15 bins.
Command: `tingfeng evaluate RECIPE --model FOLDER --split dev` with the recipe named {recipe}.

{table(scores)}"""


def _suite(suite: list[CapabilityScore]) -> str:
    return f"""\
## Behavioural suite

Easy cases that nothing was trained on: `tests/behaviour/README.md`.
Command: `tingfeng evaluate RECIPE --model FOLDER --behaviour tests/behaviour/cases`.

{suite_table(suite)}"""


def _shares(flips: dict[str, float]) -> str:
    return ", ".join(f"{head} {share:.2%}" for head, share in flips.items())
