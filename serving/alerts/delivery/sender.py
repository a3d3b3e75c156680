"""Sending what is due: retries with back-off, gives way to limits.

Each channel has its own thread, so that one receiver never holds up another.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from serving.alerts.delivery.channels.base import Channel
from serving.alerts.delivery.codec import notice_from
from serving.alerts.delivery.metrics import observe_attempt, observe_states
from serving.alerts.delivery.outbox import Claim, Outbox
from serving.alerts.delivery.outcome import Outcome

FIRST_DELAY_S: Final = 2.0
LONGEST_DELAY_S: Final = 300.0
LONGEST_ASKED_S: Final = 3600.0
UNCERTAIN_ATTEMPTS: Final = 5
ROWS_PER_PASS: Final = 200
POLL_S: Final = 1.0
_EXPIRE_EVERY_S: Final = 60.0

log = logging.getLogger("tingfeng.alerts.delivery")
Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one pass did; ``waiting`` is what is still to be delivered, to any channel."""

    sent: int
    retried: int
    dead: int
    waiting: int


class Sender:
    """Sends the outbox's rows through the channels given."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Mapping[str, Channel],
        *,
        give_up_after_s: float = 86_400.0,
        rng: random.Random | None = None,
    ) -> None:
        self._outbox = outbox
        self._channels = dict(channels)
        self._give_up_after_s = give_up_after_s
        self._rng = rng or random.Random()

    def deliver_due(self, now: float | None = None) -> Report:
        """One pass over all channels at once; ``now`` are epoch seconds."""
        clock = _clock(now)
        counted: Counter[str] = Counter(dead=self._expire(clock()))
        if self._channels:
            with ThreadPoolExecutor(len(self._channels), thread_name_prefix="channel") as pool:
                for found in pool.map(lambda one: self._drain(one, clock), self._channels.values()):
                    counted += found
        states = self._outbox.counts()
        observe_states(states)
        waiting = states.get("pending", 0) + states.get("sending", 0)
        return Report(
            sent=counted["sent"], retried=counted["retried"], dead=counted["dead"], waiting=waiting
        )

    def run(self, stop: threading.Event, every_s: float = POLL_S) -> None:
        """Delivers until ``stop`` is set; each channel in its own thread."""
        threads = [
            threading.Thread(target=self._serve, args=(one, stop, every_s), name=f"channel-{name}")
            for name, one in self._channels.items()
        ]
        for thread in threads:
            thread.start()
        while not stop.is_set():
            self._guarded(lambda: self._expire(time.time()))
            self._guarded(lambda: observe_states(self._outbox.counts()))
            stop.wait(_EXPIRE_EVERY_S)
        for thread in threads:
            thread.join()

    def _serve(self, channel: Channel, stop: threading.Event, every_s: float) -> None:
        while not stop.is_set():
            self._guarded(lambda: self._drain(channel, time.time, stop))
            stop.wait(every_s)

    def _guarded(self, work: Callable[[], object]) -> None:
        """A full disk or a locked file ends a pass, not the sender."""
        try:
            work()
        except Exception as error:
            log.error("delivery: %s", error)

    def _expire(self, now: float) -> int:
        return self._outbox.expire(now, self._give_up_after_s)

    def _drain(
        self, channel: Channel, clock: Clock, stop: threading.Event | None = None
    ) -> Counter[str]:
        """Sends the channel's rows until none is due or the receiver takes no more."""
        counted: Counter[str] = Counter()
        for _ in range(ROWS_PER_PASS):
            if stop is not None and stop.is_set():
                break
            claim = self._outbox.claim(channel.name, channel.target, channel.rate, clock())
            if not isinstance(claim, Claim):
                break
            outcome = self._attempt(channel, claim, clock)
            counted[self._settle(channel, claim, outcome, clock())] += 1
            if outcome.result in ("retry", "limited"):
                break
        return counted

    def _attempt(self, channel: Channel, claim: Claim, clock: Clock) -> Outcome:
        started = time.monotonic()
        try:
            notice = notice_from(json.loads(claim.notice))
        except (ValueError, TypeError, KeyError, AttributeError):
            return Outcome(result="final", code="notice", message="the stored notice is unreadable")
        try:
            outcome = channel.send(notice, now=clock(), withheld=claim.withheld)
        except Exception as error:  # one message that a channel fails on must not stop the others
            outcome = Outcome(result="uncertain", code="fault", message=type(error).__name__)
            log.error("channel %s: %s", channel.name, channel.redact(repr(error)))
        observe_attempt(channel.name, outcome.result, time.monotonic() - started)
        return outcome

    def _settle(self, channel: Channel, claim: Claim, outcome: Outcome, now: float) -> str:
        """Writes down what became of the row; returns what to count."""
        told = (outcome.code, outcome.message, now)
        if outcome.result == "sent":
            self._outbox.mark_sent(claim, *told)
            return "sent"
        if outcome.result == "shorten" and not claim.withheld:
            self._outbox.mark_failed(claim, *told, due_at=now, withhold=True)
            return "retried"
        if outcome.result == "limited":
            until = now + min(max(outcome.wait_s, 1.0), LONGEST_ASKED_S)
            self._outbox.block(channel.target, until)
            self._outbox.mark_failed(claim, *told, due_at=until)
            return "retried"
        spent = outcome.result == "uncertain" and claim.attempts >= UNCERTAIN_ATTEMPTS
        if outcome.result in ("final", "shorten") or spent:
            self._outbox.mark_failed(claim, *told, due_at=None)
            log.error("channel %s: dead: %s %s", channel.name, outcome.code, outcome.message)
            return "dead"
        due_at = now + self._delay_s(claim.attempts, outcome.wait_s)
        self._outbox.mark_failed(claim, *told, due_at=due_at)
        return "retried"

    def _delay_s(self, attempts: int, asked_s: float) -> float:
        """Half to all of 2 s, doubled per attempt up to 5 min; at least what was asked for."""
        longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(attempts - 1, 16))
        return max(longest * self._rng.uniform(0.5, 1.0), min(asked_s, LONGEST_ASKED_S))


def _clock(now: float | None) -> Clock:
    """The time, counted on from ``now``."""
    if now is None:
        return time.time
    start = time.monotonic()
    return lambda: now + time.monotonic() - start
