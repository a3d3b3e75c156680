"""How far two readers agree on the same 500 real comments: Cohen's kappa (1960) per head and label.

Run: ``python -m benchmarks.agreement``. Their labels stand in ``data/annotations``; what they differed
on was settled by a third reading (``agreed``).
"""

from __future__ import annotations

from typing import Any

from sklearn.metrics import cohen_kappa_score

from data.annotations import read_annotations
from data.labels import ASPECTS, FLAGS, INTERESTS, RISKS

SINGLE = ("sentiment", "emotion")
SEVERAL = {"interests": INTERESTS, "flags": FLAGS, "risks": RISKS, "aspects": ASPECTS}
FEWEST = 5  # labels that hold for fewer comments by either reader are counted with their head alone


def main() -> None:
    first, second = read_annotations("first"), read_annotations("second")
    pairs = [(first[key], second[key]) for key in first]
    print("| head | label | first | second | equal % | kappa |\n|---|---|---|---|---|---|")
    for head in SINGLE:
        a, b = [x[head] for x, _ in pairs], [y[head] for _, y in pairs]
        _row(head, "all", len(a), len(b), a, b)
    for head, labels in SEVERAL.items():
        marks = [_marks(pairs, head, label) for label in labels]
        a, b = [x for one, _ in marks for x in one], [y for _, two in marks for y in two]
        _row(head, "all", sum(a), sum(b), a, b)
        for label, (one, two) in zip(labels, marks, strict=True):
            if min(sum(one), sum(two)) >= FEWEST:
                _row(head, label, sum(one), sum(two), one, two)
    same = [all(x[k] == y[k] for k in (*SINGLE, *SEVERAL)) for x, y in pairs]
    print(f"\nevery label equal: {sum(same)} of {len(same)} comments")


def _marks(
    pairs: list[tuple[dict[str, Any], dict[str, Any]]], head: str, label: str
) -> tuple[list[bool], list[bool]]:
    return [_holds(x, head, label) for x, _ in pairs], [_holds(y, head, label) for _, y in pairs]


def _holds(row: dict[str, Any], head: str, label: str) -> bool:
    return label in [x["aspect"] if head == "aspects" else x for x in row[head]]


def _row(head: str, label: str, first: int, second: int, a: list[Any], b: list[Any]) -> None:
    equal = sum(x == y for x, y in zip(a, b, strict=True)) / len(a)
    kappa = cohen_kappa_score(a, b)
    print(f"| {head} | {label} | {first} | {second} | {100 * equal:.1f} | {kappa:.2f} |")


if __name__ == "__main__":
    main()
