"""Series of key figures judged: where each stands now, and every time one left its band.

Pure: rows of ``scope_id, metric, period, value, n`` in (see ``figures``), verdicts out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from profiles.baselines.band import STATES, Band, judge
from profiles.baselines.errors import BaselineError
from profiles.baselines.figures import COUNTS, SHARES

COLUMNS: Final = ("scope_id", "metric", "period", "value", "n")
MAX_PERIODS: Final = 4000  # eleven years of days


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One value against its band; numbers are None where they are not known."""

    scope_id: str
    metric: str
    period: str
    value: float | None
    expected: float | None
    low: float | None
    high: float | None
    seasonal: bool
    state: str


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """``latest`` has one verdict per series, ``left`` all that left the band, newest first;
    ``table`` has every value.
    """

    unit: str
    periods: int
    latest: tuple[Verdict, ...]
    left: tuple[Verdict, ...]
    table: pa.Table


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """The series of one metric, side by side over consecutive periods."""

    metric: str
    ids: Any
    periods: Any
    values: Any
    trials: Any


def build_baseline(rows: pa.Table, *, unit: str = "day") -> Baseline:
    """Judge every value of every series.

    Raises:
        BaselineError: a column is missing, or the periods span too long a time.
    """
    missing = [name for name in ("metric", "period", "value") if name not in rows.column_names]
    if missing:
        raise BaselineError(
            f"expected the columns {', '.join(COLUMNS)}, found no {', no '.join(missing)}; "
            "rename the columns"
        )
    tables, latest = [_SCHEMA.empty_table()], []
    n_periods = 0
    for grid in _grids(rows, unit):
        table = _judged(grid, judge(grid.values, grid.trials, weekly=unit == "week"))
        tables.append(table)
        latest.append(table.take(pa.array(_last_known(grid.values))))
        n_periods = max(n_periods, len(grid.periods))
    whole = pa.concat_tables(tables)
    left = whole.filter(pc.is_in(whole["state"], pa.array(["above", "below"])))
    order = [("period", "descending"), ("metric", "ascending"), ("scope_id", "ascending")]
    return Baseline(
        unit=unit,
        periods=n_periods,
        latest=tuple(one for table in latest for one in _verdicts(table)),
        left=tuple(_verdicts(left.sort_by(order))),
        table=whole,
    )


def _grids(rows: pa.Table, unit: str) -> Iterator[_Grid]:
    if not rows.num_rows:
        return
    days = _days(rows["period"])
    step = 7 if unit == "week" else 1
    first = int(days.min()) - ((int(days.min()) + _MONDAY) % 7 if unit == "week" else 0)
    column = (days - first) // step
    if column.max() >= MAX_PERIODS:
        raise BaselineError(
            f"expected at most {MAX_PERIODS} periods, found {column.max() + 1}; give fewer"
        )
    periods = (first + step * np.arange(column.max() + 1)).astype("datetime64[D]")
    metrics = np.asarray(rows["metric"].to_pylist(), dtype=object)
    ids = _column(rows, "scope_id", pa.string(), "")
    values, trials = (_column(rows, name, pa.float64(), np.nan) for name in ("value", "n"))
    for metric in sorted(set(metrics)):
        at = np.flatnonzero(metrics == metric)
        names, row = np.unique(ids[at].astype(str), return_inverse=True)
        cells = np.full((len(names), len(periods)), 0.0 if metric in COUNTS else np.nan)
        cells[row, column[at]] = values[at]
        of = None
        if metric in SHARES:
            of = np.zeros_like(cells)
            of[row, column[at]] = np.nan_to_num(trials[at])
        yield _Grid(metric=metric, ids=names, periods=periods, values=cells, trials=of)


def _days(column: pa.ChunkedArray) -> Any:
    """Dates, moments or text as days since 1970."""
    try:
        if pa.types.is_string(column.type):
            column = pc.utf8_slice_codeunits(column, 0, 10)
        days = column.cast(pa.date32()).cast(pa.int32())
        if days.null_count:
            raise pa.ArrowInvalid(f"{days.null_count} empty")
        return days.to_numpy().astype(np.int64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BaselineError(
            f"period: expected dates such as 2026-09-30 in every row, found {error}; correct it"
        ) from error


def _column(rows: pa.Table, name: str, kind: pa.DataType, fallback: Any) -> Any:
    if name not in rows.column_names:
        return np.full(rows.num_rows, fallback, dtype=object if kind == pa.string() else float)
    try:
        return rows[name].cast(kind).fill_null(fallback).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BaselineError(f"{name}: expected {kind}, found {error}; correct it") from error


def _judged(grid: _Grid, band: Band) -> pa.Table:
    """One row per series and period."""
    columns = {
        "scope_id": np.repeat(grid.ids, len(grid.periods)),
        "metric": np.repeat(grid.metric, grid.values.size),
        "period": np.tile(grid.periods.astype(str), len(grid.ids)),
        "value": grid.values.ravel(),
        "expected": band.expected.ravel(),
        "low": band.low.ravel(),
        "high": band.high.ravel(),
        "seasonal": band.seasonal.ravel(),
        "state": np.asarray(STATES)[band.state.ravel()],
    }
    arrays = [pa.array(columns[f.name], f.type, from_pandas=True) for f in _SCHEMA]
    return pa.Table.from_arrays(arrays, schema=_SCHEMA)


def _last_known(values: Any) -> Any:
    """The place, row by row, of the last value of each series that has one."""
    known = np.isfinite(values)
    last = values.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    rows = np.flatnonzero(known.any(axis=1))
    return rows * values.shape[1] + last[rows]


def _verdicts(table: pa.Table) -> Iterator[Verdict]:
    return (Verdict(**row) for row in table.to_pylist())


_MONDAY: Final = 3  # 1970-01-01 was a Thursday
_SCHEMA: Final = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("scope_id", "metric", "period")),
        *(pa.field(name, pa.float64()) for name in ("value", "expected", "low", "high")),
        pa.field("seasonal", pa.bool_()),
        pa.field("state", pa.string()),
    ]
)
