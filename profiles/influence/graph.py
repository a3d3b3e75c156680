"""Relations as a sparse graph: an edge goes from who pays attention to who gets it.

A follower, a fan, someone who replies: ``source``; the one followed or replied to: ``target``.
Equal edges are one with their weights added; edges to oneself or with a missing end are counted and
left out, and so are weights that are not above zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from profiles.errors import ProfilesError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Graph:
    """``attention[i, j]`` is the weight from person i to person j; ``ids`` are sorted."""

    ids: pa.Array
    attention: sparse.csr_array
    rows: int
    left_out: int

    @property
    def persons(self) -> int:
        """Number of persons with a relation."""
        return len(self.ids)

    @property
    def edges(self) -> int:
        """Number of distinct edges."""
        return int(self.attention.nnz)

    def mutual(self) -> sparse.csr_array:
        """Return the graph without directions and weights: symmetric, every entry 1."""
        both = (self.attention + self.attention.T).tocsr()
        both.data = np.ones(both.nnz, np.int8)
        both.sort_indices()
        return both


def build_graph(relations: pa.Table) -> Graph:
    """Return the graph of rows with source, target and perhaps weight (1 where it is not there).

    Raises:
        ProfilesError: a column is missing.
    """
    missing = [name for name in ("source", "target") if name not in relations.column_names]
    if missing:
        raise ProfilesError(
            f"expected columns source, target, found {', '.join(relations.column_names)}; "
            f"missing: {', '.join(missing)}"
        )
    ends = [_text(relations[name]) for name in ("source", "target")]
    weight = _weights(relations)
    kept = pc.and_(pc.is_valid(ends[0]), pc.is_valid(ends[1]))
    kept = pc.and_(kept, pc.fill_null(pc.not_equal(ends[0], ends[1]), False))
    kept = pc.and_(kept, pa.array(weight > 0))
    source, target = (end.filter(kept) for end in ends)
    codes = pa.concat_arrays([source, target]).dictionary_encode()
    order = pc.sort_indices(codes.dictionary).to_numpy()
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    at = place[codes.indices.to_numpy()]
    n, half = len(order), len(source)
    entries = (weight[kept.to_numpy(zero_copy_only=False)], (at[:half], at[half:]))
    matrix = sparse.coo_array(entries, shape=(n, n)).tocsr()
    matrix.sum_duplicates()
    return Graph(
        ids=codes.dictionary.take(pa.array(order)),
        attention=matrix,
        rows=relations.num_rows,
        left_out=relations.num_rows - half,
    )


def _text(column: pa.ChunkedArray) -> pa.Array:
    """Ids as trimmed text, empty ones null."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    whole = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    return whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole


def _weights(relations: pa.Table) -> Floats:
    """A value that is no number, or not above zero and finite, is 0; a missing one is 1."""
    if "weight" not in relations.column_names:
        return np.ones(relations.num_rows)
    column = relations["weight"]
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        number = pc.match_substring_regex(column, r"^\s*[0-9]+(\.[0-9]+)?\s*$")
        text = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.fill_null(number, True), text, pa.scalar("0"))
    values = pc.fill_null(column.cast(pa.float64()), 1.0).to_numpy()
    return np.where(np.isfinite(values) & (values > 0), values, 0.0)
