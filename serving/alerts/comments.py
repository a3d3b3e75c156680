"""Scored comments as alerts see them: one Arrow table with few columns, and its counts by key.

``watched`` takes what readers, stores and scoring give; ``count_keys`` adds up per key and step in
pandas, so Python loops over keys, not over comments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data.labels import RISKS
from serving.alerts.detection.thresholds import STEP_S
from serving.alerts.rules import Brand, Watch

ALL: Final = "all"  # the brand of a dump that names none
NOBODY: Final = ""  # the tenant of comments that have none
WATCHED: Final = pa.schema(
    [
        pa.field("comment_id", pa.string()),
        pa.field("tenant", pa.string()),
        pa.field("brand", pa.string()),
        pa.field("product", pa.string()),
        pa.field("platform", pa.string()),
        pa.field("content", pa.string()),
        pa.field("user", pa.string()),
        pa.field("text", pa.string()),
        pa.field("at", pa.int64()),  # seconds since 1970, UTC
        pa.field("likes", pa.int64()),
        pa.field("replies", pa.int64()),
        pa.field("judged", pa.bool_()),
        pa.field("negative", pa.bool_()),
        pa.field("p_negative", pa.float64()),
        pa.field("emotion", pa.string()),
        pa.field("aspects", pa.list_(pa.string())),  # every aspect spoken of
        pa.field("bad_aspects", pa.list_(pa.string())),
        pa.field("risks", pa.list_(pa.string())),
        pa.field("keywords", pa.list_(pa.string())),
        pa.field("followers", pa.int64()),
        pa.field("account_at", pa.int64()),  # when the account was made, seconds
    ]
)
Key = tuple[tuple[str, str], ...]  # (dimension, value): the tenant, then in the order of ``by``


@dataclass(frozen=True, kw_only=True)
class KeyCount:
    """Comments of one key in one step, and the negative ones among them."""

    watch: Watch
    key: Key
    step: int
    comments: int
    negatives: int


def watched(table: pa.Table, brands: Mapping[str, Brand]) -> pa.Table:
    """The rows that have a time, under ``WATCHED``; ``table`` has canonical and score columns,
    and may have tenant, brand, product, follower_count, account_created_at.
    """
    table = table.filter(pc.is_valid(table["created_at"]))
    n = table.num_rows
    aspects = table["aspects"].to_pylist() if "aspects" in table.column_names else [None] * n
    sentiment = table["sentiment"]
    columns: dict[str, Any] = {
        "tenant": _named(table, "tenant"),
        "content": table["content_id"],
        "user": _column(table, "user_id", pa.string()),
        "at": _seconds(table["created_at"]),
        "likes": pc.fill_null(_column(table, "like_count", pa.int64()), 0),
        "replies": pc.fill_null(_column(table, "reply_count", pa.int64()), 0),
        "judged": pc.is_valid(sentiment),
        "negative": pc.fill_null(pc.equal(sentiment, "negative"), False),
        "aspects": pa.array(
            [sorted({a["aspect"] for a in row or ()}) for row in aspects], pa.list_(pa.string())
        ),
        "bad_aspects": pa.array(
            [
                sorted({a["aspect"] for a in row or () if a["polarity"] == "negative"})
                for row in aspects
            ],
            pa.list_(pa.string()),
        ),
        "brand": _brand(table, brands),
        "followers": _column(table, "follower_count", pa.int64()),
        "account_at": _seconds(_column(table, "account_created_at", pa.timestamp("ms", tz="UTC"))),
    }
    arrays = [
        (columns[f.name] if f.name in columns else _column(table, f.name, f.type)).cast(f.type)
        for f in WATCHED
    ]
    return pa.table(arrays, schema=WATCHED)


def with_tenant(table: pa.Table, tenant: str | None) -> pa.Table:
    """The rows of a ``WATCHED`` table, with the tenant where the comments name none."""
    if tenant is None:
        return table
    place = table.schema.get_field_index("tenant")
    return table.set_column(place, WATCHED.field(place), pc.fill_null(table["tenant"], tenant))


def _column(table: pa.Table, name: str, kind: pa.DataType) -> Any:
    if name not in table.column_names:
        return pa.nulls(table.num_rows, kind)
    try:
        return table[name].cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(table.num_rows, kind)


def _named(table: pa.Table, name: str) -> Any:
    """A column of names, where an empty one is none."""
    found = _column(table, name, pa.string())
    return pc.if_else(pc.equal(found, ""), pa.scalar(None, pa.string()), found)


def _seconds(column: Any) -> Any:
    return pc.divide(column.cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()), 1000)


def _brand(table: pa.Table, brands: Mapping[str, Brand]) -> Any:
    """The column brand; else the first brand of the rules that a comment fits; else ``ALL``."""
    found = _column(table, "brand", pa.string())
    for name, brand in brands.items():
        fits = pc.is_in(table["content_id"], pa.array(brand.contents, pa.string()))
        for word in brand.words:
            fits = pc.or_(fits, pc.fill_null(pc.match_substring(table["text"], word), False))
        found = pc.if_else(pc.and_(pc.is_null(found), fits), name, found)
    return pc.fill_null(found, ALL)


def count_keys(table: pa.Table, watches: tuple[Watch, ...]) -> Iterator[KeyCount]:
    """Counts of every key of the watches in a ``WATCHED`` table, by step.

    A tenant's comments count for keys of that tenant alone: the first dimension of each of them.
    """
    judged = table.filter(table["judged"])
    base = judged.select(
        ["tenant", "brand", "product", "platform", "content", "negative"]
    ).to_pandas()
    base["tenant"] = base["tenant"].fillna(NOBODY)
    base["step"] = judged["at"].to_numpy() // STEP_S
    for watch in watches:
        yield from _grouped(watch, _rows(watch, base, judged))


def _rows(watch: Watch, base: pd.DataFrame, judged: pa.Table) -> pd.DataFrame:
    """The rows that count for a watch; a comment on two aspects counts for both."""
    if "aspect" in watch.by:
        spoken = _exploded(judged["aspects"], "aspect")
        bad = (
            set(zip(*_exploded(judged["bad_aspects"], "aspect").to_numpy().T, strict=True))
            if len(spoken)
            else set()
        )
        frame = base.drop(columns="negative").merge(spoken, left_index=True, right_on="row")
        pairs = zip(frame["row"], frame["aspect"], strict=True)
        return frame.assign(negative=[pair in bad for pair in pairs])
    if "risk" in watch.by:
        return _risk_rows(watch, base, judged)
    return base


def _risk_rows(watch: Watch, base: pd.DataFrame, judged: pa.Table) -> pd.DataFrame:
    """Every comment counts for every risk; it is a negative one of those that it carries."""
    carried = _exploded(judged["risks"], "risk")
    parent = [name for name in _dimensions(watch) if name != "risk"]
    groups = base.assign(n=1).groupby([*parent, "step"], dropna=True)["n"].sum().reset_index()
    frame = groups.merge(pd.DataFrame({"risk": list(RISKS)}), how="cross")
    hits = base.drop(columns="negative").merge(carried, left_index=True, right_on="row")
    hits = hits.assign(bad=1).groupby([*parent, "risk", "step"])["bad"].sum().reset_index()
    frame = frame.merge(hits, on=[*parent, "risk", "step"], how="left")
    return frame.assign(negative=frame["bad"].fillna(0).astype(int))


def _exploded(column: pa.ChunkedArray, name: str) -> pd.DataFrame:
    flat = column.combine_chunks()
    flat = flat.combine_chunks() if isinstance(flat, pa.ChunkedArray) else flat
    rows, values = pc.list_parent_indices(flat), pc.list_flatten(flat)
    return pd.DataFrame({"row": np.asarray(rows), name: values.to_pandas()})


def _dimensions(watch: Watch) -> list[str]:
    return ["tenant", *(name for name in watch.by if name != "tenant")]


def _grouped(watch: Watch, rows: pd.DataFrame) -> Iterator[KeyCount]:
    if "n" not in rows:
        rows = rows.assign(n=1)
    names = _dimensions(watch)
    sums = rows.groupby([*names, "step"], dropna=True)[["n", "negative"]].sum()
    for index, n, bad in sums.itertuples():
        pairs = zip(names, map(str, index[:-1]), strict=True)
        key = tuple(pair for pair in pairs if pair != ("tenant", NOBODY))
        if not key:
            continue
        yield KeyCount(
            watch=watch, key=key, step=int(index[-1]), comments=int(n), negatives=int(bad)
        )
