"""How input comes into a store, the same on every engine: staged, checked, hashed, then merged.

An engine adds the two writes that are its own: ``_merge_input`` (rows by natural key) and
``_add_identifiers`` (keys and links). Rows of persons who were forgotten are left out here, so that
loading an old dump again does not bring them back.
"""

from __future__ import annotations

import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.compute as pc

from profiles.errors import StoreError, UnsupportedStoreError
from profiles.identifiers import (
    FoundIdentifiers,
    carries_identifiers,
    find_identifiers,
    parse_identifier,
)
from profiles.identity import PERSON_ID_LENGTH, person_id
from profiles.identity_rules import IdentityRules, load_rules
from profiles.store.base import LoadResult
from profiles.store.migrate import LATE, Step, migration
from profiles.store.staging import input_table, stage
from profiles.store.tables import SCHEMA_VERSION, InputTable, account_columns

COUNTS: Final = ("inserted", "updated", "unchanged")


class LoadingStore(ABC):
    """The part of a store that is the same for all engines; see ``profiles.store.base``."""

    engine: str
    rows_per_load: int = 262_144
    by_key: bool = False

    def __init__(self, url: str, *, key: bytes, rules: IdentityRules | None) -> None:
        self.url = url
        self.rules = rules or load_rules()
        self._key = key
        self._forgotten: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def load(
        self, kind: str, table: pa.Table, run: str, *, allow_return: bool = False
    ) -> LoadResult:
        """Add or replace rows of ``kind`` by natural key; the store takes all of it or none.

        Kinds: those of ``profiles.store.tables.INPUTS``, and identifiers. Of several rows with one
        key the last wins. A column that ``table`` lacks keeps what the store has, except that
        scores are dropped when their comment's text changed. Rows equal to what is stored keep
        their ``run_id``. Rows that carry several identifiers link them, whatever their kind. Rows
        of forgotten persons are left out, unless ``allow_return`` lifts what keeps them out.

        Raises:
            StoreError: unknown kind, or faults in the table (all are named).
        """
        if kind == "identifiers":
            return self._load_identifiers(table, run, allow_return=allow_return)
        staged = stage(kind, table, self._key, self.rules)
        linking = carries_identifiers(table, self.rules)  # accounts alone link nothing
        given = table if linking else table.select([])
        found = find_identifiers(given, self._key, self.rules, named_by_type=False)
        with self.transaction():
            gone = self._gone(staged, found.rows, allow_return=allow_return)
            staged, rows = _without(staged, found.rows, gone)
            counts = self._merge_input(input_table(kind), staged, run)
            self._add_identifiers(rows, kind, run)
            result = LoadResult(
                rows=table.num_rows,
                inserted=counts["inserted"],
                updated=counts["updated"],
                unchanged=counts["unchanged"],
                invalid=found.invalid,
                forgotten=len(gone),
            )
            self._record_load(kind, run, result)
        return result

    def _load_identifiers(self, table: pa.Table, run: str, *, allow_return: bool) -> LoadResult:
        found = find_identifiers(table, self._key, self.rules)
        self._check_identifiers(table, found)
        bare = found.bare_rows(table.num_rows)
        with self.transaction():
            gone = self._gone(table.select([]), found.rows, allow_return=allow_return)
            _, rows = _without(table.select([]), found.rows, gone)
            new = self._add_identifiers(rows, "identifiers", run)
            result = LoadResult(
                rows=table.num_rows,
                inserted=new,
                updated=0,
                unchanged=table.num_rows - new - len(bare) - len(gone),
                rejected=bare,
                invalid=found.invalid,
                forgotten=len(gone),
            )
            self._record_load("identifiers", run, result)
        return result

    def _check_identifiers(self, table: pa.Table, found: FoundIdentifiers) -> None:
        if not found.has_columns:
            raise StoreError(
                f"expected columns of identifiers ({', '.join(self.rules.types)}), found "
                f"{', '.join(table.column_names)}; correct the file or map its columns"
            )

    def _gone(self, staged: pa.Table, rows: pa.Table, *, allow_return: bool) -> list[int]:
        """Return the positions of rows that belong to forgotten persons, in order.

        A row is theirs by its account or by an identifier that one person alone may have.
        """
        if not self._forgotten:
            return []
        accounts = [staged[name] for name in account_columns(staged.column_names)]
        marks = {
            key: self.tombstone(key)
            for column in (*accounts, rows["key"])
            for key in pc.unique(column).to_pylist()
            if key is not None
        }
        known = {key for key, mark in marks.items() if mark in self._forgotten}
        if allow_return:
            self._lift([marks[key] for key in known])
            return []
        values = pa.array(sorted(known), pa.string())
        private = [name for name, rule in self.rules.types.items() if not rule.shareable]
        theirs = pc.and_(
            pc.is_in(rows["key"], values), pc.is_in(rows["type"], pa.array(private, pa.string()))
        )
        positions = set(rows["row"].filter(theirs).to_pylist())
        for column in accounts:
            mine = pc.is_in(column, values)
            positions |= set(pc.indices_nonzero(mine).to_pylist())
        return sorted(positions)

    def _lift(self, marks: Sequence[str]) -> None:
        if marks:
            self.delete("tombstones", "mark", list(marks))
            self._forgotten -= frozenset(marks)

    def read_tombstones(self) -> None:
        """Read again who is forgotten; after a change of the table."""
        self._forgotten = frozenset(self._marks())

    def tombstone(self, person: str) -> str:
        """Return the mark under which a forgotten key is remembered; it cannot be turned back."""
        digest = hmac.digest(self._key, b"forgotten\x1e" + person.encode(), "sha256")
        return digest.hex()[:PERSON_ID_LENGTH]

    def identifier_key(self, text: str) -> str:
        """Return the key of an identifier written ``TYPE:VALUE`` or ``TYPE:NAMESPACE:VALUE``.

        Raises:
            IdentityError: the type is unknown, or the value names nobody.
        """
        return parse_identifier(text, self._key, self.rules)

    def person_id(self, platform: str | None, user_id: str) -> str:
        """Return the person id under which the rows of a user are stored."""
        return person_id(self._key, platform, user_id)

    def read(self, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """Refuse SQL: only a store in a DuckDB file answers it.

        Raises:
            StoreError: always, here.
        """
        del sql, parameters
        raise self._no_sql()

    def execute(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Refuse SQL: only a store in a DuckDB file runs it.

        Raises:
            StoreError: always, here.
        """
        del sql, parameters
        raise self._no_sql()

    def _no_sql(self) -> StoreError:
        return UnsupportedStoreError(
            f"expected a store in a DuckDB file for this command, found {self.url}; "
            "see docs/stores.md for what each engine can do"
        )

    def _record_load(self, kind: str, run: str, result: LoadResult) -> None:
        self.bulk_load(
            "runs",
            pa.table(
                {
                    "run_id": [run],
                    "verb": [f"load {kind}"],
                    "recorded_at": [datetime.now(UTC)],
                    "n_rows": [result.rows],
                    **{f"n_{name}": [getattr(result, name)] for name in COUNTS},
                }
            ),
        )

    def _prepare(self) -> None:
        """Create the tables in an empty store; in any other, check version and key."""
        with self.transaction():
            if self._is_empty():
                self._create()
                self.bulk_load("meta", self._first_meta())
            else:
                self._migrate()
            self._check()
        self.read_tombstones()

    def _first_meta(self) -> pa.Table:
        return pa.table(
            {
                "name": ["schema_version", "key_check"],
                "value": [str(SCHEMA_VERSION), key_check(self._key)],
            }
        )

    def _migrate(self) -> None:
        """Bring the tables of an earlier release to this layout, if the key is the right one."""
        meta = self.meta()
        if meta.get("key_check") == key_check(self._key):
            self._run_steps(migration(meta.get("schema_version")))
            if self.meta().get("schema_version") == str(SCHEMA_VERSION):
                there = self.tables()
                self._run_steps([step for name, step in LATE.items() if name not in there])

    def _check(self) -> None:
        meta = self.meta()
        if meta.get("key_check") != key_check(self._key):  # first: without it nothing is migrated
            raise StoreError(
                f"expected the key that {self.url} was made with, found another one; "
                "restore its identity.key, or name a new store"
            )
        if meta.get("schema_version") != str(SCHEMA_VERSION):
            raise StoreError(
                f"expected schema version {SCHEMA_VERSION} in {self.url}, found "
                f"{meta.get('schema_version')}; use the release that made it, or load afresh"
            )

    @abstractmethod
    def close(self) -> None: ...
    @abstractmethod
    def tables(self) -> tuple[str, ...]: ...
    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]: ...
    @abstractmethod
    def meta(self) -> dict[str, str]: ...
    @abstractmethod
    def bulk_load(self, name: str, table: pa.Table) -> int: ...
    @abstractmethod
    def delete(self, name: str, column: str, values: Sequence[str]) -> int: ...
    @abstractmethod
    def _marks(self) -> list[str]: ...
    @abstractmethod
    def _is_empty(self) -> bool: ...
    @abstractmethod
    def _create(self) -> None: ...
    @abstractmethod
    def _run_steps(self, steps: Sequence[Step]) -> None: ...
    @abstractmethod
    def _merge_input(self, spec: InputTable, staged: pa.Table, run: str) -> Mapping[str, int]: ...
    @abstractmethod
    def _add_identifiers(self, rows: pa.Table, source: str, run: str) -> int: ...


def key_check(key: bytes) -> str:
    """Return what a store keeps to recognise its key."""
    return hmac.new(key, b"which key made this store", hashlib.sha256).hexdigest()[:16]


def _without(staged: pa.Table, rows: pa.Table, gone: list[int]) -> tuple[pa.Table, pa.Table]:
    """Return staged rows and found identifiers without the rows at the positions ``gone``."""
    if not gone:
        return staged, rows
    positions = pa.array(gone, pa.int64())
    kept = rows.filter(pc.invert(pc.is_in(rows["row"], positions)))
    if staged.num_columns:
        at = pa.array(range(staged.num_rows), pa.int64())
        staged = staged.filter(pc.invert(pc.is_in(at, positions)))
    return staged, kept
