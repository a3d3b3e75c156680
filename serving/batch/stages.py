"""Stages that overlap: each has its own thread and hands its work on through a bounded queue.

A stage that is ahead waits, so that at most ``2 * stages + 2`` pieces of work exist at a time,
whatever the input's size. Order is kept. The first error ends the whole line and is raised where
the results are taken; ending early stops every stage.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

POLL_S: Final = 0.2  # how soon a waiting stage notices that the line was stopped
SWITCH_S: Final = 0.0005  # a stage that only starts native code soon gets its turn
_END: Final = object()


@dataclass(kw_only=True)
class StageTimes:
    """What one stage did: at work, waiting for work, waiting to hand work over."""

    name: str
    busy_s: float = 0.0
    starved_s: float = 0.0
    blocked_s: float = 0.0
    rows: int = 0


@dataclass(frozen=True, kw_only=True)
class _Failure:
    error: BaseException


class Line:
    """Work items through stages. ``run`` gives the finished ones in order."""

    def __init__(self, stages: Sequence[tuple[StageTimes, Callable[[Any], Any]]]) -> None:
        self._stages = stages
        self._stop = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether nobody waits for results any more; long stages look at it now and then."""
        return self._stop.is_set()

    def run(self, source: Iterable[Any], read: StageTimes) -> Generator[Any, None, None]:
        """The items of ``source`` after all stages; ``read`` is what taking an item costs."""
        interval = sys.getswitchinterval()
        queues: list[queue.Queue[Any]] = [queue.Queue(maxsize=1) for _ in range(len(self._stages))]
        last: queue.Queue[Any] = queue.Queue(maxsize=1)
        ends = [*queues, last]
        threads = [threading.Thread(target=self._feed, args=(iter(source), read, ends[0]))]
        threads += [
            threading.Thread(target=self._work, args=(times, function, ends[at], ends[at + 1]))
            for at, (times, function) in enumerate(self._stages)
        ]
        sys.setswitchinterval(SWITCH_S)
        try:
            for thread in threads:
                thread.start()
            yield from self._results(last)
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
            sys.setswitchinterval(interval)

    def _results(self, last: queue.Queue[Any]) -> Iterator[Any]:
        while (item := self._take(last)) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item

    def _feed(self, source: Iterator[Any], times: StageTimes, out: queue.Queue[Any]) -> None:
        while not self.stopped:
            start = time.perf_counter()
            try:
                item = next(source, _END)
            except BaseException as error:
                item = _Failure(error=error)
            read = time.perf_counter()
            self._put(out, item)
            times.busy_s += read - start
            times.blocked_s += time.perf_counter() - read
            if item is _END or isinstance(item, _Failure):
                return

    def _work(
        self,
        times: StageTimes,
        function: Callable[[Any], Any],
        source: queue.Queue[Any],
        out: queue.Queue[Any],
    ) -> None:
        while not self.stopped:
            start = time.perf_counter()
            item = self._take(source)
            taken = time.perf_counter()
            ends = item is _END or isinstance(item, _Failure)
            if not ends:
                try:
                    item = function(item)
                except BaseException as error:
                    item, ends = _Failure(error=error), True
            done = time.perf_counter()
            self._put(out, item)
            times.starved_s += taken - start
            times.busy_s += done - taken
            times.blocked_s += time.perf_counter() - done
            if ends:
                return

    def _take(self, source: queue.Queue[Any]) -> Any:
        while True:
            try:
                return source.get(timeout=POLL_S)
            except queue.Empty:
                if self.stopped:
                    return _END

    def _put(self, out: queue.Queue[Any], item: Any) -> None:
        while not self.stopped:
            try:
                out.put(item, timeout=POLL_S)
                return
            except queue.Full:
                continue


def profile_table(stages: Sequence[StageTimes], seconds: float) -> str:
    """The stages as a table: seconds at work, their share of the run, rows/s while at work, and
    what was spent waiting for work and waiting to hand it over.
    """
    lines = ["stage              s   share      rows/s  waited for work  to hand over"]
    for stage in stages:
        rate = stage.rows / stage.busy_s if stage.busy_s else 0.0
        share = stage.busy_s / seconds if seconds else 0.0
        lines.append(
            f"{stage.name:<10}{stage.busy_s:>10.2f}{share:>8.0%}{rate:>12,.0f}"
            f"{stage.starved_s:>16.2f}s{stage.blocked_s:>13.2f}s"
        )
    return "\n".join(lines)
