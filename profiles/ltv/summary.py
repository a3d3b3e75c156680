"""What the models need of each person: (x, t_x, T) and the mean worth of a repeat purchase.

A purchase is a day in China with at least one order of zero or more (see
``profiles.rfm.purchases``); refunds lower that day's worth or, on a day of their own, nothing.
``x`` is the number of purchases after the first, ``t_x`` the age at the last, ``T`` the age at the
end; ages are in units from the first purchase. These are not the R and F of RFM.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final, Literal

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from profiles.errors import ProfilesError
from profiles.rfm.purchases import OrderCounts, count_orders, read_purchases

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Unit = Literal["day", "week", "month"]
DAYS_PER_UNIT: Final = MappingProxyType({"day": 1.0, "week": 7.0, "month": 365.25 / 12})
_PERSONS: Final = """
WITH days AS (
    SELECT person_id, day, sum(fen)::BIGINT AS fen FROM bought
    WHERE day <= $until::DATE GROUP BY person_id, day HAVING max(fen) >= 0
),
firsts AS (SELECT person_id, min(day) AS first FROM days WHERE day <= $end::DATE GROUP BY ALL)
SELECT person_id, first,
    date_diff('day', first, max(day) FILTER (day <= $end::DATE)) AS recency_days,
    date_diff('day', first, $end::DATE) AS age_days,
    count(*) FILTER (day <= $end::DATE) - 1 AS x,
    coalesce(sum(fen) FILTER (day > first AND day <= $end::DATE), 0)::BIGINT AS repeat_fen,
    count(*) FILTER (day > $end::DATE) AS later
FROM days JOIN firsts USING (person_id) GROUP BY person_id, first ORDER BY person_id"""
_MONTHS: Final = """
SELECT year(day) * 12 + month(day) - 1 AS month, count(*) AS n FROM (
    SELECT person_id, day, row_number() OVER (PARTITION BY person_id ORDER BY day) AS nth
    FROM bought WHERE day <= $end::DATE GROUP BY person_id, day HAVING max(fen) >= 0)
WHERE nth > 1 GROUP BY ALL ORDER BY ALL"""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Persons by id; arrays are one value per person, ages in days until ``scaled``.

    ``mean_cny`` is the mean worth of repeat purchases, 0 where there is none; ``later`` the
    purchases after ``end`` up to ``until``.
    """

    end: date
    until: date
    person_id: pa.Array
    first_day: Ints  # days since 1970-01-01
    x: Ints
    recency_days: Ints
    age_days: Ints
    mean_cny: Floats
    later: Ints
    repeats_by_month: dict[int, int]  # up to ``end``, by year * 12 + month - 1
    counts: OrderCounts

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, kw_only=True)
class Ages:
    """x, t_x and T of persons, or of groups of equal ones with their ``weight``."""

    x: Floats
    t_x: Floats
    T: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.x)


def summarize(orders: pa.Table, end: date, *, until: date | None = None) -> Summary:
    """Return what is known of each person at the end of day ``end``, and the purchases after it.

    ``orders`` as for ``profiles.rfm.purchases.read_purchases``. Persons whose first purchase is
    later than ``end`` are not there.

    Raises:
        ProfilesError: a column is missing, or ``until`` is before ``end``.
    """
    until = until or end
    if until < end:
        raise ProfilesError(
            f"expected the calibration to end up to {until}, found {end}; swap the two days"
        )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        read_purchases(connection, orders)
        counts = count_orders(connection, until)
        months = connection.execute(_MONTHS, {"end": end}).fetchall()
        table = connection.execute(_PERSONS, {"end": end, "until": until}).to_arrow_table()
    x = _ints(table["x"])
    return Summary(
        end=end,
        until=until,
        person_id=table["person_id"].combine_chunks(),
        first_day=_ints(table["first"].cast(pa.int32())),
        x=x,
        recency_days=_ints(table["recency_days"]),
        age_days=_ints(table["age_days"]),
        mean_cny=np.where(x > 0, _ints(table["repeat_fen"]) / np.maximum(x, 1) / 100, 0.0),
        later=_ints(table["later"]),
        repeats_by_month=dict(months),
        counts=counts,
    )


def in_units(summary: Summary, unit: Unit) -> Ages:
    """Return each person's x, t_x and T in a unit of time, each of weight 1."""
    days = DAYS_PER_UNIT[unit]
    return Ages(
        x=summary.x.astype(float),
        t_x=summary.recency_days / days,
        T=summary.age_days / days,
        weight=np.ones(len(summary)),
    )


def group_equal(ages: Ages) -> tuple[Ages, Ints]:
    """Return the distinct triples with the sum of their weights, and each row's group.

    Fitting costs the distinct triples, not the persons; whole days and few purchases keep them few.
    """
    order = np.lexsort((ages.x, ages.t_x, ages.T))
    x, t_x, T = ages.x[order], ages.t_x[order], ages.T[order]
    new = np.ones(len(order), bool)
    new[1:] = (x[1:] != x[:-1]) | (t_x[1:] != t_x[:-1]) | (T[1:] != T[:-1])
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(new) - 1
    weight = np.bincount(group, ages.weight, minlength=int(new.sum())).astype(float)
    return Ages(x=x[new], t_x=t_x[new], T=T[new], weight=weight), group


def _ints(column: pa.ChunkedArray) -> Ints:
    return column.to_numpy().astype(np.int64)  # type: ignore[no-any-return]
