"""Why persons drop: what those who left between two steps have more often than those who went on.

For each value of each property of the event at which they stood, and for each tag of theirs: a
2 x 2 table, Fisher's exact test where an expected count is below ``EXACT_BELOW``, else Pearson's
chi-squared test; over all tables of the funnel the false-discovery rate of Benjamini and Hochberg
(1995). What comes out goes together with leaving; it need not be its cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from profiles.funnel.actors import Matched, match_rows
from profiles.funnel.events import Ints, encoded, read_rows
from profiles.funnel.relation import Relation
from profiles.funnel.spec import FunnelSpec

EXACT_BELOW: Final = 5.0  # expected count, Cochran (1954)
FALSE_DISCOVERIES: Final = 0.05
MIN_PERSONS: Final = 5  # of a value on both sides together
MAX_VALUES: Final = 200  # of a property; with more it is a number or an id, and left out
_NOT_PROPERTIES: Final = frozenset({"person_id", "event", "time", "properties", "platform"})


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One value that goes together with leaving after ``after_step`` (from 1).

    Shares are of those who left and those who went on; ``ratio`` is the odds ratio with 0.5 added
    to each cell (Haldane and Anscombe); ``q_value`` is adjusted over everything that was tested.
    """

    after_step: int
    name: str
    value: str
    dropped: int
    went_on: int
    share_dropped: float
    share_went_on: float
    ratio: float
    p_value: float
    q_value: float
    test: str


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """What was found, smallest q first; how much was tested, and what was not and why."""

    found: tuple[Reason, ...]
    tested: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Count:
    after_step: int
    name: str
    value: str
    cells: tuple[int, int, int, int]  # dropped with and without it, went on with and without it


def find_reasons(
    events: Relation,
    spec: FunnelSpec,
    profiles: pa.Table | None = None,
    properties: Sequence[str] | None = None,
) -> Reasons:
    """Values over-represented among those who dropped, at a false-discovery rate of 5 %.

    ``properties`` are those of events (every plain column unless given); ``profiles`` has
    ``person_id`` and tags as further columns, lists count by member.
    """
    names = properties
    if names is None:
        names = [name for name in events.columns if name not in _NOT_PROPERTIES]
    rows = read_rows(events, spec, tuple(names) or ("event",))
    matched = match_rows(rows, spec)
    counts: list[_Count] = []
    left_out: list[str] = []
    for name in names:
        value = rows.values[name]
        if len(value.dictionary) > MAX_VALUES:
            left_out.append(f"{name}: {len(value.dictionary)} values, more than {MAX_VALUES}")
        else:
            counts += _of_events(matched, spec, name, value)
    if profiles is not None:
        counts += _of_profiles(matched, spec, profiles, left_out)
    return _judged(counts, left_out)


def _sides(matched: Matched, spec: FunnelSpec) -> Iterator[tuple[int, Ints, Ints]]:
    """Each step with the persons (rows of the table) who dropped after it and who went on."""
    level = matched.table["level"].to_numpy()
    for step in range(1, len(spec.steps)):
        yield step, np.flatnonzero(level == step), np.flatnonzero(level > step)


def _of_events(
    matched: Matched, spec: FunnelSpec, name: str, value: pa.DictionaryArray
) -> Iterator[_Count]:
    index = value.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    words = value.dictionary.to_pylist()
    at = matched.reached.rows[matched.best]
    for step, dropped, went_on in _sides(matched, spec):
        origin = matched.events.row
        if origin is None:
            return
        one = index[origin[at[dropped, step - 1]]]
        other = index[origin[at[went_on, step - 1]]]
        yield from _tables(step, name, words, one, other, len(dropped), len(went_on))


def _of_profiles(
    matched: Matched, spec: FunnelSpec, profiles: pa.Table, left_out: list[str]
) -> Iterator[_Count]:
    ids = matched.table["person_id"]
    place = pc.index_in(
        profiles["person_id"].cast(ids.type), value_set=ids.combine_chunks()
    ).combine_chunks()
    for name in profiles.column_names:
        if name == "person_id":
            continue
        person, value = _long(place, profiles[name])
        if len(value.dictionary) > MAX_VALUES:
            left_out.append(f"{name}: {len(value.dictionary)} values, more than {MAX_VALUES}")
            continue
        index, words = value.indices.to_numpy(), value.dictionary.to_pylist()
        side = np.zeros(len(ids), np.int64)
        for step, dropped, went_on in _sides(matched, spec):
            side[:] = 0
            side[dropped], side[went_on] = 1, 2
            one, other = index[side[person] == 1], index[side[person] == 2]
            yield from _tables(step, name, words, one, other, len(dropped), len(went_on))


def _long(place: pa.Array, column: pa.ChunkedArray) -> tuple[Ints, pa.DictionaryArray]:
    """Pairs of person (row of the table) and value, each once; lists count by member."""
    one = column.combine_chunks()
    if pa.types.is_list(one.type):
        parents = pc.list_parent_indices(one)
        place, one = place.take(parents), pc.list_flatten(one)
    kept = pc.and_(pc.is_valid(place), pc.is_valid(one))
    pairs = pa.table({"p": place.filter(kept), "v": one.cast(pa.string()).filter(kept)})
    pairs = pairs.group_by(["p", "v"], use_threads=False).aggregate([])
    return pairs["p"].to_numpy().astype(np.int64), encoded(pairs["v"])


def _tables(
    step: int, name: str, words: list[str], one: Ints, other: Ints, n_one: int, n_other: int
) -> Iterator[_Count]:
    if not n_one or not n_other:
        return
    here = np.bincount(one[one >= 0], minlength=len(words))
    there = np.bincount(other[other >= 0], minlength=len(words))
    for at in np.flatnonzero(here + there >= MIN_PERSONS):
        a, c = int(here[at]), int(there[at])
        yield _Count(
            after_step=step, name=name, value=words[at], cells=(a, n_one - a, c, n_other - c)
        )


def _judged(counts: list[_Count], left_out: list[str]) -> Reasons:
    told = [one for one in counts if one.cells[1] or one.cells[3]]  # else everybody has it
    tests = [judge_table(one.cells) for one in told]
    q_values = adjusted([p for p, _ in tests])
    found = [
        _reason(one, p, float(q), test)
        for one, (p, test), q in zip(told, tests, q_values, strict=True)
    ]
    kept = [one for one in found if one.q_value <= FALSE_DISCOVERIES and one.ratio > 1]
    kept.sort(key=lambda one: (one.q_value, -one.ratio, one.after_step, one.name, one.value))
    return Reasons(found=tuple(kept), tested=len(told), left_out=tuple(left_out))


def _reason(count: _Count, p_value: float, q_value: float, test: str) -> Reason:
    a, b, c, d = count.cells
    return Reason(
        after_step=count.after_step,
        name=count.name,
        value=count.value,
        dropped=a,
        went_on=c,
        share_dropped=a / (a + b),
        share_went_on=c / (c + d),
        ratio=(a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5)),
        p_value=p_value,
        q_value=q_value,
        test=test,
    )


def judge_table(cells: tuple[int, int, int, int]) -> tuple[float, str]:
    """The two-sided p value of a 2 x 2 table and the test that gave it."""
    from scipy import stats

    table = np.array(cells, dtype=np.int64).reshape(2, 2)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    if expected.min() < EXACT_BELOW:
        return float(stats.fisher_exact(table).pvalue), "fisher"
    return float(stats.chi2_contingency(table, correction=False).pvalue), "chi2"


def adjusted(p_values: ArrayLike) -> NDArray[Any]:
    """Benjamini-Hochberg q values, in the order given."""
    p = np.asarray(p_values, dtype=float)
    if not len(p):
        return p
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.minimum.accumulate(scaled[::-1])[::-1]
    found = np.empty_like(p)
    found[order] = np.minimum(q, 1)
    return found
