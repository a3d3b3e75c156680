"""Processor time of what batch scoring does beside the network, step by step, in one thread.

Run: ``python -m benchmarks.batch_beside DUMP [--rows 30000]``. Seconds of the processor, best of three; the first rows of
the dump.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from data.readers import Dump, open_dump
from nlp.columns import by_words
from nlp.keywords import KeywordExtractor
from nlp.normalize import has_content, normalize

REPEATS = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints one row per step."""
    parser = argparse.ArgumentParser(prog="benchmarks.batch_beside", description=__doc__)
    parser.add_argument("dump", type=Path)
    parser.add_argument("--rows", type=int, default=30_000)
    options = parser.parse_args(arguments)
    keywords = KeywordExtractor()
    dump = open_dump(options.dump)
    comments = first_comments(dump, options.rows)
    texts = [text for text in dict.fromkeys(map(normalize, comments)) if has_content(text)]
    steps: dict[str, tuple[int, Callable[[], object]]] = {
        "read": (len(comments), lambda: first_comments(dump, options.rows)),
        "normalise": (len(comments), lambda: [normalize(text) for text in comments]),
        "keywords": (len(texts), lambda: keywords.tfidf_batch(texts)),
        "rules": (len(texts), lambda: [by_words(text) for text in texts]),
    }
    keywords.tfidf_batch(texts[:100])  # loads the dictionaries
    by_words(texts[0])
    sys.stdout.write("| step | texts | s of the processor |\n|---|---|---|\n")
    for name, (rows, step) in steps.items():
        sys.stdout.write(f"| {name} | {rows:,} | {min(map(seconds, [step] * REPEATS)):.2f} |\n")
        sys.stdout.flush()


def first_comments(dump: Dump, rows: int) -> list[str]:
    """The texts of the dump's first rows; an empty one where there is none."""
    batches = dump.batches(rows=rows)
    texts = (text for batch in batches for text in batch.records["text"].to_pylist())
    return [text or "" for text in islice(texts, rows)]


def seconds(step: Callable[[], object]) -> float:
    """Processor time of one run."""
    start = time.process_time()
    step()
    return time.process_time() - start


if __name__ == "__main__":
    main()
