"""The embedded store: one DuckDB file, nothing to start.

``load`` fills the input tables, each whole or not at all, and twice the same changes nothing;
``read`` and ``stream`` give Arrow back. A refresh writes its results through ``transaction`` and
``execute``. One process at a time may hold the file. User ids are stored as keyed hashes and user
names not at all.

Loads grow with the rows given plus one pass over the key columns stored (a hash join, no index to
keep in memory): give large dumps in pieces of some hundred thousand rows.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import duckdb
import pyarrow as pa

from profiles.errors import StoreError
from profiles.identifiers import carries_identifiers, find_identifiers, parse_identifier
from profiles.identity import person_id
from profiles.identity_rules import IdentityRules, load_rules
from profiles.store.ddl import create_statements
from profiles.store.identifiers import add_identifiers
from profiles.store.merge import merge_staged
from profiles.store.migrate import migration
from profiles.store.staging import input_table, stage
from profiles.store.tables import SCHEMA_VERSION

_URL_PREFIX: Final = "duckdb://"
_MEMORY: Final = ":memory:"
# nothing may be fetched from the network while a query runs
_CONFIG: Final[dict[str, Any]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

Parameters = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What one load did: ``rows`` came in; rows with an equal key count once in the other three.

    ``rejected`` are the positions of rows of identifiers that carry none; ``invalid`` counts values
    that name nobody (masked, malformed), by type of identifier.
    """

    rows: int
    inserted: int
    updated: int
    unchanged: int
    rejected: tuple[int, ...] = ()
    invalid: Mapping[str, int] = field(default_factory=dict)

    @property
    def duplicates(self) -> int:
        """Rows that a later row with the same natural key replaced within the load."""
        return self.rows - self.inserted - self.updated - self.unchanged - len(self.rejected)


class DuckDBStore:
    """A store in one DuckDB file; use it as a context manager.

    ``url_or_path`` is a path, ``duckdb:///absolute/path``, ``duckdb://relative/path`` or
    ``:memory:``.

    Raises:
        StoreError: the file is in use elsewhere, is no DuckDB file, or was made with another key or
            another schema version.
    """

    def __init__(
        self, url_or_path: str | Path, *, key: bytes, rules: IdentityRules | None = None
    ) -> None:
        self.path = _path(url_or_path)
        self.rules = rules or load_rules()
        self._key = key
        self._connection = _connect(self.path)
        try:
            self._connection.execute("SET TimeZone = 'UTC'")
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> DuckDBStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file; a closed store answers nothing any more."""
        self._connection.close()

    def load(self, kind: str, table: pa.Table, run: str) -> LoadResult:
        """Add or replace rows of ``kind`` by natural key; the store takes all of it or none.

        Kinds: comments, contents, users, events, orders, identifiers. Of several rows with one key
        the last wins. A column that ``table`` lacks keeps what the store has, except that scores
        are dropped when their comment's text changed. Rows equal to what is stored keep their
        ``run_id``. Rows that carry several identifiers link them, whatever their kind.

        Raises:
            StoreError: unknown kind, or faults in the table (all are named).
        """
        if kind == "identifiers":
            return self._load_identifiers(table, run)
        staged = stage(kind, table, self._key, self.rules)
        linking = carries_identifiers(table, self.rules)  # accounts alone link nothing
        given = table if linking else table.select([])
        found = find_identifiers(given, self._key, self.rules, named_by_type=False)
        with self.transaction():
            counts = merge_staged(self._connection, input_table(kind), staged, run)
            add_identifiers(self._connection, found.rows, kind, run)
            result = LoadResult(
                rows=table.num_rows,
                inserted=counts["inserted"],
                updated=counts["updated"],
                unchanged=counts["unchanged"],
                invalid=found.invalid,
            )
            self._record_load(kind, run, result)
        return result

    def _load_identifiers(self, table: pa.Table, run: str) -> LoadResult:
        found = find_identifiers(table, self._key, self.rules)
        if not found.has_columns:
            raise StoreError(
                f"expected columns of identifiers ({', '.join(self.rules.types)}), found "
                f"{', '.join(table.column_names)}; correct the file or map its columns"
            )
        bare = found.bare_rows(table.num_rows)
        with self.transaction():
            new = add_identifiers(self._connection, found.rows, "identifiers", run)
            result = LoadResult(
                rows=table.num_rows,
                inserted=new,
                updated=0,
                unchanged=table.num_rows - new - len(bare),
                rejected=bare,
                invalid=found.invalid,
            )
            self._record_load("identifiers", run, result)
        return result

    def identifier_key(self, text: str) -> str:
        """Return the key of an identifier written ``TYPE:VALUE`` or ``TYPE:NAMESPACE:VALUE``.

        Raises:
            IdentityError: the type is unknown, or the value names nobody.
        """
        return parse_identifier(text, self._key, self.rules)

    def read(self, sql: str, parameters: Parameters | None = None) -> pa.Table:
        """Return the result of a SELECT; ``$name`` in it stands for ``parameters["name"]``."""
        return self._connection.execute(sql, dict(parameters or {})).to_arrow_table()

    def count(self, table: str) -> int:
        """Return the number of rows of one of the store's tables."""
        return int(self.read(f"SELECT count(*) AS n FROM {table}")["n"][0].as_py())

    def stream(
        self, sql: str, parameters: Parameters | None = None, *, rows_per_batch: int = 50_000
    ) -> Iterator[pa.RecordBatch]:
        """Yield the result of a SELECT in batches, for results larger than memory."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("SET TimeZone = 'UTC'")
            yield from cursor.execute(sql, dict(parameters or {})).to_arrow_reader(rows_per_batch)
        finally:
            cursor.close()

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement of a refresh; for writes use it inside ``transaction``."""
        self._connection.execute(sql, dict(parameters or {}))

    def insert(self, name: str, table: pa.Table) -> None:
        """Append rows to a derived table by column name; absent columns are null."""
        with self.registered("rows_in", table):
            self._connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM rows_in")

    @contextmanager
    def registered(self, name: str, table: pa.Table) -> Iterator[None]:
        """Let statements inside name an Arrow table."""
        self._connection.register(name, table)
        try:
            yield
        finally:
            self._connection.unregister(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen together or not at all."""
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def person_id(self, platform: str | None, user_id: str) -> str:
        """Return the person id under which the rows of a user are stored."""
        return person_id(self._key, platform, user_id)

    def _record_load(self, kind: str, run: str, result: LoadResult) -> None:
        self.execute(
            """INSERT INTO runs VALUES
               ($run, $verb, now(), NULL, $rows, $inserted, $updated, $unchanged)""",
            {
                "run": run,
                "verb": f"load {kind}",
                "rows": result.rows,
                "inserted": result.inserted,
                "updated": result.updated,
                "unchanged": result.unchanged,
            },
        )

    def _prepare(self) -> None:
        """Create the tables in an empty file; in any other, check version and key."""
        with self.transaction():
            tables = self.read("SELECT table_name FROM duckdb_tables() WHERE NOT temporary")
            if tables.num_rows == 0:
                self._create()
            elif "meta" not in tables["table_name"].to_pylist():
                raise StoreError(
                    f"expected a Tingfeng store in {self.path}, found other tables; "
                    "name another file"
                )
            else:
                self._migrate()
            self._check()

    def _migrate(self) -> None:
        """Bring the tables of an earlier release to this layout, if the key is the right one."""
        meta = self._meta()
        if meta.get("key_check") == _key_check(self._key):
            for statement in migration(meta.get("schema_version")):
                self._connection.execute(statement)

    def _meta(self) -> dict[str, str]:
        return {row["name"]: row["value"] for row in self.read("FROM meta").to_pylist()}

    def _create(self) -> None:
        for statement in create_statements():
            self._connection.execute(statement)
        self._connection.execute(
            "INSERT INTO meta VALUES ('schema_version', $version), ('key_check', $check)",
            {"version": str(SCHEMA_VERSION), "check": _key_check(self._key)},
        )

    def _check(self) -> None:
        meta = self._meta()
        if meta.get("key_check") != _key_check(self._key):  # first: without it nothing is migrated
            raise StoreError(
                f"expected the key that {self.path} was made with, found another one; "
                "restore its identity.key, or name a new store"
            )
        if meta.get("schema_version") != str(SCHEMA_VERSION):
            raise StoreError(
                f"expected schema version {SCHEMA_VERSION} in {self.path}, found "
                f"{meta.get('schema_version')}; use the release that made it, or load afresh"
            )


def _key_check(key: bytes) -> str:
    return hmac.new(key, b"which key made this store", hashlib.sha256).hexdigest()[:16]


def _path(url_or_path: str | Path) -> str:
    text = str(url_or_path)
    if text.startswith(_URL_PREFIX):
        text = text.removeprefix(_URL_PREFIX)
    elif "://" in text:
        raise StoreError(
            f"expected a path or {_URL_PREFIX}/path, found {text!r}; this store is a file"
        )
    if text not in {_MEMORY, "/" + _MEMORY}:
        Path(text).parent.mkdir(parents=True, exist_ok=True)
        return text
    return _MEMORY


def _connect(path: str) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(path, config=_CONFIG)
    except duckdb.Error as error:
        raise StoreError(_why_not_opened(path, " ".join(str(error).split()))) from error


def _why_not_opened(path: str, reason: str) -> str:
    if "lock" in reason.lower():
        holder = re.search(r"PID (\d+)", reason)
        by = f"process {holder[1]}" if holder else "another process"
        return f"expected {path} to be free, found it in use by {by}; end that one or wait for it"
    return (
        f"expected a DuckDB file that can be opened at {path}, found: {reason}; name another file"
    )
