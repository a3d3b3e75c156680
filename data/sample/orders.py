"""Orders of the shop and the platforms' stores over 26 weeks, enough for RFM and lifetime value.

Buyers differ in pace; some come late, some stop for good, more of them in the crisis.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from data.sample.files import Row
from data.sample.people import Person
from data.sample.personas import LOYAL_FAN, TURNED_FAN
from data.sample.timeline import CRISIS_START_S, DAY_RHYTHM, DAY_S, END_S, HOUR_S, iso

ORDERS_START_S: Final = END_S - 182 * DAY_S
_PRICES: Final = {
    "douyin": {
        "雾凇青提": 19.0,
        "焙火乌龙奶": 17.0,
        "桂花乌龙冻": 16.0,
        "栗子巴斯克": 24.0,
        "双人团购券": 19.9,
    },
    "xhs": {"瓶装无糖混合12瓶": 59.9, "炭焙乌龙瓶装15瓶": 79.0, "便携摇摇杯": 69.0},
    "shop": {
        "栀子绿茶茶包16包": 39.0,
        "桂花乌龙茶包16包": 39.0,
        "低因乌龙茶包16包": 45.0,
        "四味礼盒": 128.0,
    },
}
_BUYER_SHARE: Final = {"douyin": 0.46, "xhs": 0.35, "shop": 0.9}
_STOPS_PER_ORDER: Final = 0.03
_STOPS_IN_CRISIS: Final = 0.35
_MEAN_GAP_DAYS: Final = (9.0, 16.0, 28.0, 48.0)
_NEWCOMER_SHARE: Final = 0.45
_NEWCOMER_DAYS: Final = 165
_GAP_WEIGHTS: Final = (18, 30, 32, 20)


@dataclass(frozen=True, kw_only=True)
class Order:
    """One paid order."""

    order_id: str
    person: Person
    moment_s: int
    amount_cny: float
    items: str


def build_orders(rng: random.Random, people: list[Person]) -> list[Order]:
    """Every order in order of time."""
    orders: list[Order] = []
    for person in people:
        if _buys(rng, person):
            orders += _orders_of(rng, person)
    return sorted(orders, key=lambda order: (order.moment_s, order.order_id))


def order_rows(orders: list[Order]) -> list[Row]:
    """The orders as the shop exports them."""
    return [
        {
            "platform": order.person.platform,
            "order_id": order.order_id,
            "user_id": order.person.user_id,
            "time": iso(order.moment_s),
            "amount_cny": f"{order.amount_cny:.2f}",
            "items": order.items,
        }
        for order in orders
    ]


def _buys(rng: random.Random, person: Person) -> bool:
    drawn = rng.random() < _BUYER_SHARE.get(person.platform, 0.0)
    return drawn or person.name in (TURNED_FAN, LOYAL_FAN)


def _orders_of(rng: random.Random, person: Person) -> list[Order]:
    fan = person.name in (TURNED_FAN, LOYAL_FAN)
    gap_days = 6.0 if fan else rng.choices(_MEAN_GAP_DAYS, _GAP_WEIGHTS)[0]
    end = CRISIS_START_S if person.name == TURNED_FAN or _leaves(rng, person) else END_S
    wait_days = _NEWCOMER_DAYS if not fan and rng.random() < _NEWCOMER_SHARE else gap_days
    moment = ORDERS_START_S + int(rng.random() * wait_days * DAY_S)
    orders = []
    while (at := _shop_hour(rng, moment)) < end:
        orders.append(_order(rng, person, at))
        if not fan and rng.random() < _STOPS_PER_ORDER:
            break
        moment += int(rng.gammavariate(1.6, gap_days / 1.6) * DAY_S) + DAY_S // 2
    return orders


def _leaves(rng: random.Random, person: Person) -> bool:
    return rng.random() < _STOPS_IN_CRISIS and person.name != LOYAL_FAN


def _shop_hour(rng: random.Random, moment_s: int) -> int:
    midnight = moment_s - (moment_s + 8 * HOUR_S) % DAY_S
    hour = rng.choices(range(24), DAY_RHYTHM)[0]
    return midnight + hour * HOUR_S + rng.randrange(HOUR_S)


def _order(rng: random.Random, person: Person, moment_s: int) -> Order:
    menu = _PRICES[person.platform]
    names = rng.sample(sorted(menu), rng.choices((1, 2, 3), (68, 25, 7))[0])
    basket = {name: rng.choices((1, 2, 3), (74, 21, 5))[0] for name in names}
    return Order(
        order_id=f"{moment_s}{rng.randrange(10**6):06d}",
        person=person,
        moment_s=moment_s,
        amount_cny=round(sum(menu[name] * count for name, count in basket.items()), 2),
        items=";".join(f"{name}x{count}" for name, count in basket.items()),
    )
