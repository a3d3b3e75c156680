"""Which key an incident bears when several alerts come together."""

from __future__ import annotations

from typing import Any

from serving.alerts.incidents import Alert, Incident, raise_alert


def alert(observed: int, expected: float, kind: Any = "burst", **key: str) -> Alert:
    return Alert(
        key=key,
        kind=kind,
        since=1_000,
        window_s=3600,
        observed=observed,
        expected=expected,
        comments=observed,
        p_value=1e-6,
        p_share=1e-6,
    )


def together(*alerts: Alert) -> Incident:
    found: dict[str, Incident] = {}
    for one in alerts:
        raise_alert(found, one)
    (incident,) = found.values()
    return incident


def test_key_narrows_to_what_explains_most() -> None:
    brand, content = alert(90, 6, brand="b"), alert(60, 1, brand="b", content="1")
    assert together(brand, content).key == {"brand": "b", "content": "1"}
    few = alert(9, 1, brand="b", content="2")
    assert together(brand, few).key == {"brand": "b"}


def test_small_content_does_not_name_what_is_everywhere() -> None:
    single = alert(1, 0, "single", brand="b", risk="food_safety")
    everywhere, content = alert(90, 6, brand="b"), alert(9, 0.5, brand="b", content="2")
    incident = together(single, everywhere, content)
    assert incident.key == {"brand": "b"} and incident.root.observed == 90
    assert [what for _, what, _ in incident.timeline] == ["opened", "joined", "widened", "joined"]
