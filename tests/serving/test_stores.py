"""Which store is meant, and that reading makes none."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.errors import KeyFileError, StoreError
from serving.errors import UsageError
from serving.settings import Settings
from serving.stores import (
    NoStoreError,
    open_existing_store,
    open_or_create_store,
    store_address,
    store_path,
)


@pytest.mark.parametrize(
    ("store", "path"),
    [
        ("duckdb:///srv/tea.duckdb", "/srv/tea.duckdb"),
        ("duckdb:///srv/tea", "/srv/tea"),
        ("duckdb://tea", "tea"),
        ("tea.duckdb", "tea.duckdb"),
        ("tea.db", "tea.db"),
        ("./tea", "./tea"),
        ("var/tea", "var/tea"),
        (None, "home/tingfeng.duckdb"),
    ],
)
def test_store_that_is_recognisably_a_file_is_its_path(store: str | None, path: str) -> None:
    assert store_path(Settings(home=Path("home"), store=store)) == path


@pytest.mark.parametrize(
    "store",
    [
        "foo",
        "",
        ":memory:",
        "duckdb",
        "duckdb://",
        "duckdb:///",
        "mysql://host/tea",
        "postgresql://",
        "spark://host",
        "local",
        "local[x]",
        "a://b.db",
    ],
)
def test_any_other_store_is_one_usage_line_and_no_file(store: str, tmp_path: Path) -> None:
    config = Settings(home=tmp_path / "home", store=store)
    for opener in (open_or_create_store, open_existing_store):
        with pytest.raises(UsageError, match=r"TINGFENG_STORE: expected duckdb:///path") as caught:
            opener(config)
        assert repr(store) in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ("postgresql://ann@db:5433/tea", ("postgres", "postgresql://ann@db:5433/tea", None)),
        ("postgres://db/tea", ("postgres", "postgres://db/tea", None)),
        ("local[*]", ("spark", "local[*]", Path("home/warehouse"))),
        ("spark://m:7077?warehouse=/mnt/w", ("spark", "spark://m:7077", Path("/mnt/w"))),
        ("duckdb:///srv/tea", ("duckdb", "/srv/tea", None)),
    ],
)
def test_store_address_names_engine_and_place(
    store: str, expected: tuple[str, str, Path | None]
) -> None:
    address = store_address(Settings(home=Path("home"), store=store))
    assert (address.engine, address.where, address.warehouse) == expected


def test_unknown_words_after_a_spark_master_are_refused() -> None:
    with pytest.raises(UsageError, match=r"expected \?warehouse=/folder"):
        store_address(Settings(store="local[2]?folder=/x"))


def test_server_that_is_not_there_is_one_line_without_the_password(tmp_path: Path) -> None:
    config = Settings(home=tmp_path, store="postgresql://ann:secret@127.0.0.1:1/tea")
    with pytest.raises(StoreError, match="expected a PostgreSQL server at") as caught:
        open_or_create_store(config)
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_reading_makes_neither_store_nor_key_nor_folder(tmp_path: Path) -> None:
    with pytest.raises(NoStoreError, match="tingfeng ingest comments FILE"):
        open_existing_store(Settings(home=tmp_path / "home"))
    assert not list(tmp_path.iterdir())


def test_reading_a_store_whose_key_is_gone_makes_no_other_key(tmp_path: Path) -> None:
    config = Settings(home=tmp_path)
    open_or_create_store(config).close()
    (tmp_path / "identity.key").unlink()
    with pytest.raises(KeyFileError, match="restore it"):
        open_existing_store(config)
    assert not (tmp_path / "identity.key").exists()


def test_store_that_was_made_is_opened(tmp_path: Path) -> None:
    config = Settings(home=tmp_path / "home", store=str(tmp_path / "deep" / "tea.db"))
    open_or_create_store(config).close()
    with open_existing_store(config) as store:
        assert store.count("comments") == 0
