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
from profiles.store.duckdb_store import DuckDBStore

PLATFORMS_META: Final = "platforms"  # what the last refresh knew, see ``profiles.refresh``


def read_profile(store: DuckDBStore, user: str, platform: str | None = None) -> dict[str, Any]:
    """Return the six dimensions of one person, each with ``as_of`` and ``n``.

    ``user`` is the id at the source, a person id, or the key of an identifier; ``platform`` tells
    apart equal ids of two platforms. Members without a value are absent.

    Raises:
        UnknownPersonError: nobody answers to the id, or persons of several platforms do.
    """
    row = _profile_row(store, user, platform)
    as_of = iso(row["as_of"])
    return {name: dimension(name, row[name], as_of) for name in DIMENSIONS}


def find_person(store: DuckDBStore, user: str, platform: str | None = None) -> str:
    """Return the person id that ``read_profile`` would take.

    Raises:
        UnknownPersonError: nobody answers to the id, or persons of several platforms do.
    """
    return str(_profile_row(store, user, platform)["person_id"])


def _profile_row(store: DuckDBStore, user: str, platform: str | None) -> dict[str, Any]:
    """Two point reads: ids are literals, so that row groups without them are not read."""
    candidates = [user, *(store.person_id(name, user) for name in _platforms(store, platform))]
    given = {f"id{number}": one for number, one in enumerate(dict.fromkeys(candidates))}
    places = ", ".join(f"${name}" for name in given)
    known = store.read(
        f"SELECT key, person_id FROM person_identifiers WHERE key IN ({places})", given
    ).to_pylist()
    persons = {row["key"]: row["person_id"] for row in known}
    ids = sorted({persons.get(one, one) for one in given.values()})
    wanted = {f"id{number}": one for number, one in enumerate(ids)}
    places = ", ".join(f"${name}" for name in wanted)
    found = store.read(f"SELECT * FROM profiles WHERE person_id IN ({places})", wanted).to_pylist()
    if len(found) != 1:
        raise UnknownPersonError(_not_one_person(user, _platforms_of(store, found)))
    return cast(dict[str, Any], found[0])


def _platforms_of(store: DuckDBStore, found: list[dict[str, Any]]) -> list[str]:
    rows = store.read(
        "SELECT platform FROM persons WHERE list_contains($ids::VARCHAR[], person_id) ORDER BY 1",
        {"ids": [row["person_id"] for row in found]},
    )
    return [str(name) for name in rows["platform"].to_pylist()]


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


def read_insight(
    store: DuckDBStore, content_id: str, platform: str | None = None
) -> dict[str, Any]:
    """Return the stored insight of one content; moments are ISO 8601 in UTC.

    Raises:
        UnknownContentError: no content answers to the id, or contents of several platforms do.
    """
    rows = store.read(
        """SELECT * FROM content_insights WHERE content_id = $id
           AND ($platform::VARCHAR IS NULL OR platform = $platform::VARCHAR)""",
        {"id": content_id, "platform": platform},
    ).to_pylist()
    if len(rows) != 1:
        raise UnknownContentError(
            f"expected one content with id {content_id!r}, found {len(rows)}; "
            + ("name its platform" if rows else "load its comments, then refresh")
        )
    return cast(dict[str, Any], _with_iso_moments(rows[0]))


def is_refreshed(store: DuckDBStore, as_of: datetime) -> bool:
    """Tell whether the derived tables are as of ``as_of`` and know every load."""
    pending = store.read("SELECT count(*) AS n FROM touched")["n"][0].as_py()
    return last_refresh(store) == as_of and pending == 0


def last_refresh(store: DuckDBStore) -> datetime | None:
    """Return the moment that the derived tables are as of, or None before the first refresh."""
    rows = store.read(
        "SELECT as_of FROM runs WHERE verb = 'refresh' ORDER BY rowid DESC LIMIT 1"
    ).to_pylist()
    return cast(datetime, rows[0]["as_of"]).astimezone(UTC) if rows else None


def iso(moment: datetime) -> str:
    """Return a moment as ISO 8601 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _platforms(store: DuckDBStore, platform: str | None) -> list[str | None]:
    if platform is not None:
        return [platform]
    noted = store.read(f"SELECT value FROM meta WHERE name = '{PLATFORMS_META}'")["value"]
    return cast(list[str | None], [None, *json.loads(noted[0].as_py())] if len(noted) else [None])


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
