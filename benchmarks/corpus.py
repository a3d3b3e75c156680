"""What the written corpus holds, and how alike its comments are.

Run: ``python -m benchmarks.corpus``. ``data/corpus/CARD.md`` quotes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from data.corpus import read_corpus
from data.labels import ASPECTS, FLAGS, INTERESTS, RISKS

GRAM = 3
ALIKE = 0.7  # Jaccard similarity of the character 3-grams
CHUNK = 1_000


def main() -> None:
    rows = read_corpus()
    lengths = np.array([len(row["text"]) for row in rows])
    families = {row["family"] for row in rows if "family" in row}
    quartiles = [int(x) for x in np.percentile(lengths, [5, 25, 50, 75, 95])]
    print(f"{len(rows):,} comments, {lengths.sum():,} characters, {len(families):,} families")
    print(f"characters: 5 % {quartiles[0]}, 25 % {quartiles[1]}, median {quartiles[2]}, ", end="")
    print(f"75 % {quartiles[3]}, 95 % {quartiles[4]}\n")
    for head in ("sentiment", "emotion"):
        counts = Counter(row[head] for row in rows).most_common()
        print(f"- {head}: " + ", ".join(f"{label} {n:,}" for label, n in counts))
    for head, labels in (("interests", INTERESTS), ("flags", FLAGS), ("risks", RISKS)):
        counts = Counter(label for row in rows for label in row[head])
        none = sum(not row[head] for row in rows)
        print(f"- {head}: {_listed(counts, labels)}; none {none:,}")
    aspects = Counter(f"{a['aspect']} {a['polarity']}" for row in rows for a in row["aspects"])
    print("- aspects (positive / neutral / negative): ", end="")
    print(", ".join(f"{a} {_polarities(aspects, a)}" for a in ASPECTS))
    pairs = sum(1 for _ in alike(rows))
    print(
        f"- pairs of comments of different families with a Jaccard similarity above {ALIKE}: {pairs}"
    )


def alike(rows: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """Pairs of rows whose character 3-grams are nearly the same; minimal pairs of a family apart."""
    vocabulary: dict[str, int] = {}
    indices, starts = [], [0]
    for row in rows:
        text = row["text"]
        grams = {text[i : i + GRAM] for i in range(max(1, len(text) - GRAM + 1))}
        indices += [vocabulary.setdefault(gram, len(vocabulary)) for gram in grams]
        starts.append(len(indices))
    shape = (len(rows), len(vocabulary))
    matrix = csr_matrix((np.ones(len(indices), dtype=np.int32), indices, starts), shape=shape)
    sizes = np.diff(starts)
    for first in range(0, len(rows), CHUNK):
        shared = (matrix[first : first + CHUNK] @ matrix.T).tocoo()
        a, b = shared.row + first, shared.col
        union = sizes[a] + sizes[b] - shared.data
        for i, j in zip(
            a[shared.data > ALIKE * union], b[shared.data > ALIKE * union], strict=True
        ):
            if i < j and rows[i].get("family", i) != rows[j].get("family", j):
                yield int(i), int(j)


def _listed(counts: Counter[str], labels: Any) -> str:
    return ", ".join(f"{label} {counts[label]:,}" for label in labels if counts[label])


def _polarities(counts: Counter[str], aspect: str) -> str:
    return " / ".join(str(counts[f"{aspect} {p}"]) for p in ("positive", "neutral", "negative"))


if __name__ == "__main__":
    main()
