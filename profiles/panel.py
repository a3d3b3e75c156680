"""Persons of one shape side by side: as many days with signals, as many topics.

Arrays of such persons need no padding, so what follows is arithmetic on whole arrays instead of a
loop over persons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.labels import INTERESTS
from profiles.divergence import Floats

TOPICS: Final = tuple(INTERESTS)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """P persons with n days and K topics each; days run from the oldest to the newest.

    ``mass`` and ``signals`` are (P, n, K), ``age_days`` (P, n); ``topics`` (P, K) are positions in
    ``TOPICS``; ``persons`` (P,) are positions in the order of person ids.
    """

    persons: NDArray[np.int64]
    topics: NDArray[np.int64]
    age_days: Floats
    mass: Floats
    signals: NDArray[np.int64]

    def take(self, rows: NDArray[Any]) -> Panel:
        """Return the panel of some of its persons (positions or a mask)."""
        return Panel(
            persons=self.persons[rows],
            topics=self.topics[rows],
            age_days=self.age_days[rows],
            mass=self.mass[rows],
            signals=self.signals[rows],
        )

    def interests(self, half_life_days: float) -> Floats:
        """Return each person's topic weights (P, K), every day halved per half-life of its age.

        Ages count from the person's newest day: shares are the same and nothing underflows.
        """
        fading = fade(self.age_days, half_life_days)
        return np.asarray(np.einsum("pn,pnk->pk", fading, self.mass), dtype=np.float64)


def fade(age_days: Floats, half_life_days: float) -> Floats:
    """Return the weight of each day (P, n) relative to the newest, the last column."""
    return np.asarray(np.exp2(-(age_days - age_days[:, -1:]) / half_life_days), dtype=np.float64)


def panels(days: pa.Table) -> Iterator[Panel]:
    """Yield every person of ``signal_days`` once, in the panel of their shape, shapes ascending.

    ``days`` is ordered by person, day, topic. Growth: one sort of the rows; a panel for each pair
    of day count and topic count that occurs.
    """
    if days.num_rows == 0:
        return
    person = _person_codes(days)
    topic = _topic_codes(days)
    age = days["age_days"].to_numpy().astype(np.int64)
    day_rank, n_days = _ranks(person, -age)
    topic_rank, n_topics = _ranks(person, topic)
    shape = n_days * (len(TOPICS) + 1) + n_topics  # one number per pair
    order = np.argsort(shape[person], kind="stable")
    edges = np.flatnonzero(np.diff(shape[person][order], prepend=-1))
    weight, count = days["weight"].to_numpy(), days["n_signals"].to_numpy()
    for rows in np.split(order, edges[1:]):
        ids, place = np.unique(person[rows], return_inverse=True)
        size = (len(ids), int(n_days[ids[0]]), int(n_topics[ids[0]]))
        panel = Panel(
            persons=ids,
            topics=np.zeros((size[0], size[2]), np.int64),
            age_days=np.zeros(size[:2]),
            mass=np.zeros(size),
            signals=np.zeros(size, np.int64),
        )
        cell = place, day_rank[rows], topic_rank[rows]
        panel.mass[cell], panel.signals[cell] = weight[rows], count[rows]
        panel.age_days[cell[:2]] = age[rows]
        panel.topics[place, topic_rank[rows]] = topic[rows]
        yield panel


def person_ids(days: pa.Table) -> pa.Array:
    """Return the distinct person ids of ``days`` in its order: what ``Panel.persons`` counts in."""
    return _encoded(days["person_id"]).dictionary


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    encoded = column.dictionary_encode().combine_chunks()
    return encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded


def _person_codes(days: pa.Table) -> NDArray[np.int64]:
    return np.asarray(_encoded(days["person_id"]).indices.to_numpy(), dtype=np.int64)


def _topic_codes(days: pa.Table) -> NDArray[np.int64]:
    encoded = _encoded(days["topic"])
    codes = np.asarray([TOPICS.index(name) for name in encoded.dictionary.to_pylist()], np.int64)
    return np.asarray(codes[encoded.indices.to_numpy()], dtype=np.int64)


def _ranks(
    person: NDArray[np.int64], value: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Per row its value's rank among the person's distinct ones; per person how many there are."""
    width = int(value.max() - value.min()) + 1
    pairs, pair = np.unique(person * width + (value - value.min()), return_inverse=True)
    owner = pairs // width
    first = np.searchsorted(owner, np.arange(person[-1] + 1))
    return pair - first[person], np.diff(first, append=len(pairs))
