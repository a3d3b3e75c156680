"""Which store a command means, and opening it: made where commands write, never where they read.

A store is a DuckDB file, named by ``--store``, ``TINGFENG_STORE`` or the home folder. A bare word
is refused, because a mistyped setting would become a file of that name.
"""

from __future__ import annotations

import os
from typing import Final

from profiles.identity_rules import load_rules
from profiles.keys import load_key, load_or_create_key
from profiles.store.duckdb_store import DuckDBStore
from serving.errors import ServingError, UsageError
from serving.settings import Settings

URL_PREFIX: Final = "duckdb://"
STORE_FILE: Final = "tingfeng.duckdb"
SUFFIXES: Final = (".duckdb", ".db")


class NoStoreError(ServingError):
    """There is no store yet, and this command makes none."""


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
        f"--store or TINGFENG_STORE: expected {URL_PREFIX}/path, or a path that ends in "
        f"{' or '.join(SUFFIXES)} or holds a {os.sep}, found {config.store!r}; "
        f"write {URL_PREFIX}/path/to/{STORE_FILE}"
    )


def open_or_create_store(config: Settings) -> DuckDBStore:
    """The configured store; it, its folder and the installation's key are made where absent.

    Raises:
        UsageError: the setting names no store.
        ProfilesError: the store or the key cannot be used.
    """
    path = store_path(config)
    config.home.mkdir(parents=True, exist_ok=True)
    rules = load_rules(config.identity_rules)
    return DuckDBStore(path, key=load_or_create_key(config.home), rules=rules)


def open_existing_store(config: Settings) -> DuckDBStore:
    """The configured store, for commands that have nothing to put into a new one.

    Raises:
        UsageError: the setting names no store.
        NoStoreError: the store is not there; neither it nor a key is made.
        ProfilesError: the store or the key cannot be used.
    """
    path = store_path(config)
    if not os.path.exists(path):
        raise NoStoreError(
            f"expected a store at {path}, found none yet; make one with: "
            "tingfeng ingest comments FILE"
        )
    rules = load_rules(config.identity_rules)
    return DuckDBStore(path, key=load_key(config.home), rules=rules)
