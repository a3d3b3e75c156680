"""Which store a command means, and opening it: made where commands write, never where they read.

A store is a DuckDB file, a schema of a PostgreSQL database, or a warehouse folder that Spark
computes, named by ``--store``, ``TINGFENG_STORE`` or the home folder. A bare word is refused,
because a mistyped setting would become a file of that name.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from urllib.parse import parse_qs

from profiles.identity_rules import load_rules
from profiles.keys import load_key, load_or_create_key
from serving.errors import ServingError, UsageError
from serving.settings import Settings

if TYPE_CHECKING:
    from profiles.store.duckdb_store import DuckDBStore

URL_PREFIX: Final = "duckdb://"
STORE_FILE: Final = "tingfeng.duckdb"
WAREHOUSE: Final = "warehouse"
SUFFIXES: Final = (".duckdb", ".db")
_POSTGRES: Final = re.compile(r"postgres(ql)?://.+")
_SPARK: Final = re.compile(r"(?P<master>spark://[^/?]+:\d+|local\[(\d+|\*)\])(\?(?P<query>.*))?")


class NoStoreError(ServingError):
    """There is no store yet, and this command makes none."""


@dataclass(frozen=True, kw_only=True)
class StoreAddress:
    """Where a store is: a file's path, a connection URI, or a master with a warehouse folder."""

    engine: Literal["duckdb", "postgres", "spark"]
    where: str
    warehouse: Path | None = None


def store_address(config: Settings) -> StoreAddress:
    """The configured store's place, whether or not it is there.

    Raises:
        UsageError: the setting names none of the three kinds of store.
    """
    text = config.store
    if text is not None and _POSTGRES.fullmatch(text):
        return StoreAddress(engine="postgres", where=text)
    spark = _SPARK.fullmatch(text or "")
    if spark:
        return StoreAddress(
            engine="spark", where=spark["master"], warehouse=_warehouse(config, spark["query"])
        )
    return StoreAddress(engine="duckdb", where=store_path(config))


def store_path(config: Settings) -> str:
    """The path of the configured store's file, whether or not it is there.

    Raises:
        UsageError: the setting is neither ``duckdb:///path`` nor recognisably a path.
    """
    if config.store is None:
        return str(config.home / STORE_FILE)
    path = config.store.removeprefix(URL_PREFIX)
    if path != config.store and path.strip("/"):
        return path
    is_path = path.endswith(SUFFIXES) or os.sep in path
    if is_path and "://" not in config.store:
        return path
    raise UsageError(
        f"--store or TINGFENG_STORE: expected {URL_PREFIX}/path, a path that ends in "
        f"{' or '.join(SUFFIXES)} or holds a {os.sep}, postgresql://user@host/database, "
        f"spark://host:port or local[*], found {config.store!r}; "
        f"write {URL_PREFIX}/path/to/{STORE_FILE}"
    )


def open_or_create_store(config: Settings) -> DuckDBStore:
    """The configured store; it, its folder and the installation's key are made where absent.

    Raises:
        UsageError: the setting names no store.
        ProfilesError: the store or the key cannot be used.
    """
    address = store_address(config)
    config.home.mkdir(parents=True, exist_ok=True)
    return _open(address, config, load_or_create_key(config.home))


def open_existing_store(config: Settings) -> DuckDBStore:
    """The configured store, for commands that have nothing to put into a new one.

    Raises:
        UsageError: the setting names no store.
        NoStoreError: the store is not there; neither it nor a key is made.
        ProfilesError: the store or the key cannot be used.
    """
    address = store_address(config)
    file = address.where if address.engine == "duckdb" else None
    if address.warehouse is not None:
        file = str(address.warehouse / "current.json")
    if file is not None and not os.path.exists(file):
        place = address.warehouse or address.where
        raise NoStoreError(
            f"expected a store at {place}, found none yet; make one with: "
            "tingfeng ingest comments FILE"
        )
    return _open(address, config, load_key(config.home))


def _open(address: StoreAddress, config: Settings, key: bytes) -> DuckDBStore:
    """The store behind an address; all engines are the same to those who use the protocol.

    Commands that send SQL of their own to the store need a DuckDB file; the others say so.
    """
    rules = load_rules(config.identity_rules)
    store: Any
    if address.engine == "postgres":
        _needs("psycopg", "postgres")
        from profiles.store.postgres_store import PostgresStore

        store = PostgresStore(address.where, key=key, rules=rules)
    elif address.engine == "spark":
        _needs("pyspark", "spark")
        from profiles.store.spark_store import SparkStore

        store = SparkStore(
            address.where,
            str(address.warehouse),
            key=key,
            rules=rules,
            options={"spark.driver.memory": config.spark_memory},
        )
    else:
        from profiles.store.duckdb_store import DuckDBStore

        store = DuckDBStore(address.where, key=key, rules=rules)
    return cast("DuckDBStore", store)


def _needs(module: str, extra: str) -> None:
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise ServingError(
            f"expected the package {module} for this store, found none; "
            f"run: pip install 'tingfeng[{extra}]'"
        )


def _warehouse(config: Settings, query: str | None) -> Path:
    """The folder named by ``?warehouse=``, or the one in the home folder."""
    if not query:
        return config.home / WAREHOUSE
    given = parse_qs(query, keep_blank_values=True)
    if set(given) != {WAREHOUSE} or not given[WAREHOUSE][-1]:
        raise UsageError(
            f"--store or TINGFENG_STORE: expected ?{WAREHOUSE}=/folder after the master, found "
            f"?{query}; name a folder that all workers see"
        )
    return Path(given[WAREHOUSE][-1])
