"""How far two mixes of topics are apart: the Jensen-Shannon distance.

The square root of the Jensen-Shannon divergence in bits (Lin 1991); the root is a metric (Endres
and Schindelin 2003). 0 for equal mixes, 1 for mixes without a common topic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def entropy_bits(shares: Floats) -> Floats:
    """Return the entropy in bits over the last axis; a share of zero adds nothing."""
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(-np.einsum("...k,...k->...", shares, logs), dtype=np.float64)


def js_distance(one: Floats, other: Floats) -> Floats:
    """Return the distance, 0..1, of two arrays of weights over their last axis.

    Weights are zero or more and need not sum to one. Where one side weighs nothing it is NaN.
    """
    p, q = _shares(one), _shares(other)
    bits = entropy_bits((p + q) / 2) - (entropy_bits(p) + entropy_bits(q)) / 2
    same = (p == q).all(axis=-1)
    return np.asarray(np.where(same, 0.0, np.sqrt(np.clip(bits, 0.0, 1.0))), dtype=np.float64)


def _shares(weights: Floats) -> Floats:
    total = weights.sum(axis=-1, keepdims=True)
    shares = np.divide(weights, total, out=np.full_like(weights, np.nan), where=total > 0)
    return np.asarray(shares, dtype=np.float64)
