"""``tingfeng store check``: what must be true of a store, asked of the store.

Each check counts the rows that break one rule; a healthy store has none. The rules are ibis
expressions, so they are the same on every engine. Growth: a grouping of each input table by its
natural key, and a pass over the score columns and the derived tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final

from profiles.store.base import Store
from profiles.store.tables import INPUTS, SCHEMA_VERSION

_UNIQUE: Final = {
    **{name: (*table.key,) for name, table in INPUTS.items()},
    "persons": ("person_id",),
    "profiles": ("person_id",),
    "content_insights": ("platform", "content_id"),
    "identifiers": ("key",),
    "links": ("a", "b"),
    "person_identifiers": ("key",),
    "consents": ("person_id", "purpose"),
    "consent_decisions": ("key", "purpose", "given_at", "withdrawn_at"),
    "tombstones": ("mark",),
}
# "person/<table>" tells which table touched a person
_TOUCHED: Final = ("person", "content", "identity", *(f"person/{name}" for name in INPUTS))
_SUM_TOLERANCE: Final = 0.01  # three float32 probabilities, of which text formats keep six digits


@dataclass(frozen=True, kw_only=True)
class Check:
    """The outcome of one rule; ``violations`` counts the rows that break it."""

    name: str
    violations: int
    rule: str

    @property
    def ok(self) -> bool:
        """Whether nothing breaks the rule."""
        return self.violations == 0


def check_store(store: Store) -> list[Check]:
    """Return the outcome of every rule, in a fixed order."""
    return [Check(name=name, violations=n, rule=rule) for name, n, rule in _outcomes(store)]


def _outcomes(store: Store) -> Iterator[tuple[str, int, str]]:
    wrong = int(store.meta().get("schema_version") != str(SCHEMA_VERSION))
    yield "schema_version", wrong, f"the layout is version {SCHEMA_VERSION}"
    missing = len(set(_UNIQUE) - set(store.tables()))
    yield "tables", missing, "every table of the layout is there"
    for name, key in _UNIQUE.items():
        yield f"unique {name}", _duplicates(store, name, key), f"one row per {', '.join(key)}"
    rules: Sequence[tuple[str, Callable[[Store], Any], str]] = (
        (
            "score_ranges",
            _scores_out_of_range,
            "scores are in range, probabilities add to 1",
        ),
        ("foreign_persons", _foreign_persons, "every person has rows or identifiers that came in"),
        ("orphan_profiles", _orphan_profiles, "every profile is that of a person"),
        ("missing_profiles", _missing_profiles, "every person has a profile"),
        ("as_of", _other_moments, "persons and profiles are as of the last refresh"),
        ("orphan_members", _orphan_members, "a person's id is one of the person's identifiers"),
        ("orphan_links", _orphan_links, "every link joins two stored identifiers"),
        ("touched", _unknown_touched, "to be refreshed are persons, contents or the identity"),
        ("consents", _impossible_consents, "no consent ends before it begins"),
    )
    for name, broken, rule in rules:
        yield name, _count(store, broken(store)), rule


def _count(store: Store, rows: Any) -> int:
    return int(store.fetch(rows.aggregate(n=rows.count()))["n"][0].as_py())


def _duplicates(store: Store, name: str, key: Sequence[str]) -> int:
    table = store.table(name)
    groups = table.group_by(list(key)).agg(n=table.count())
    return _count(store, groups.filter(groups.n > 1))


def _scores_out_of_range(store: Store) -> Any:
    t = store.table("comments")
    chances = [t.p_negative, t.p_neutral, t.p_positive]
    outside = [~t.sentiment_score.between(-1, 1), *(~one.between(0, 1) for one in chances)]
    off = (t.p_negative + t.p_neutral + t.p_positive - 1).abs() > _SUM_TOLERANCE
    return t.filter(reduce(or_, [one.fill_null(False) for one in [*outside, off]]))


def _sources(store: Store) -> Any:
    """Ids under which anything came in."""
    accounts = [
        store.table(name).select(id="user_id") for name in ("comments", "users", "events", "orders")
    ]
    members = store.table("person_identifiers").select(id="person_id")
    return reduce(lambda left, right: left.union(right), [*accounts, members]).distinct()


def _foreign_persons(store: Store) -> Any:
    persons, sources = store.table("persons"), _sources(store)
    return persons.anti_join(sources, persons.person_id == sources.id)


def _orphan_profiles(store: Store) -> Any:
    return store.table("profiles").anti_join(store.table("persons"), "person_id")


def _missing_profiles(store: Store) -> Any:
    return store.table("persons").anti_join(store.table("profiles"), "person_id")


def _other_moments(store: Store) -> Any:
    """Rows as of a moment later than the last refresh, or of none."""
    runs = store.table("runs")
    last = runs.filter(runs.verb == "refresh").aggregate(latest=runs.as_of.max())
    rows = store.table("persons").select("as_of").union(store.table("profiles").select("as_of"))
    joined = rows.cross_join(last)
    return joined.filter(
        joined.as_of.isnull() | joined.latest.isnull() | (joined.as_of > joined.latest)
    )


def _orphan_members(store: Store) -> Any:
    members = store.table("person_identifiers")
    keys = members.select(id="key")
    return members.anti_join(keys, members.person_id == keys.id)


def _orphan_links(store: Store) -> Any:
    links, keys = store.table("links"), store.table("identifiers").select(id="key")
    ends = links.select(id="a").union(links.select(id="b"))
    return ends.anti_join(keys, "id")


def _unknown_touched(store: Store) -> Any:
    t = store.table("touched")
    return t.filter(
        ~t.kind.isin(_TOUCHED) | t.kind.isnull() | ((t.kind != "identity") & t.id.isnull())
    )


def _impossible_consents(store: Store) -> Any:
    t = store.table("consents")
    return t.filter(t.given_at.isnull() | (t.withdrawn_at < t.given_at))
