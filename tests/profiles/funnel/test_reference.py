"""Numbers of the reference events, measured with ClickHouse and with PostHog's rules."""

from __future__ import annotations

from types import ModuleType

import pytest

from profiles.funnel.funnel import read_funnel
from profiles.funnel.parse import parse_spec
from profiles.funnel.relation import Relation

STEPS = ["view", "cart", "order", "pay"]
# persons at exactly level 0..4 by window, windowFunnel(view, cart, order, pay)
WINDOW_FUNNEL = {
    21600: [9, 38723, 11120, 146, 2],
    86400: [9, 20663, 27580, 1708, 40],
    604800: [9, 2779, 22603, 20334, 4275],
}
STRICT = {
    21600: [49991, 10930, 142, 2],
    86400: [49991, 27117, 1374, 27],
    604800: [49991, 40239, 9069, 725],
}
UNORDERED = {
    21600: [50000, 35003, 1615, 15],
    86400: [50000, 48419, 15196, 613],
    604800: [50000, 49968, 47058, 22345],
}


def counts(events: Relation, window_s: int, order: str) -> list[int]:
    spec = parse_spec({"steps": STEPS, "window_s": window_s, "order": order})
    return [step.persons for step in read_funnel(events, spec).steps]


def test_reference_events_begin_as_published(splitmix: ModuleType) -> None:
    first = splitmix.events(1_000_000, 50_000).slice(0, 3).to_pylist()
    assert [row["person_id"] for row in first] == [7535, 39053, 10592]
    assert [row["event"] for row in first] == ["view", "pay", "view"]


@pytest.mark.parametrize("window_s", WINDOW_FUNNEL)
def test_ordered_equals_window_funnel(million: Relation, window_s: int) -> None:
    at_least = counts(million, window_s, "ordered")
    exactly = [a - b for a, b in zip([50_000, *at_least], [*at_least, 0], strict=True)]
    assert exactly == WINDOW_FUNNEL[window_s]


@pytest.mark.parametrize("window_s", STRICT)
def test_strict_equals_posthog(million: Relation, window_s: int) -> None:
    assert counts(million, window_s, "strict") == STRICT[window_s]


@pytest.mark.parametrize("window_s", UNORDERED)
def test_unordered_equals_posthog(million: Relation, window_s: int) -> None:
    assert counts(million, window_s, "unordered") == UNORDERED[window_s]
