"""Interest vectors: one row per person, one column per topic, shares that sum to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data.labels import INTERESTS
from profiles.errors import ProfilesError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """``shares`` is persons by topics, rows sum to 1; ``left_out`` persons showed no interest."""

    person_id: pa.Array
    topics: tuple[str, ...]
    shares: Floats
    left_out: int

    def __len__(self) -> int:
        return len(self.person_id)

    @property
    def points(self) -> Floats:
        """The roots of the shares: their distances are Hellinger's, which weigh small shares."""
        return np.sqrt(self.shares)


def build_vectors(interests: pa.Table, topics: Sequence[str] | None = None) -> Vectors:
    """Return the vectors of rows with person_id, topic and weight; equal rows are added.

    ``topics`` are the columns wanted; without them those of the taxonomy that are there, then any
    others by name. A weight that is no number, or below zero, counts as 0.

    Raises:
        ProfilesError: a column is missing.
    """
    missing = [n for n in ("person_id", "topic", "weight") if n not in interests.column_names]
    if missing:
        raise ProfilesError(
            f"expected columns person_id, topic, weight, found "
            f"{', '.join(interests.column_names)}; missing: {', '.join(missing)}"
        )
    with duckdb.connect() as connection:
        connection.register("interests_in", interests)
        cells = connection.execute(
            """WITH typed AS (
                   SELECT trim(person_id::VARCHAR) AS person_id, trim(topic::VARCHAR) AS topic,
                       try_cast(weight AS DOUBLE) AS weight FROM interests_in
                   WHERE nullif(trim(person_id::VARCHAR), '') IS NOT NULL)
               SELECT dense_rank() OVER (ORDER BY person_id) - 1 AS row, person_id, topic,
                   sum(CASE WHEN isfinite(weight) AND weight > 0 THEN weight ELSE 0 END) AS weight
               FROM typed GROUP BY person_id, topic ORDER BY row, topic"""
        ).to_arrow_table()
    names = tuple(topics) if topics is not None else _known(cells["topic"].unique().to_pylist())
    row = cells["row"].to_numpy().astype(np.int64)
    column_of = pa.array(names, pa.string())
    column = pc.index_in(cells["topic"], value_set=column_of).fill_null(-1).to_numpy()
    persons = int(row[-1]) + 1 if len(row) else 0
    weight = np.zeros((persons, len(names)))
    used = column >= 0
    weight[row[used], column[used]] = cells["weight"].to_numpy()[used]
    total = weight.sum(axis=1)
    some = total > 0
    first = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]])[: len(row)])
    ids = cells["person_id"].combine_chunks().take(pa.array(first))
    return Vectors(
        person_id=ids.filter(pa.array(some)),
        topics=names,
        shares=weight[some] / total[some, None],
        left_out=int((~some).sum()),
    )


def _known(found: list[str | None]) -> tuple[str, ...]:
    given = {name for name in found if name}
    return tuple([t for t in INTERESTS if t in given] + sorted(given - set(INTERESTS)))
