"""What became of every row of a scoring run, and where its time went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from data.readers import Dump
from serving.batch.stages import StageTimes


@dataclass(kw_only=True)
class ScoreSummary:
    """What became of every row, and how fast; ``inference_share`` is the network's part of it."""

    rows_in: int = 0
    scored: int = 0
    empty: int = 0
    rejected: int = 0
    resumed: int = 0  # rows taken over from an earlier, broken run; they count in the others too
    repairs: dict[str, int] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    sentiments: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    comments_per_s: float = 0.0
    inference_share: float = 0.0
    model_version: str = ""
    stages: list[StageTimes] = field(default_factory=list)

    def count(self, table: pa.Table, rejected: int) -> None:
        """Adds a window's scored table and the number of its rejects."""
        self.rows_in += table.num_rows + rejected
        self.rejected += rejected
        empty = table["sentiment"].null_count
        self.empty += empty
        self.scored += table.num_rows - empty
        for item in pc.value_counts(table["sentiment"].drop_null()).to_pylist():
            name = item["values"]
            self.sentiments[name] = self.sentiments.get(name, 0) + item["counts"]

    def finish(
        self,
        dumps: Sequence[Dump],
        stages: Sequence[StageTimes],
        seconds: float,
        inference_s: float,
    ) -> None:
        """Adds what is known at the end."""
        for dump in dumps:
            self.formats[str(dump.path)] = dump.format
            for key, count in dump.repairs.counts.items():
                self.repairs[key] = self.repairs.get(key, 0) + count
        self.stages = list(stages)
        self.seconds = seconds
        self.comments_per_s = (self.rows_in - self.resumed) / seconds
        self.inference_share = min(1.0, inference_s / seconds)
