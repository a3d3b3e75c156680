"""Who is told when: Alertmanager's table row by row, and the cases that go wrong in the field."""

from __future__ import annotations

from typing import Any

import pytest

from serving.alerts.dispatch import Silence, due, inhibited, is_quiet, mark_sent, needs_update
from serving.alerts.incidents import Alert, Incident, Sent, from_document, key_text, to_document
from serving.alerts.rules import Notify, Rules

REPEAT_S = 4 * 3600
NOW = 1_788_192_000


def sent(firing: list[str], resolved: list[str] | None = None, ago_s: int = 60) -> Sent:
    return Sent(
        at=NOW - ago_s, firing=firing, resolved=resolved or [], severity="warning", observed=20
    )


@pytest.mark.parametrize(
    ("entry", "firing", "resolved", "wanted"),
    [
        (None, ["a"], [], "first"),
        (None, [], ["a"], None),
        (sent(["a"]), ["a", "b"], [], "new_alert"),
        (sent(["a"]), [], ["a"], "all_resolved"),
        (sent([], ["a"]), [], ["a", "b"], None),
        (sent(["a", "b"]), ["a"], ["b"], "some_resolved"),
        (sent(["a"], ago_s=REPEAT_S + 1), ["a"], [], "repeat"),
        (sent(["a"], ago_s=REPEAT_S - 1), ["a"], [], None),
    ],
)
def test_needs_update_row(
    entry: Sent | None, firing: list[str], resolved: list[str], wanted: str | None
) -> None:
    found = needs_update(entry, firing, resolved, now=NOW, repeat_s=REPEAT_S, send_resolved=True)
    assert found == wanted


def test_needs_update_details() -> None:
    said: dict[str, Any] = {"now": NOW, "repeat_s": REPEAT_S}
    # fired again after all was resolved: the first of a new round
    assert needs_update(sent([], ["a"]), ["a"], [], send_resolved=True, **said) == "first"
    # without send_resolved the end of all is still told, the end of some is not
    assert needs_update(sent(["a"]), [], ["a"], send_resolved=False, **said) == "all_resolved"
    assert needs_update(sent(["a", "b"]), ["a"], ["b"], send_resolved=False, **said) is None


def incident(name: str = "a", severity: Any = "warning", **values: Any) -> Incident:
    key = {"brand": "all", "content": name}
    alert = Alert(key=key, kind="burst", since=NOW, window_s=900, observed=20, expected=2.0,
                  comments=40, p_value=1e-9, p_share=1e-6)  # fmt: skip
    return Incident(
        id=f"inc-{name}",
        key=key,
        severity=severity,
        opened_at=NOW,
        alerts={key_text(key): alert},
        **values,
    )


def kinds(
    incidents: list[Incident], rules: Notify, now: int, silences: tuple[Silence, ...] = ()
) -> list[str]:
    found = due(incidents, silences, rules, now, 8)
    for one in found:
        mark_sent(one, now)
    return [f"{one.kind} {one.incident.id}" for one in found]


def test_life_of_an_incident(rules: Rules) -> None:
    one, notify = incident(), rules.notify
    assert kinds([one], notify, NOW) == ["opened inc-a"]
    assert kinds([one], notify, NOW + 300) == []
    one.root.observed = 45
    assert kinds([one], notify, NOW + 600) == ["worsened inc-a"]
    assert kinds([one], notify, NOW + 1800) == ["escalated inc-a"]
    assert kinds([one], notify, NOW + 3600) == []
    assert kinds([one], notify, NOW + 1800 + REPEAT_S + 1) == ["reminder inc-a"]
    one.acknowledged_by = "值班"
    assert kinds([one], notify, NOW + 3 * REPEAT_S) == []
    one.root.firing, one.closed_at = False, NOW + 3 * REPEAT_S
    assert kinds([one], notify, NOW + 3 * REPEAT_S) == ["resolved inc-a"]
    assert kinds([one], notify, NOW + 9 * REPEAT_S) == []


def test_new_key_waits_for_the_group_interval(rules: Rules) -> None:
    one = incident()
    kinds([one], rules.notify, NOW)
    other = incident("b").root
    one.alerts[key_text(other.key)] = other
    assert kinds([one], rules.notify, NOW + 200) == []
    assert kinds([one], rules.notify, NOW + 300) == ["updated inc-a"]


def test_incident_that_came_and_went_in_between_is_not_told(rules: Rules) -> None:
    one = incident(closed_at=NOW + 60)
    one.root.firing = False
    assert kinds([one], rules.notify, NOW + 60) == []


def test_critical_inhibits_lesser_ones_also_after_a_restart(rules: Rules) -> None:
    grave, lesser = incident("a", "critical"), incident("b")
    assert kinds([lesser, grave], rules.notify, NOW) == ["opened inc-a"]
    assert lesser.held == "inhibited" and not inhibited(grave, [grave, lesser], rules.notify)
    # what was kept is all that a restart knows; nothing is told before the graver one is seen again
    again = [from_document(to_document(one)) for one in (lesser, grave)]
    assert kinds(again, rules.notify, NOW + 60) == []
    again[1].closed_at, again[1].root.firing = NOW + 120, False
    assert kinds(again, rules.notify, NOW + 120) == ["resolved inc-a", "opened inc-b"]


def test_single_comment_keeps_nothing_back(rules: Rules) -> None:
    grave, lesser = incident("a", "critical"), incident("b")
    grave.root.kind = "single"
    assert not inhibited(lesser, [grave, lesser], rules.notify)


def test_platform_and_brand_of_the_content_are_no_news(rules: Rules) -> None:
    one = incident()
    kinds([one], rules.notify, NOW)
    wide = incident("b").root
    wide.key = {"brand": "all"}
    one.alerts[key_text(wide.key)] = wide
    assert kinds([one], rules.notify, NOW + 600) == []


def test_other_tenant_is_not_inhibited(rules: Rules) -> None:
    grave, lesser = incident("a", "critical"), incident("b")
    lesser.key = {**lesser.key, "tenant": "two"}
    assert not inhibited(lesser, [grave, lesser], rules.notify)


def test_silence_ends_and_what_still_fires_is_told_at_once(rules: Rules) -> None:
    one = incident()
    kinds([one], rules.notify, NOW)
    silence = Silence(
        id="s", matchers={"content": "a"}, starts=NOW + 60, ends=NOW + 3600, by="值班"
    )
    assert kinds([one], rules.notify, NOW + 1900, (silence,)) == [] and one.held == "silenced"
    assert kinds([one], rules.notify, NOW + 3600, (silence,)) == ["reminder inc-a"]
    new = incident("b")
    silence = Silence(
        id="t", matchers={"severity": "warning"}, starts=NOW, ends=NOW + 60, by="值班"
    )
    assert kinds([new], rules.notify, NOW, (silence,)) == []
    assert kinds([new], rules.notify, NOW + 60, (silence,)) == ["opened inc-b"]


def test_quiet_hours_hold_all_but_critical(rules: Rules) -> None:
    quiet = rules.notify.model_copy(update={"quiet_from": "22:00", "quiet_to": "08:00"})
    night = NOW - NOW % 86_400 + 15 * 3600  # 23:00 in UTC+8
    assert is_quiet(quiet, night, 8) and not is_quiet(quiet, night + 9 * 3600, 8)
    both = [incident("a", "critical"), incident("b")]
    both[1].key = {**both[1].key, "brand": "other"}
    both[1].alerts = {key_text(both[1].key): both[1].alerts.popitem()[1]}
    assert kinds(both, quiet, night) == ["opened inc-a"]
    assert kinds(both, quiet, night + 9 * 3600)[-1] == "opened inc-b"


def test_dedup_keys_are_told_apart_by_message(rules: Rules) -> None:
    one = incident()
    first = [mark_sent(found, NOW) for found in due([one], (), rules.notify, NOW, 8)]
    copy = from_document(to_document(incident()))
    again = [mark_sent(found, NOW) for found in due([copy], (), rules.notify, NOW, 8)]
    assert first == again == ["inc-a:1:opened"]
