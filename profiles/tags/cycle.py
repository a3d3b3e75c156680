"""How often somebody buys a kind of thing, and when they are due again."""

from __future__ import annotations

import re
from typing import Any, Final, cast

import ibis
import ibis.expr.types as ir

from profiles.tags.pack import Cycle

LEAST_BUYS: Final = 3  # two gaps: with one there is no telling a habit from a chance


def read_cycles(orders: ir.Table, cycle: Cycle, as_of: ir.TimestampScalar) -> ir.Table:
    """(person_id, cycle_days, days_to_next_buy, n, last_at) of persons with at least 3 buying days.

    ``orders`` has person_id, time and the cycle's field. ``cycle_days`` is the median gap between
    buying days; ``days_to_next_buy`` is below 0 when the next one is overdue.
    """
    kind: Any = orders[cycle.field]
    either = "|".join(re.escape(word.lower()) for word in cycle.words)
    bought = orders.filter(kind.lower().re_search(either) & (orders.time <= as_of))
    days = bought.select("person_id", day=bought.time.date()).distinct()
    window = ibis.window(group_by="person_id", order_by=days.day)
    gaps = days.mutate(before=days.day.lag().over(window))
    gaps = gaps.mutate(gap=gaps.day.delta(gaps.before, unit="day"))
    each = gaps.group_by("person_id").agg(
        n=gaps.count(), cycle_days=gaps.gap.median().cast("float64"), last_at=gaps.day.max()
    )
    since = as_of.date().delta(each.last_at, unit="day").cast("float64")
    due = each.filter(each.n >= LEAST_BUYS).mutate(days_to_next_buy=each.cycle_days - since)
    return cast(ir.Table, due.select("person_id", "cycle_days", "days_to_next_buy", "n", "last_at"))
