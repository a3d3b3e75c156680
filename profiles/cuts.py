"""Splitting a person and undoing it: a cut keeps identifiers apart whatever links come later.

The identifiers named leave together and take nothing else along. What hung on the person only
through them stands alone afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from profiles.errors import IdentityError, UnknownPersonError
from profiles.persons import identity_bench, resolve_if_stale
from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore


@dataclass(frozen=True, kw_only=True)
class CutResult:
    """What a split or rejoin did; ``persons`` are those that the members belong to now."""

    cuts: tuple[str, ...]
    persons: tuple[str, ...]


def split(store: Store, person: str, identifiers: Sequence[str], run: str) -> CutResult:
    """Take identifiers out of a person, for good: a later link between the two is refused.

    Raises:
        UnknownPersonError: nobody answers to ``person``.
        IdentityError: an identifier is not the person's, or nothing would stay.
    """
    with store.transaction(), identity_bench(store) as bench:
        resolve_if_stale(bench, run)
        members = _members(bench, find_person(bench, person))
        named = [find_key(bench, one) for one in identifiers]
        strangers = [one for one, key in zip(identifiers, named, strict=True) if key not in members]
        if strangers or not set(members) - set(named):
            raise IdentityError(
                f"expected some of the {len(members)} identifiers of person {person}, found "
                f"{', '.join(strangers) or 'all of them'}; see tingfeng identity show {person}"
            )
        sides = [int(key in named) for key in members]
        cut = f"cut-{run}"
        bench.insert(
            "cuts",
            pa.table(
                {"key": members, "side": sides, **_same(len(members), cut_id=cut, run_id=run)}
            ),
        )
        _changed(bench, run, "split")
        return CutResult(cuts=(cut,), persons=_persons_of(bench, members))


def rejoin(store: Store, person: str, identifiers: Sequence[str], run: str) -> CutResult:
    """Lift every cut between a person and the identifiers; links that it refused join again.

    Raises:
        UnknownPersonError: nobody answers to ``person``.
        IdentityError: no cut stands between the two.
    """
    with store.transaction(), identity_bench(store) as bench:
        resolve_if_stale(bench, run)
        members = _members(bench, find_person(bench, person))
        named = [find_key(bench, one) for one in identifiers]
        found = bench.read(
            """SELECT DISTINCT one.cut_id FROM cuts AS one JOIN cuts AS other
                   ON one.cut_id = other.cut_id AND one.side <> other.side
               WHERE one.lifted_by IS NULL AND list_contains($named, one.key)
                   AND list_contains($members, other.key) ORDER BY one.cut_id""",
            {"named": named, "members": members},
        )["cut_id"].to_pylist()
        if not found:
            raise IdentityError(
                f"expected a cut between {person} and {', '.join(identifiers)}, found none; "
                f"see tingfeng identity show {person}"
            )
        bench.execute(
            "UPDATE cuts SET lifted_by = $run WHERE list_contains($cuts, cut_id)",
            {"run": run, "cuts": found},
        )
        _changed(bench, run, "rejoined")
        return CutResult(cuts=tuple(found), persons=_persons_of(bench, [*members, *named]))


def find_person(store: DuckDBStore, text: str) -> str:
    """Return the id of the person that a person id, alias, identifier or account id names.

    Raises:
        UnknownPersonError: nobody with identifiers answers to it, or several persons do.
    """
    found = store.read(
        """SELECT DISTINCT person_id FROM person_identifiers
           WHERE list_contains($keys, key)""",
        {"keys": _candidates(store, text)},
    )["person_id"].to_pylist()
    if len(found) != 1:
        raise UnknownPersonError(
            f"expected one person with identifiers for {text!r}, found {len(found)}; "
            "write TYPE:VALUE, e.g. platform_uid:douyin:42, or load identifiers first"
        )
    return str(found[0])


def find_key(store: DuckDBStore, text: str) -> str:
    """Return the key that ``TYPE:VALUE`` or the key itself stands for.

    Raises:
        IdentityError: the type is unknown, or the value names nobody.
    """
    return store.identifier_key(text) if ":" in text else text


def _candidates(store: DuckDBStore, text: str) -> list[str]:
    if text.partition(":")[0] in store.rules.types:
        return [store.identifier_key(text)]
    platforms = store.read(
        "SELECT DISTINCT namespace FROM identifiers WHERE type = 'platform_uid'"
    )["namespace"].to_pylist()
    return [text, *(store.person_id(platform, text) for platform in platforms)]


def _members(store: DuckDBStore, person: str) -> list[str]:
    rows = store.read(
        "SELECT key FROM person_identifiers WHERE person_id = $person ORDER BY key",
        {"person": person},
    )
    return [str(key) for key in rows["key"].to_pylist()]


def _persons_of(store: DuckDBStore, keys: list[str]) -> tuple[str, ...]:
    rows = store.read(
        """SELECT DISTINCT person_id FROM person_identifiers
           WHERE list_contains($keys, key) ORDER BY person_id""",
        {"keys": keys},
    )
    return tuple(rows["person_id"].to_pylist())


def _changed(store: DuckDBStore, run: str, verb: str) -> None:
    store.execute("INSERT INTO touched VALUES ('identity', NULL, NULL)")
    resolve_if_stale(store, run, verb=verb)


def _same(rows: int, **values: str) -> dict[str, pa.Array]:
    return {name: pa.repeat(value, rows) for name, value in values.items()}
