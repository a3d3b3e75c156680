"""Orders that come as one row per line: what each order is in all, learnt in a pass of its own.

Every line of an order then stands for the whole order, so that it does not matter which one a
store keeps. Memory: one entry per order of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(kw_only=True)
class _Order:
    amount: float | None = None
    time: int | None = None
    items: dict[str, None] = field(default_factory=dict)  # in order, each once


class OrderLines:
    """Sums of a file's orders. With ``repeat`` each line bears the order's amount, with ``sum``
    its own; a line given twice counts once.
    """

    def __init__(self, rule: Literal["repeat", "sum"]) -> None:
        self._rule = rule
        self._orders: dict[str, _Order] = {}
        self._seen: set[int] = set()
        self.repeated = 0

    def see(
        self,
        order_id: str,
        line: Sequence[object],
        amount: float | None,
        time: int | None,
        items: str | None,
    ) -> None:
        """One line in the order of the file; ``line`` tells it from the order's others."""
        mark = hash((order_id, *line))
        if mark in self._seen:
            self.repeated += 1
            return
        self._seen.add(mark)
        order = self._orders.setdefault(order_id, _Order())
        if amount is not None:
            if order.amount is None:
                order.amount = amount
            elif self._rule == "sum":
                order.amount = round(order.amount + amount, 6)
        if time is not None and (order.time is None or time < order.time):
            order.time = time
        if items:
            order.items[items] = None

    def whole(self, order_id: str) -> tuple[float | None, int | None, str | None]:
        """Amount, first time and items of an order that was seen."""
        order = self._orders[order_id]
        return order.amount, order.time, "; ".join(order.items) or None
