"""Counts of rules over bitmaps of many persons, beside the same counts with NumPy's sorted sets.

Run: ``python -m benchmarks.audiences [--persons 10000000] [--repeats 20] [--seed 1]``. Four tags of about 50 %, 20 %,
5 % and 1 % of the persons. ``load`` is what the first count of a fresh process reads from the home folder.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from profiles.audiences.bitmaps import Bitmaps, Ordinals
from profiles.conditions.text import parse
from profiles.conditions.tree import FieldTest

# of 10 M persons: 4,998,171, 2,000,561, 501,643 and 99,757
SHARES = {"a": 0.4998171, "b": 0.2000561, "c": 0.0501643, "d": 0.0099757}
RULES = {
    "(A & B) - C": "tag = a and tag = b and not tag = c",
    "(B + C + D) - A": "(tag = b or tag = c or tag = d) and not tag = a",
    "A & B": "tag = a and tag = b",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    tags = drawn(arguments.persons, arguments.seed)
    sizes = ", ".join(f"{len(tag):,}" for tag in tags.values())
    print(f"{arguments.persons:,} persons, tags of {sizes}")
    with tempfile.TemporaryDirectory() as folder:
        made = bitmaps(tags, arguments.persons, Path(folder))
        build_s = timed(lambda: [made.count(tag_test(name)) for name in tags], 1)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        fresh = bitmaps({}, arguments.persons, Path(folder))
        load_s = timed(lambda: [fresh.count(tag_test(name)) for name in tags], 1)
        print(
            f"build {build_s * 1e3:.0f} ms, kept {size / 1e6:.2f} MB, load {load_s * 1e3:.1f} ms\n"
        )
        print("| rule | persons | bitmaps, median ms | NumPy sets, ms |")
        print("|---|---|---|---|")
        for name, rule in RULES.items():
            condition = parse(rule)
            n = fresh.count(condition)
            peer = by_numpy(name, tags)
            if n != len(peer()):
                raise SystemExit(f"{name}: expected {len(peer()):,} persons, found {n:,}")
            ours_ms = timed(partial(fresh.count, condition), arguments.repeats) * 1e3
            print(f"| {name} | {n:,} | {ours_ms:.2f} | {timed(peer, 1) * 1e3:.1f} |", flush=True)


def drawn(persons: int, seed: int) -> dict[str, Ordinals]:
    """The ordinals of each tag's persons, sorted; exactly the shares of the persons."""
    dice = np.random.default_rng(seed)
    return {
        name: np.sort(dice.permutation(persons)[: round(share * persons)]).astype(np.uint32)
        for name, share in SHARES.items()
    }


def bitmaps(tags: dict[str, Ordinals], persons: int, folder: Path) -> Bitmaps:
    """Bitmaps that answer ``tag = name`` from the arrays, or from the folder."""
    return Bitmaps(size=persons, ask=lambda test: tags[str(test.values[0])], folder=folder)


def tag_test(name: str) -> FieldTest:
    """``tag = name``."""
    return FieldTest(field="tag", op="=", values=(name,))


def by_numpy(rule: str, tags: dict[str, Ordinals]) -> Callable[[], Ordinals]:
    """The same set by NumPy."""
    a, b, c, d = (tags[name] for name in "abcd")
    found: dict[str, Callable[[], Ordinals]] = {
        "(A & B) - C": lambda: np.setdiff1d(np.intersect1d(a, b, True), c, True),
        "(B + C + D) - A": lambda: np.setdiff1d(np.union1d(np.union1d(b, c), d), a, True),
        "A & B": lambda: np.intersect1d(a, b, True),
    }
    return found[rule]


def timed(job: Callable[[], object], repeats: int) -> float:
    """The median of the seconds that it takes."""
    took = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


if __name__ == "__main__":
    main()
