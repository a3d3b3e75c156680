"""How many labels are right on sentences that any Chinese reader finds easy: the challenge set and
the demo's comments.

Run: ``python -m benchmarks.labels [--wrong]``. Neither set is trained on. ``--wrong`` lists every
miss.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from data.sample.corpus import read_lines
from nlp.analyzer import Analyzer
from nlp.insight import CommentInsight
from nlp.scorer import load_scorer

CHALLENGE = Path(__file__).resolve().parents[1] / "tests" / "nlp" / "challenge.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--model", default=None)
    arguments = parser.parse_args()
    analyzer = Analyzer(load_scorer(arguments.model))
    print(f"{analyzer.scorer.model_version}\n")
    challenge = [json.loads(line) for line in CHALLENGE.read_text(encoding="utf-8").splitlines()]
    _report("challenge", challenge, analyzer, show_wrong=arguments.wrong)
    lines = [vars(line) | {"group": line.phase} for line in read_lines()]
    _report("demo", lines, analyzer, show_wrong=arguments.wrong)


def _report(name: str, rows: list[dict[str, Any]], analyzer: Analyzer, *, show_wrong: bool) -> None:
    insights = analyzer.analyze([r["text"] for r in rows])
    groups: dict[str, list[bool]] = defaultdict(list)
    for row, insight in zip(rows, insights, strict=True):
        right = insight.sentiment == row["sentiment"]
        groups[row["group"]].append(right)
        if show_wrong and not right:
            print(
                f"{row['group']}: {row['text']} expected {row['sentiment']}, found {insight.sentiment} {insight.sentiment_score}"
            )
    print(f"| {name}: group | rows | sentiment right |\n|---|---|---|")
    for group, hits in groups.items():
        print(f"| {group} | {len(hits)} | {sum(hits) / len(hits):.1%} |")
    every = [hit for hits in groups.values() for hit in hits]
    print(f"| all | {len(every)} | {sum(every) / len(every):.1%} |\n")
    emotions = [_emotion_right(r, i) for r, i in zip(rows, insights, strict=True)]
    print(f"emotion right: {sum(emotions) / len(emotions):.1%}\n")
    print("| label | true | found | precision | recall |\n|---|---|---|---|---|")
    for kind in ("flags", "risks", "interests"):
        _per_label(kind, rows, insights)
    print()


def _emotion_right(row: dict[str, Any], insight: CommentInsight) -> bool:
    expected = row["emotion"]
    return insight.emotion in (expected if isinstance(expected, list) else [expected])


def _per_label(kind: str, rows: list[dict[str, Any]], insights: list[CommentInsight]) -> None:
    truth = [set(r[kind]) for r in rows]
    found = [{getattr(x, "topic", x) for x in getattr(i, kind)} for i in insights]
    labels = sorted(set().union(*truth)) if kind != "interests" else ["all topics"]
    for label in labels:
        if kind == "interests":
            hits = sum(len(t & f) for t, f in zip(truth, found, strict=True))
            n_true, n_found = sum(map(len, truth)), sum(map(len, found))
        else:
            hits = sum(label in t and label in f for t, f in zip(truth, found, strict=True))
            n_true = sum(label in t for t in truth)
            n_found = sum(label in f for f in found)
        precision = f"{hits / n_found:.0%}" if n_found else "–"
        print(
            f"| {kind}: {label} | {n_true} | {n_found} | {precision} | {hits / max(1, n_true):.0%} |"
        )


if __name__ == "__main__":
    main()
