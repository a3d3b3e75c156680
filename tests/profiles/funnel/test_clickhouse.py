"""The same events through ClickHouse's ``windowFunnel``, in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from profiles.funnel.funnel import read_funnel
from profiles.funnel.parse import parse_spec
from profiles.funnel.relation import open_events

chdb = pytest.importorskip("chdb")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4,000 events of 300 persons in 200 seconds: every person has moments with several."""
    dice = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("events") / "e.parquet"
    events = {
        "person_id": dice.integers(0, 300, 4000),
        "event": dice.choice(list("ABCn"), 4000),
        "time": dice.integers(1_000_000, 1_000_200, 4000),
    }
    pq.write_table(pa.table(events), path)
    return path


def clickhouse(file: Path, steps: str, window_s: int, mode: str) -> dict[int, int]:
    conditions = ", ".join(f"event = '{step}'" for step in steps)
    given = f", '{mode}'" if mode else ""
    answer = chdb.query(
        f"""SELECT person_id, windowFunnel({window_s}{given})(toUInt64(time), {conditions}) AS level
            FROM file('{file}', Parquet) GROUP BY person_id ORDER BY person_id""",
        "CSV",
    )
    rows = [line.split(",") for line in str(answer).splitlines()]
    return {int(person): int(level) for person, level in rows if int(level)}


def ours(file: Path, steps: str, window_s: int, **spec: object) -> dict[int, int]:
    asked = parse_spec({"steps": list(steps), "window_s": window_s, **spec})
    with open_events(file) as events:
        rows = read_funnel(events, asked).actors.to_pylist()
    return {row["person_id"]: row["level"] for row in rows if row["level"]}


@pytest.mark.parametrize(("steps", "window_s"), [("ABC", 5), ("ABC", 60), ("CAB", 20)])
@pytest.mark.parametrize("mode", ["", "strict_once"])
def test_ordered_equals_window_funnel(file: Path, steps: str, window_s: int, mode: str) -> None:
    assert ours(file, steps, window_s) == clickhouse(file, steps, window_s, mode)


def test_reuse_equals_window_funnel_with_a_step_twice(file: Path) -> None:
    expected = clickhouse(file, "AAB", 9, "")
    assert ours(file, "AAB", 9, reuse=True) == expected
    assert ours(file, "AAB", 9) != expected  # there one event fills two steps


def test_later_finds_all_that_strict_increase_does(file: Path) -> None:
    """ClickHouse forgets a chain that another of the same moment replaces, so it may find fewer."""
    theirs, found = (
        clickhouse(file, "ABC", 20, "strict_increase"),
        ours(file, "ABC", 20, ties="later"),
    )
    assert theirs.keys() == found.keys()
    assert all(found[person] >= level for person, level in theirs.items())
    assert sum(found.values()) < sum(ours(file, "ABC", 20).values())
