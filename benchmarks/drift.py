"""How many simulated migrations ``profiles.drift`` finds, and how often it cries wolf.

Run: ``python -m benchmarks.drift [--persons N] [--seed N]``. A person has active days spread over 120 days,
two signals a day, and a mix of food 50 %, travel 30 %, pets 20 %. A mover gives a share of all signals (the
strength) to fitness from 30 days ago on. ``spells`` are persons who did not move but whose topic of a day is that
of the day before with a chance of one half: what the shuffles assume does not hold for them.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from profiles.drift import detect_drift

AS_OF = datetime(2026, 9, 30, 12, tzinfo=UTC)
TOPICS = np.array(["food", "travel", "pets", "fitness"])
MIX = np.array([0.5, 0.3, 0.2, 0.0])
SPAN_DAYS, MOVED_DAYS_AGO, SIGNALS_PER_DAY = 120, 30, 2
ACTIVE_DAYS = (8, 12, 20, 40, 80)
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=1000, help="per cell")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    dice = np.random.default_rng(arguments.seed)
    heads = ["stayed", "stayed, in spells", *(f"moved {s:.0%}" for s in STRENGTHS[1:])]
    print("reported, % of the persons of a cell\n")
    print(f"| active days | {' | '.join(heads)} | median days off |")
    print("|---" * (len(heads) + 2) + "|")
    start = time.perf_counter()
    for n_days in ACTIVE_DAYS:
        cells = [(0.0, 0.0), (0.0, 0.5), *((s, 0.0) for s in STRENGTHS[1:])]
        found = [reported(dice, arguments.persons, n_days, *cell) for cell in cells]
        shown = " | ".join(f"{share:.1%}" for share, _ in found)
        print(f"| {n_days} | {shown} | {found[-1][1]:.0f} |", flush=True)
    persons = arguments.persons * len(ACTIVE_DAYS) * len(heads)
    print(f"\n{persons:,} persons in {time.perf_counter() - start:.1f} s, drawing included")


def reported(
    dice: np.random.Generator, persons: int, n_days: int, strength: float, sticks: float
) -> tuple[float, float]:
    """Share of the persons of one cell reported, and how far off the day is (median, days)."""
    found = detect_drift(simulated(dice, persons, n_days, strength, sticks), AS_OF)
    moved_on = AS_OF.date() - timedelta(days=MOVED_DAYS_AGO)
    off = [abs((row["changed_on"] - moved_on).days) for row in found.movers()]
    return found.moved / persons, float(np.median(off)) if off else float("nan")


def simulated(
    dice: np.random.Generator, persons: int, n_days: int, strength: float, sticks: float
) -> pa.Table:
    """Rows of ``signal_days`` for one cell; everybody's newest day is today."""
    shuffled = dice.permuted(np.tile(np.arange(1, SPAN_DAYS), (persons, 1)), axis=1)
    age = np.sort(shuffled[:, :n_days], axis=1)[:, ::-1]
    age[:, -1] = 0
    topic = dice.choice(4, (persons, n_days, SIGNALS_PER_DAY), p=MIX)
    stays = dice.random((persons, n_days)) < sticks
    for day in range(1, n_days):
        topic[:, day] = np.where(stays[:, day, None], topic[:, day - 1], topic[:, day])
    moves = (age < MOVED_DAYS_AGO)[..., None] & (dice.random(topic.shape) < strength)
    topic = np.where(moves, 3, topic)
    who = np.repeat(np.arange(persons), n_days * SIGNALS_PER_DAY)
    ages = np.repeat(age.ravel(), SIGNALS_PER_DAY)
    cells = np.stack([who, -ages, topic.ravel()], axis=1)
    distinct, count = np.unique(cells, axis=0, return_counts=True)
    order = np.lexsort((distinct[:, 2], distinct[:, 1], distinct[:, 0]))
    distinct, count = distinct[order], count[order]
    return pa.table(
        {
            "person_id": [f"p{k:07}" for k in distinct[:, 0]],
            "topic": TOPICS[distinct[:, 2]],
            "weight": count.astype(float),
            "n_signals": count,
            "age_days": -distinct[:, 1],
        }
    )


if __name__ == "__main__":
    main()
