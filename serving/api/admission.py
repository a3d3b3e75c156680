"""What a text costs and how long work takes: the two estimates behind every refusal.

Cost is in padded tokens. Time per window is fitted as ``a + b * tokens`` by least squares over the
last windows, older ones counting less (BentoML fits its batches the same way).
"""

from __future__ import annotations

import math
from typing import Final

from nlp.batching import LENGTHS, bucket_length

SPECIAL_TOKENS: Final = 2  # [CLS] and [SEP]
DECAY: Final = 0.97  # weight that an observation keeps with each one after it: some 33 windows
FIRST_TOKENS_PER_S: Final = 20_000.0  # before anything was measured


def text_cost(normalized: str) -> int:
    """Padded tokens of a text, without tokenizing it: a Chinese character is one token."""
    return bucket_length(min(len(normalized) + SPECIAL_TOKENS, LENGTHS[-1]))


class RateModel:
    """Seconds that a number of tokens takes, learnt from the windows scored so far."""

    def __init__(self) -> None:
        self._n = self._x = self._y = self._xx = self._xy = 0.0

    def observe(self, tokens: int, seconds: float) -> None:
        """Takes in one window."""
        for name, value in (
            ("_n", 1.0),
            ("_x", tokens),
            ("_y", seconds),
            ("_xx", tokens * tokens),
            ("_xy", tokens * seconds),
        ):
            setattr(self, name, DECAY * getattr(self, name) + value)

    def fit(self) -> tuple[float, float]:
        """Seconds per window and seconds per token, neither negative."""
        if self._n < 1.0:
            return 0.0, 1 / FIRST_TOKENS_PER_S
        spread = self._n * self._xx - self._x * self._x
        slope = (self._n * self._xy - self._x * self._y) / spread if spread > 1e-6 else 0.0
        intercept = (self._y - slope * self._x) / self._n
        if slope <= 0 or intercept < 0:
            return 0.0, max(self._y / self._x, 1e-9)
        return intercept, slope

    def seconds(self, tokens: int, window_tokens: int) -> float:
        """Predicted time for so many tokens in windows of at most ``window_tokens``."""
        if tokens <= 0:
            return 0.0
        per_window, per_token = self.fit()
        return per_window * math.ceil(tokens / window_tokens) + per_token * tokens

    def tokens_per_s(self) -> float:
        """Recent throughput."""
        return self._x / self._y if self._y > 0 else FIRST_TOKENS_PER_S
