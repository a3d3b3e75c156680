"""Spending power: what a person's orders say, as known as of a moment.

RFM *values* (last order, number, sum) for ``tingfeng rfm`` to grade; the average order; per
category of goods a budget band; the share of orders at a discount with its Wilson interval, and
what was taken back. Categories, bands and the words that mark a discount are data:
``spending.yaml``. An order of a negative amount is money given back. Amounts are added in whole
cents.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import ibis
from ibis import ir

from profiles.dimensions.inputs import DAY_S, newest, ratio, seconds, visible, with_newest
from profiles.dimensions.rules import rules
from profiles.intervals import Z_95

MIN_DISCOUNT_ORDERS: Final = 3
OTHER: Final = "other"


def spending_by_person(orders: ir.Table, events: ir.Table, as_of: datetime) -> ir.Table:
    """Return one row per person who ordered or took something back.

    Columns: user_id, n (orders), amount_cny, average_order_cny, first_at, last_at, gap_days (mean
    between orders), n_discounted, discount_share with _low and _high (null below
    ``MIN_DISCOUNT_ORDERS`` orders), n_refunds, refunded_cny, row_1 to row_3 (order ids).
    """
    kept = _orders(orders, as_of)
    paid = kept.cents >= 0
    summed = kept.group_by("user_id").aggregate(
        n=kept.count(),
        n_priced=kept.count(where=kept.amount_cny.notnull() & paid),
        cents=kept.cents.sum(where=paid),
        back=kept.cents.sum(where=~paid),
        n_back=kept.count(where=~paid),
        n_discounted=kept.count(where=kept.discounted),
        first_at=kept.time.min(),
        last_at=kept.time.max(),
    )
    rows = newest(kept, ["user_id"], at="time", ref="order_id")
    summed = summed.left_join(rows, "user_id").drop("user_id_right")
    taken = _refunds(events, as_of)
    found = summed.outer_join(taken.rename(taker="user_id"), summed.user_id == taken.user_id)
    low, high = _wilson(found.n_discounted, found.n)
    told = found.n >= MIN_DISCOUNT_ORDERS
    span_days = (seconds(found.last_at) - seconds(found.first_at)).cast("float64") / float(DAY_S)
    return found.select(
        user_id=ibis.coalesce(found.user_id, found.taker),
        n=found.n.fill_null(0),
        amount_cny=_cny(found.cents),
        average_order_cny=ratio(found.cents, found.n_priced * 100).round(2),
        first_at=found.first_at,
        last_at=found.last_at,
        gap_days=(span_days / (found.n - 1).cast("float64").nullif(0.0)).round(1),
        n_discounted=found.n_discounted,
        discount_share=told.ifelse(ratio(found.n_discounted, found.n), None),
        discount_low=told.ifelse(low.round(6), None),
        discount_high=told.ifelse(high.round(6), None),
        n_refunds=found.n_back.fill_null(0) + found.n_refunds.fill_null(0),
        refunded_cny=_cny(-found.back),
        last_seen=ibis.greatest(
            ibis.coalesce(found.last_at, found.refunded_at),
            ibis.coalesce(found.refunded_at, found.last_at),
        ),
        row_1=found.row_1,
        row_2=found.row_2,
        row_3=found.row_3,
    )


def spending_by_category(orders: ir.Table, as_of: datetime) -> ir.Table:
    """Return one row per person and category of goods.

    Columns: user_id, category, n, amount_cny, average_cny, band (low, middle, high), last_seen,
    row_1 to row_3.
    """
    kept = _orders(orders, as_of)
    kept = kept.filter(kept.amount_cny.notnull() & (kept.cents >= 0))
    counted = kept.group_by("user_id", "category").aggregate(
        n=kept.count(), cents=kept.cents.sum(), last_seen=kept.time.max()
    )
    average = ratio(counted.cents, counted.n * 100).round(2)
    counted = counted.select(
        "user_id",
        "category",
        "n",
        amount_cny=_cny(counted.cents),
        average_cny=average,
        band=_band(counted.category, average),
        last_seen=counted.last_seen,
    )
    return with_newest(counted, kept, ["user_id", "category"], at="time", ref="order_id")


def category_names() -> dict[str, str]:
    """Return the Chinese name of every category."""
    given = rules("spending")
    names = {key: str(one["name"]) for key, one in given["categories"].items()}
    return names | {OTHER: str(given["other"]["name"])}


def _orders(orders: ir.Table, as_of: datetime) -> ir.Table:
    given = rules("spending")
    kept = visible(orders, as_of, "time")
    goods = kept["items"].fill_null("")
    branches = [(goods.re_search(_any(one["words"])), key) for key, one in _categories(given)]
    return kept.mutate(
        cents=(kept.amount_cny * 100.0).round().cast("int64").fill_null(0),
        discounted=goods.re_search(_any(given["discount_words"])),
        category=ibis.cases(*branches, else_=OTHER),
    )


def _refunds(events: ir.Table, as_of: datetime) -> ir.Table:
    back = visible(events, as_of, "time")
    back = back.filter(back.event.isin(list(rules("spending")["refund_events"])))
    return back.group_by("user_id").aggregate(n_refunds=back.count(), refunded_at=back.time.max())


def _categories(given: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return list(given["categories"].items())


def _any(words: list[str]) -> str:
    """A pattern that finds one of the words; they are words, not patterns."""
    import re

    return "|".join(re.escape(word) for word in words)


def _band(category: Any, average: Any) -> Any:
    given = rules("spending")
    bands = [(key, one["bands"]) for key, one in [*_categories(given), (OTHER, given["other"])]]
    low, high = (category.cases(*((k, float(b[i])) for k, b in bands)) for i in (0, 1))
    return ibis.cases((average < low, "low"), (average < high, "middle"), else_="high")


def _cny(cents: Any) -> Any:
    return (cents.cast("float64") / 100.0).round(2)


def _wilson(found: Any, trials: Any) -> tuple[Any, Any]:
    """95 % bounds of a share (Wilson 1927), as ``profiles.intervals`` in an expression."""
    n = trials.cast("float64").nullif(0.0)
    share, square = found.cast("float64") / n, Z_95**2
    centre = share + square / (n * 2.0)
    half = Z_95 * (share * (1.0 - share) / n + square / (n * n * 4.0)).sqrt()
    whole = 1.0 + square / n
    return (
        ibis.greatest((centre - half) / whole, 0.0),
        ibis.least((centre + half) / whole, 1.0),
    )
