"""Every key under which one person is stored, whatever name they are asked for by."""

from __future__ import annotations

from typing import Final

from profiles.errors import UnknownPersonError
from profiles.store.base import Store

_ACCOUNTS: Final = ("comments", "users", "events", "orders", "relations")


def keys_of_person(store: Store, text: str) -> tuple[str, list[str]]:
    """Return a person's id and all keys that rows of theirs bear, sorted.

    ``text`` is a person id, a former one, ``TYPE:VALUE``, the key of an identifier, or an
    account's id at the source.

    Raises:
        UnknownPersonError: nobody answers to it, or several persons do.
    """
    candidates = _candidates(store, text)
    members = store.rows_where("person_identifiers", "key", candidates).to_pylist()
    known = {row["key"] for row in members}
    persons = {row["person_id"] for row in members}
    aliases = store.rows_where("person_aliases", "alias", candidates).to_pylist()
    # an alias is followed only where nobody bears the id as a key any more
    persons |= {row["person_id"] for row in aliases if row["alias"] not in known}
    persons |= {one for one in candidates if one not in known and _is_stored(store, one)}
    if len(persons) != 1:
        raise UnknownPersonError(
            f"expected one person for {text!r}, found {len(persons)}; check the id, or write "
            "TYPE:VALUE, e.g. platform_uid:douyin:42"
        )
    (person,) = persons
    keys = {person}
    keys |= set(store.rows_where("person_identifiers", "person_id", [person])["key"].to_pylist())
    keys |= set(store.rows_where("person_aliases", "person_id", [person])["alias"].to_pylist())
    return person, sorted(keys)


def _candidates(store: Store, text: str) -> list[str]:
    if text.partition(":")[0] in store.rules.types:
        return [store.identifier_key(text)]
    return [text, *(store.person_id(platform, text) for platform in _platforms(store))]


def _platforms(store: Store) -> list[str | None]:
    """Every platform that accounts of this store come from."""
    found: set[str | None] = set()
    for name in _ACCOUNTS:
        found |= set(store.fetch(store.table(name).select("platform").distinct())[0].to_pylist())
    identifiers = store.table("identifiers").filter(lambda t: t.type == "platform_uid")
    found |= set(store.fetch(identifiers.select("namespace").distinct())[0].to_pylist())
    return sorted(found, key=str)


def _is_stored(store: Store, key: str) -> bool:
    columns = [(name, "user_id") for name in _ACCOUNTS]
    columns.append(("relations", "target_id"))
    columns += [("persons", "person_id"), ("profiles", "person_id"), ("identifiers", "key")]
    return any(store.rows_where(name, column, [key]).num_rows for name, column in columns)
