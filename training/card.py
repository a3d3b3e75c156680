"""The model card, made from the run and its dev scores; never written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.evaluate import SetScore, table

CARD_FILE = "CARD.md"


def write_card(
    out: Path, record: dict[str, Any], scores: list[SetScore], flips: dict[str, dict[str, float]]
) -> None:
    """Writes ``CARD.md`` into the model folder."""
    recipe = record["recipe"]
    lines = [
        f"# {recipe['name']}",
        "",
        "Scores Chinese comments for sentiment (3 classes), emotion (8), interest topics (26) and flags (6) "
        "in one forward pass.",
        "",
        f"- Base encoder: `{recipe['base']}`, vocabulary cut to {record['pieces']:,} pieces "
        f"plus {record['emotes']:,} emotes and emoji; see NOTICE.",
        f"- Reads at most {recipe['max_tokens']} tokens: of a longer comment the head and the tail.",
        f"- Trained for {recipe['epochs']} epochs, learning rate {recipe['learning_rate']}, seed {recipe['seed']}, "
        f"commit `{record['commit'][:12] or 'none'}`.",
        f"- Stored as ONNX, embedding in int8, other weights in fp16. Labels changed by that: "
        f"{_shares(flips['stored'])}; together with the served precision: {_shares(flips['served'])}.",
        "- Probabilities are calibrated with one temperature per head; thresholds of topics and flags were chosen "
        "on the dev rows below, so their scores there are a little flattered.",
        "",
        "## Training data",
        "",
        "| source | rows | sha256 |",
        "|---|---|---|",
        *(f"| {name} | {d['rows']:,} | `{d['sha256']}` |" for name, d in record["data"].items()),
        "",
        "The mapping of each source's labels is the recipe, `training/recipes/`. None of the data is part of the model folder.",
        "",
        "## Scores on dev rows",
        "",
        "As served (OpenVINO), each set in its own label space; brackets: Wilson 95 % interval; ECE over 15 bins.",
        f"Command: `tingfeng evaluate training/recipes/{recipe['name'].split('-')[-1]}.yaml --split dev`.",
        "",
        table(scores),
        "",
        "## Limits",
        "",
        "- Aspects, risks and the flags question, purchase_intent and complaint also come from word rules, not from the network alone.",
        "- Sarcasm is learnt from a few hundred written examples; expect misses.",
        "- Toxicity was learnt on disputes about race, gender and region; a mere mention of such groups may be flagged.",
        "- A comment is read without its video or thread; what only the context tells is not seen.",
        "",
    ]
    (out / CARD_FILE).write_text("\n".join(lines), encoding="utf-8")


def _shares(flips: dict[str, float]) -> str:
    return ", ".join(f"{head} {share:.2%}" for head, share in flips.items())
