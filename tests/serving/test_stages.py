"""Stages overlap, keep order, hold little at a time, and end with the first error."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from serving.batch.stages import Line, StageTimes, profile_table


def times(name: str = "s") -> StageTimes:
    return StageTimes(name=name)


def test_line_keeps_order_through_all_stages() -> None:
    line = Line([(times(), lambda n: n + 1), (times(), lambda n: n * 2)])
    assert list(line.run(range(50), times())) == [(n + 1) * 2 for n in range(50)]


def test_line_of_nothing_is_empty() -> None:
    assert list(Line([(times(), lambda n: n)]).run([], times())) == []


def test_line_reads_no_further_ahead_than_its_queues() -> None:
    read = []

    def source() -> Iterator[int]:
        for n in range(1000):
            read.append(n)
            yield n

    results = Line([(times(), lambda n: n)] * 3).run(source(), times())
    assert next(results) == 0
    time.sleep(0.1)
    assert len(read) <= 2 * 3 + 4
    results.close()


@pytest.mark.parametrize("where", ["source", "stage"])
def test_line_raises_the_first_error_and_stops_its_threads(where: str) -> None:
    def source() -> Iterator[int]:
        yield from range(5)
        if where == "source":
            raise KeyError("broken")
        yield from range(5, 1000)

    def stage(n: int) -> int:
        if where == "stage" and n == 5:
            raise KeyError("broken")
        return n

    before = threading.active_count()
    taken = []
    with pytest.raises(KeyError, match="broken"):
        for n in Line([(times(), stage), (times(), lambda n: n)]).run(source(), times()):
            taken.append(n)
    assert taken == [0, 1, 2, 3, 4]
    assert threading.active_count() == before


def test_line_overlaps_its_stages() -> None:
    line = Line([(times(), lambda n: (time.sleep(0.02), n)[1])] * 3)
    start = time.perf_counter()
    assert len(list(line.run(range(10), times()))) == 10
    assert time.perf_counter() - start < 0.75 * 3 * 10 * 0.02


def test_profile_table_shows_share_rate_and_waits() -> None:
    stage = StageTimes(name="model", busy_s=5.0, starved_s=1.0, blocked_s=0.5, rows=1000)
    line = profile_table([stage], 10.0).splitlines()[1]
    assert line.split() == ["model", "5.00", "50%", "200", "1.00s", "0.50s"]
