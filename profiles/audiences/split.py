"""A holdout that stays the same: who is in it depends on the person and the audience alone.

Adding persons moves nobody, and two audiences hold out different persons.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_SPAN: Final = 2.0**64


def draws(person_ids: pa.Array, salt: str) -> npt.NDArray[np.float64]:
    """(persons,): a number in [0, 1) for each person, uniform over persons (SHA-256)."""
    prefix = hashlib.sha256(salt.encode())
    found = np.empty(len(person_ids), dtype=np.float64)
    for i, person in enumerate(person_ids.to_pylist()):
        digest = prefix.copy()
        digest.update(b"\0" + person.encode())
        found[i] = int.from_bytes(digest.digest()[:8]) / _SPAN
    return found


def held_out(person_ids: pa.Array, *, share: float, salt: str) -> npt.NDArray[np.bool_]:
    """(persons,): True for about ``share`` of them, to be left out of a campaign.

    Raises:
        ValueError: the share is not in [0, 1).
    """
    if not 0 <= share < 1:
        raise ValueError(f"holdout: expected a share from 0 to below 1, found {share}; take 0.1")
    return np.asarray(draws(person_ids, salt) < share)
