"""Profiles and insights as stored by the last refresh, ready to print as JSON.

Persons are found by their id at the source (hashed here) or by person id; contents by their id.
Nothing is computed in this module.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final, cast

import pyarrow as pa

from profiles.dimensions import DIMENSIONS
from profiles.errors import UnknownContentError, UnknownPersonError
from profiles.present import dimension
from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore

_LISTED: Final = (
    *("platform", "content_id", "n", "n_judged", "n_negative", "share_negative"),
    *("share_negative_low", "share_negative_high", "last_at"),
)
PLATFORMS_META: Final = "platforms"  # what the last refresh knew, see ``profiles.refresh``


def read_profile(store: Store, user: str, platform: str | None = None) -> dict[str, Any]:
    """Return the six dimensions of one person, each with ``as_of`` and ``n``.

    ``user`` is the id at the source, a person id, or the key of an identifier; ``platform`` tells
    apart equal ids of two platforms. Members without a value are absent.

    Raises:
        UnknownPersonError: nobody answers to the id, or persons of several platforms do.
    """
    row = _profile_row(store, user, platform)
    as_of = iso(row["as_of"])
    return {name: dimension(name, row[name], as_of) for name in DIMENSIONS}


def find_person(store: Store, user: str, platform: str | None = None) -> str:
    """Return the person id that ``read_profile`` would take.

    Raises:
        UnknownPersonError: nobody answers to the id, or persons of several platforms do.
    """
    return str(_profile_row(store, user, platform)["person_id"])


def _profile_row(store: Store, user: str, platform: str | None) -> dict[str, Any]:
    """Point reads by key: no scan of a table of persons."""
    keys = [store.person_id(name, user) for name in _platforms(store, platform)]
    candidates = list(dict.fromkeys([user, *keys]))
    known = store.rows_where("person_identifiers", "key", candidates).to_pylist()
    persons = {row["key"]: row["person_id"] for row in known}
    ids = sorted({persons.get(one, one) for one in candidates})
    found = store.rows_where("profiles", "person_id", ids).to_pylist()
    if len(found) != 1:
        raise UnknownPersonError(_not_one_person(user, _platforms_of(store, found)))
    return cast(dict[str, Any], found[0])


def _platforms_of(store: Store, found: list[dict[str, Any]]) -> list[str]:
    ids = [row["person_id"] for row in found]
    return sorted(
        str(row["platform"]) for row in store.rows_where("persons", "person_id", ids).to_pylist()
    )


def read_history(store: DuckDBStore, person: str) -> pa.Table:
    """Return the stored profiles of a person, oldest first, under whatever id they were stored.

    ``person`` is a person id or a former one; what accounts had before they were merged is theirs
    again after a split.
    """
    return store.read(
        """WITH chosen AS (SELECT coalesce(
               (SELECT person_id FROM person_identifiers WHERE key = $person), $person) AS id)
           SELECT profile_history.* FROM profile_history, chosen
           WHERE profile_history.person_id = id OR profile_history.person_id IN (
               SELECT key FROM person_identifiers WHERE person_identifiers.person_id = id)
           ORDER BY as_of, run_id, profile_history.person_id""",
        {"person": person},
    )


def read_insights(store: DuckDBStore) -> pa.Table:
    """Return the stored insight of every content, most judged comments first.

    With title, text, url and published_at of the content, null where it was not loaded.
    """
    return store.read(
        """SELECT content_insights.*, contents.title, contents.text, contents.url,
               contents.created_at AS published_at
           FROM content_insights LEFT JOIN contents
               ON content_insights.content_id = contents.content_id
               AND content_insights.platform IS NOT DISTINCT FROM contents.platform
           ORDER BY n_judged DESC, content_insights.platform, content_insights.content_id"""
    )


def read_contents(store: Store, *, limit: int, offset: int = 0) -> list[dict[str, Any]]:
    """Return contents with the counts of their insight, the surest blame first.

    With title and text of the content, None where it was not loaded.
    """
    insights = store.table("content_insights")
    place = [insights.share_negative_low.desc(), insights.n.desc(), "platform", "content_id"]
    shown = insights.order_by(place).limit(limit, offset=offset).select(*_LISTED)
    rows = store.fetch(shown).to_pylist()
    ids = sorted({row["content_id"] for row in rows})
    found = store.rows_where("contents", "content_id", ids).to_pylist() if ids else []
    about = {(one["platform"], one["content_id"]): one for one in found}
    for row in rows:
        content = about.get((row["platform"], row["content_id"]), {})
        row |= {"title": content.get("title"), "text": content.get("text")}
    return list(rows)


def read_insight(store: Store, content_id: str, platform: str | None = None) -> dict[str, Any]:
    """Return the stored insight of one content; moments are ISO 8601 in UTC.

    Raises:
        UnknownContentError: no content answers to the id, or contents of several platforms do.
    """
    table = store.table("content_insights")
    own = table.filter(table.content_id == content_id)
    rows = store.fetch(
        own if platform is None else own.filter(own.platform == platform)
    ).to_pylist()
    if len(rows) != 1:
        raise UnknownContentError(
            f"expected one content with id {content_id!r}, found {len(rows)}; "
            + ("name its platform" if rows else "load its comments, then refresh")
        )
    return cast(dict[str, Any], _with_iso_moments(rows[0]))


def is_refreshed(store: Store, as_of: datetime) -> bool:
    """Tell whether the derived tables are as of ``as_of`` and know every load."""
    return last_refresh(store) == as_of and store.count("touched") == 0


def last_refresh(store: Store) -> datetime | None:
    """Return the moment that the derived tables are as of, or None before the first refresh."""
    runs = store.rows_where("runs", "verb", ["refresh"]).to_pylist()
    if not runs:
        return None
    latest = max(runs, key=lambda run: cast(datetime, run["recorded_at"]))
    return cast(datetime, latest["as_of"]).astimezone(UTC)


def iso(moment: datetime) -> str:
    """Return a moment as ISO 8601 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _platforms(store: Store, platform: str | None) -> list[str | None]:
    if platform is not None:
        return [platform]
    noted = store.meta().get(PLATFORMS_META)
    return [None, *json.loads(noted)] if noted else [None]


def _not_one_person(user: str, platforms: list[str]) -> str:
    if platforms:
        return (
            f"expected one person with id {user!r}, found one on each of {', '.join(platforms)}; "
            "name the platform"
        )
    return (
        f"expected a person with id {user!r}, found none; check the id, or load and refresh first"
    )


def _with_iso_moments(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, dict):
        return {name: _with_iso_moments(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_iso_moments(member) for member in value]
    return value
