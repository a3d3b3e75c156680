"""Dumps made for the benchmarks of batch scoring: comments of a real dump's lengths, and wide CSV rows.

The same seed gives the same bytes; files are written as a stream, so that their size costs no memory.
"""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Final

from data.corpus import read_corpus
from data.sample.corpus import read_lines

# A Douyin dump of 126,066 comments: every eighth comment with content repeats an earlier one, most of them
# the same few emotes (12.9 %), and a comment has 5 tokens (at the 5th percentile) to 160 (the most that is read)
REPEATED: Final = 0.11  # some more repeat by chance: the table says how many did
LENGTHS: Final = ((0.05, 3), (0.25, 7), (0.5, 11), (0.75, 17), (0.9, 27), (0.95, 39), (0.99, 88))
LONGEST: Final = 200
COMMON: Final = ("[捂脸][捂脸]", "[玫瑰][玫瑰]", "[赞][赞]", "哈哈哈", "[666][666]", "来了", "好看")


def generated(path: Path, rows: int, *, seed: int = 1) -> Path:
    """JSONL comments joined out of written ones and cut to a real dump's lengths, some repeated."""
    texts = [r["text"] for r in read_corpus()] + [line.text for line in read_lines()]
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as out:
        for number in range(rows):
            row = {
                "comment_id": str(10**17 + number),
                "content": _text(rng, texts),
                "like_count": 0,
            }
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def wide_csv(path: Path, size: int, *, columns: int = 24, seed: int = 1) -> int:
    """A CSV of at least ``size`` bytes with ``columns`` more text columns; gives the rows."""
    texts = [r["text"] for r in read_corpus()]
    rng = random.Random(seed)
    extra = [f"extra_{at:02}" for at in range(columns)]
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["comment_id", "content", *extra])
        while out.tell() < size:
            for _ in range(1_000):
                rows += 1
                cells = (f"{rng.getrandbits(64):016x}{rng.choice(texts)}" for _ in extra)
                writer.writerow([10**17 + rows, _text(rng, texts), *cells])
    return rows


def _text(rng: random.Random, texts: list[str]) -> str:
    if rng.random() < REPEATED:
        return rng.choice(COMMON)
    length = _length(rng.random())
    text = rng.choice(texts)[rng.randrange(4) :]
    while len(text) < length:
        text += rng.choice(texts)
    return text[:length]


def _length(share: float) -> int:
    """Characters of a comment at that share of all, straight between the known points."""
    below, shorter = 0.0, 1
    for upto, longer in (*LENGTHS, (1.0, LONGEST)):
        if share <= upto:
            return round(shorter + (longer - shorter) * (share - below) / (upto - below))
        below, shorter = upto, longer
    return LONGEST
