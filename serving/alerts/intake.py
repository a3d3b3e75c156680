"""Dumps to watched comments: read, take scores that are there, score what is not, drop repeats."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.columns import COMMENTS, SCORES
from data.labels import SENTIMENTS
from data.readers import Batch, Dump
from nlp.analyzer import Analyzer
from serving.alerts.comments import watched
from serving.alerts.rules import Brand
from serving.errors import ServingError
from serving.scored import FileScorer
from serving.text_keys import TextKeys

FURTHER: Final = ("tenant", "brand", "product", "follower_count", "account_created_at")
_LABELS: Final = {
    **{key: key for key in SENTIMENTS},
    **{name: key for key, name in SENTIMENTS.items()},
}
BATCH_ROWS: Final = 16_384


def watched_batches(
    dump: Dump,
    analyzer: Callable[[], Analyzer],
    brands: dict[str, Brand],
    tell: Callable[[str], None],
) -> Iterator[pa.Table]:
    """The comments of a dump under ``comments.WATCHED``, in the order of the file.

    Score columns in the file are taken as they are; one column ``sentiment`` is enough.

    Raises:
        ServingError: the dump holds no comments.
    """
    if dump.kind != "comments":
        raise ServingError(
            f"{dump.path}: expected comments, found {dump.kind} ({dump.format}); {dump.why}"
        )
    scorer, keys, undated = FileScorer(dump, analyzer, True, tell), TextKeys(), 0
    for batch in dump.batches(rows=BATCH_ROWS):
        if batch.records.num_rows:
            undated += batch.records["created_at"].null_count
            table = _own_sentiment(batch) or scorer.comments(batch)
            yield watched(_with_further(keys.apply(table), batch.original), brands)
    if undated:
        tell(f"{dump.path}: {undated:,} comments without a time are left out")


def _own_sentiment(batch: Batch) -> pa.Table | None:
    """The batch with the file's sentiments, where it has that column and no whole set of scores."""
    names = batch.original.schema.names
    if "sentiment" not in names or set(SCORES.names) <= set(names):
        return None
    given = batch.original["sentiment"].to_pylist()
    if any(value not in (None, "") and value not in _LABELS for value in given):
        return None
    found = [_LABELS.get(value) for value in given]
    columns: dict[str, Any] = {"sentiment": pa.array(found, pa.string())}
    if "p_negative" in names:
        columns["p_negative"] = _numbers(batch.original["p_negative"])
    else:
        columns["p_negative"] = pa.array([float(value == "negative") for value in found])
    rows = pa.Table.from_batches([batch.records])
    scores = [columns.get(f.name, pa.nulls(len(found), f.type)) for f in SCORES]
    cast = [one.cast(f.type) for one, f in zip(scores, SCORES, strict=True)]
    return pa.table([*rows.columns, *cast], schema=pa.schema([*COMMENTS, *SCORES]))


def _numbers(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    return column.cast(pa.float64())


def _with_further(table: pa.Table, original: pa.RecordBatch) -> pa.Table:
    """Columns that only alerts know, as the file has them."""
    for name in FURTHER:
        if name in original.schema.names:
            table = table.append_column(name, original[name])
    return table


def identity_hashes(table: pa.Table) -> np.ndarray:
    """A signed 64-bit number per row from platform, comment id and, where there is one, tenant."""
    columns = (table[name].to_pylist() for name in ("platform", "comment_id", "tenant"))
    told = (
        f"{p}\x1f{c}" if tenant is None else f"{p}\x1f{c}\x1f{tenant}"
        for p, c, tenant in zip(*columns, strict=True)
    )
    found = [
        int.from_bytes(
            hashlib.blake2b(one.encode("utf-8", "replace"), digest_size=8).digest(),
            "big",
            signed=True,
        )
        for one in told
    ]
    return np.array(found, dtype=np.int64)
