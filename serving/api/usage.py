"""What each key has used: calls of the last minute and texts of the day (UTC).

Calls are a bucket that holds a minute's worth and fills steadily. The day's counts are saved every
few seconds and at the end, so a restart does not give a new quota (a kill forgets some seconds).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from serving.api.errors import ApiError
from serving.api.private_files import write_private

USAGE_FILE: Final = "api_usage.json"
SAVE_EVERY_S: Final = 5.0


class Usage:
    """Counts per key id; not for several processes at a time."""

    def __init__(
        self,
        home: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.path = home / USAGE_FILE
        self._clock, self._now = clock, now
        self._buckets: dict[str, tuple[float, float]] = {}  # calls left, and when
        self._day, self._texts = self._read()
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._saver: threading.Thread | None = None

    def take_call(self, key_id: str, per_min: int) -> None:
        """Counts one call. Raises ApiError (429) beyond ``per_min``."""
        now = self._clock()
        with self._lock:
            left, since = self._buckets.get(key_id, (float(per_min), now))
            left = min(float(per_min), left + (now - since) * per_min / 60)
            if left < 1:
                self._buckets[key_id] = (left, now)
                raise ApiError(
                    429,
                    "rate_limited",
                    f"expected at most {per_min:,} calls a minute with this key, found more",
                    "wait as long as Retry-After says, or send more texts a call",
                    retry_after_s=(1 - left) * 60 / per_min,
                )
            self._buckets[key_id] = (left - 1, now)

    def take_texts(self, key_id: str, texts: int, per_day: int | None) -> None:
        """Counts texts. Raises ApiError (429) when the day's quota does not hold them."""
        with self._lock:
            today = self._today()
            used = self._texts.get(key_id, 0)
            if per_day is not None and used + texts > per_day:
                midnight = datetime.combine(today, datetime.min.time(), UTC) + timedelta(days=1)
                raise ApiError(
                    429,
                    "quota_exceeded",
                    f"expected at most {per_day:,} texts a day with this key, found {used:,} "
                    f"scored and {texts:,} more",
                    "the day begins at 00:00 UTC; ask the operator for a larger quota",
                    retry_after_s=(midnight - self._now()).total_seconds(),
                )
            self._texts[key_id] = used + texts
        self._save_later()

    def give_back(self, key_id: str, texts: int) -> None:
        """Takes back texts that were not scored after all."""
        with self._lock:
            self._texts[key_id] = max(0, self._texts.get(key_id, 0) - texts)

    def texts_today(self, key_id: str) -> int:
        """Texts counted since midnight UTC."""
        with self._lock:
            self._today()
            return self._texts.get(key_id, 0)

    def close(self) -> None:
        """Saves what has changed."""
        self._stop.set()
        self._changed.set()
        if self._saver is not None:
            self._saver.join(SAVE_EVERY_S)

    def _today(self) -> date:
        today = self._now().date()
        if today.isoformat() != self._day:
            self._day, self._texts = today.isoformat(), {}
        return today

    def _read(self) -> tuple[str, dict[str, int]]:
        try:
            kept = json.loads(self.path.read_bytes())
            return str(kept["day"]), {str(k): int(v) for k, v in kept["texts"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return "", {}

    def _save_later(self) -> None:
        self._changed.set()
        if self._saver is None:
            self._saver = threading.Thread(target=self._save_often, name="usage", daemon=True)
            self._saver.start()

    def _save_often(self) -> None:
        while not self._stop.is_set():
            self._changed.wait()
            self._stop.wait(SAVE_EVERY_S)
            self._changed.clear()
            with self._lock:
                kept = {"day": self._day, "texts": dict(self._texts)}
            write_private(self.path, json.dumps(kept).encode())
