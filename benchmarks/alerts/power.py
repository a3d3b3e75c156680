"""What the test of one window can find at all: ``python -m benchmarks.alerts.power``.

The chance that a crisis of three times the expected negative comments passes the test with the
default budget, were the baseline known for certain: counts are negative binomial with the spread of
the simulation's share (0.15) and what the number of other comments leaves open.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import nbinom

from serving.alerts.detection.significance import chances, count_tail
from serving.alerts.detection.thresholds import WINDOWS_S, Thresholds

RATES = (0.5, 1, 2, 4, 8, 16, 32)  # negative comments expected per hour
SHARE = 0.17
SHARE_SPREAD = 0.15
LASTS_H = 13.5  # mean length of a simulated burst, of which a third is its height


def power(per_hour: float, window: int, size: float = 3.0) -> float:
    """Chance that the window in which the burst began, or its height, is significant."""
    hours = WINDOWS_S[window] / 3600
    mean = per_hour * hours
    height = LASTS_H / 3
    crisis = _extra(min(hours, LASTS_H), height) / hours * (size - 1)
    spread = SHARE_SPREAD**2 + 1 / max(mean * (1 - SHARE) / SHARE, 1e-9)
    bar, _ = chances(Thresholds(), 200)
    counts = np.arange(0, 40 + int(10 * mean * size), dtype=float)
    tails = count_tail(counts, np.full(len(counts), mean), np.full(len(counts), spread))
    enough = (tails <= bar[window]) & (counts >= Thresholds().min_negatives)
    needed = counts[enough & (counts >= Thresholds().min_ratio * mean)].min()
    true_mean, shape = mean * (1 + crisis), 1 / SHARE_SPREAD**2
    found: float = nbinom.sf(needed - 1, shape, shape / (shape + true_mean))
    return found


def _extra(hours: float, height: float) -> float:
    """Hours at full height that the first ``hours`` of a burst are worth."""
    down = max(0.0, hours - height)
    return min(hours, height) + down - down**2 / (4 * height)


def main() -> None:
    names = [f"{s // 60} min" if s < 3600 else f"{s // 3600} h" for s in WINDOWS_S]
    print(f"| expected an hour | {' | '.join(names)} |")
    print("|---" * (1 + len(names)) + "|")
    for rate in RATES:
        cells = [f"{power(rate, window):.0%}" for window in range(len(names))]
        print(f"| {rate:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
