"""Behaviour events of the 28 days: views, reactions, comments, and the way to each payment.

Every order of the period has its view, add_cart and pay; every comment has a view before it.
``value`` is seconds watched for a view and the amount in CNY for a pay or refund, otherwise empty.
"""

from __future__ import annotations

import random
from typing import Final

from data.sample.comments import Comment
from data.sample.corpus import Content
from data.sample.files import Row
from data.sample.orders import Order
from data.sample.people import Person
from data.sample.timeline import (
    APOLOGY_S,
    CRISIS_START_S,
    DAY_S,
    END_S,
    HOUR_S,
    START_S,
    draw_moment,
    iso,
    normal_weight,
)

_SESSIONS: Final = 2900
_AFTER_VIEW: Final = (("like", 0.26), ("collect", 0.09), ("share", 0.06), ("add_cart", 0.07))
_REFUND_SHARE: Final = 0.4
_CRISIS_PULL: Final = 0.22  # share of Douyin sessions drawn to the crisis video


def build_events(
    rng: random.Random,
    people: list[Person],
    contents: dict[str, Content],
    comments: list[Comment],
    orders: list[Order],
) -> list[Row]:
    """Every event in order of time."""
    rows = _browsing(rng, people, contents)
    rows += _commenting(rng, people, comments)
    for order in orders:
        if order.moment_s >= START_S:
            rows += _buying(rng, order, contents)
    stamped = [(moment, row) for moment, row in rows if START_S <= moment < END_S]
    stamped.sort(key=lambda pair: (pair[0], str(pair[1]["user_id"]), str(pair[1]["event"])))
    return [row for _, row in stamped]


Stamped = tuple[int, Row]


def _event(person: Person, name: str, moment_s: int, content_id: str, value: str = "") -> Stamped:
    row: Row = {
        "platform": person.platform,
        "user_id": person.user_id,
        "event": name,
        "time": iso(moment_s),
        "content_id": content_id,
        "value": value,
    }
    return moment_s, row


def _browsing(
    rng: random.Random, people: list[Person], contents: dict[str, Content]
) -> list[Stamped]:
    weights = [person.activity + 0.04 for person in people]
    rows: list[Stamped] = []
    for person in rng.choices(people, weights, k=_SESSIONS):
        content = _browsed(rng, person.platform, contents)
        begin = max(START_S, content.created_s)
        moment = draw_moment(rng, begin, END_S, normal_weight(begin, content.half_life_days * 2))
        rows.append(_view(rng, person, content, moment))
        rows += _reactions(rng, person, content, moment)
    return rows


def _browsed(rng: random.Random, platform: str, contents: dict[str, Content]) -> Content:
    own = [c for c in contents.values() if c.platform == platform and c.key != "dy-crisis"]
    if platform == "douyin" and rng.random() < _CRISIS_PULL:
        return contents["dy-crisis"]
    return rng.choice(own)


def _view(rng: random.Random, person: Person, content: Content, moment_s: int) -> Stamped:
    seconds = int(rng.lognormvariate(3.2, 0.9)) + 1
    return _event(person, "view", moment_s, content.content_id, str(seconds))


def _reactions(rng: random.Random, person: Person, content: Content, moment: int) -> list[Stamped]:
    rows = []
    for name, share in _AFTER_VIEW:
        moment += rng.randrange(3, 90)
        shown = name != "add_cart" or content.key != "dy-crisis"
        if rng.random() < share and shown:
            rows.append(_event(person, name, moment, content.content_id))
    return rows


def _commenting(rng: random.Random, people: list[Person], comments: list[Comment]) -> list[Stamped]:
    members = set(people)
    rows: list[Stamped] = []
    for comment in comments:
        if comment.author in members:
            person, content, moment = comment.author, comment.content, comment.moment_s
            rows.append(_view(rng, person, content, moment - rng.randrange(15, 300)))
            rows.append(_event(person, "comment", moment, content.content_id))
    return rows


def _buying(rng: random.Random, order: Order, contents: dict[str, Content]) -> list[Stamped]:
    person, paid = order.person, order.moment_s
    selling = [
        c
        for c in contents.values()
        if c.platform == person.platform and c.key != "dy-crisis" and c.created_s < paid
    ]
    content = rng.choice(selling)
    carted = paid - rng.randrange(20, HOUR_S)
    amount = f"{order.amount_cny:.2f}"
    rows = [
        _view(rng, person, content, carted - rng.randrange(30, 6 * HOUR_S)),
        _event(person, "add_cart", carted, content.content_id),
        _event(person, "pay", paid, content.content_id, amount),
    ]
    if CRISIS_START_S - 3 * DAY_S <= paid < APOLOGY_S and rng.random() < _REFUND_SHARE:
        asked = max(paid, CRISIS_START_S) + rng.randrange(2 * HOUR_S, 2 * DAY_S)
        rows.append(_event(person, "refund", asked, content.content_id, amount))
    return rows
