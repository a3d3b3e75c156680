"""What a move was: from which topic to which, since when, on what evidence; and as a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.labels import INTERESTS
from profiles.divergence import Floats, entropy_bits
from profiles.interest import LONG_HALF_LIFE_DAYS, SHORT_HALF_LIFE_DAYS
from profiles.panel import TOPICS, Panel
from profiles.sql import LOCAL_ZONE

DRIFT: Final = pa.schema(
    [
        pa.field("person_id", pa.string()),
        pa.field("n_days", pa.int64()),
        pa.field("n_topics", pa.int64()),
        pa.field("n_signals", pa.int64()),  # a comment on two topics counts for each of them
        pa.field("distance", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("p_value", pa.float64()),
        pa.field("moved", pa.bool_()),
        pa.field("from_topic", pa.string()),
        pa.field("to_topic", pa.string()),
        pa.field("changed_on", pa.date32()),
        pa.field("from_share_long", pa.float64()),
        pa.field("from_share_short", pa.float64()),
        pa.field("to_share_long", pa.float64()),
        pa.field("to_share_short", pa.float64()),
        pa.field("from_signals_before", pa.int64()),
        pa.field("to_signals_since", pa.int64()),
        pa.field("to_days_since", pa.int64()),
    ]
)
_DIGITS: Final = 6


@dataclass(frozen=True, kw_only=True)
class Change:
    """Per person of a panel (P,) the topic lost, the topic gained and the day between them.

    ``from_at`` and ``to_at`` are columns of the panel; shares (P, 2) are of the two, in this order.
    """

    from_at: NDArray[np.int64]
    to_at: NDArray[np.int64]
    age_days: Floats
    shares_long: Floats
    shares_short: Floats
    from_signals_before: NDArray[np.int64]
    to_signals_since: NDArray[np.int64]
    to_days_since: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A panel with its verdicts (P,); ``p_value`` is NaN up to the threshold."""

    panel: Panel
    distance: Floats
    threshold: float
    p_value: Floats
    change: Change
    moved: NDArray[np.bool_]


def find_change(panel: Panel) -> Change:
    """Return for each person what changed most, moved or not; a panel has two days or more.

    The topics are those whose share fell and rose most from long to short interest. The day is the
    first of those days that split the two topics best: where the entropy of their mix falls most
    (maximum likelihood for one change of a multinomial), with more of the topic gained after it.
    """
    short, long = (_shares(panel, h) for h in (SHORT_HALF_LIFE_DAYS, LONG_HALF_LIFE_DAYS))
    both = np.stack([(short - long).argmin(axis=1), (short - long).argmax(axis=1)], axis=1)
    pair = np.take_along_axis(panel.mass, both[:, None, :], axis=2)  # (P, n, 2)
    signals = np.take_along_axis(panel.signals, both[:, None, :], axis=2)
    first = _best_split(pair)
    since = np.arange(pair.shape[1]) >= first[:, None]
    return Change(
        from_at=both[:, 0],
        to_at=both[:, 1],
        age_days=np.take_along_axis(panel.age_days, first[:, None], axis=1)[:, 0],
        shares_long=np.take_along_axis(long, both, axis=1),
        shares_short=np.take_along_axis(short, both, axis=1),
        from_signals_before=(signals[:, :, 0] * ~since).sum(axis=1),
        to_signals_since=(signals[:, :, 1] * since).sum(axis=1),
        to_days_since=((pair[:, :, 1] > 0) & since).sum(axis=1),
    )


def drift_table(tested: list[Tested], ids: pa.Array, as_of: datetime) -> pa.Table:
    """Return one row per tested person, ordered by person id; ``ids`` is what panels point into.

    Columns are those of ``DRIFT``. From ``from_topic`` on a row is null where nobody moved;
    ``p_value`` is null where the distance did not pass the threshold. Shares are 0..1 and, like
    distances and p-values, rounded to six decimals.
    """
    if not tested:
        return DRIFT.empty_table()
    table = pa.concat_tables([_rows(part, ids, as_of) for part in tested])
    return table.sort_by("person_id")


def drift_sentence(row: Mapping[str, Any]) -> str:
    """Return a row of a person who moved as a sentence in Chinese."""
    lost, gained = (INTERESTS[row[f"{side}_topic"]] for side in ("from", "to"))
    return (
        f"{row['changed_on']:%Y-%m-%d} 起，兴趣从「{lost}」转向「{gained}」："
        f"{lost} {row['from_share_long']:.0%} → {row['from_share_short']:.0%}，"
        f"{gained} {row['to_share_long']:.0%} → {row['to_share_short']:.0%}（长期 → 近期）；"
        f"依据：此前 {row['from_signals_before']} 条{lost}信号，"
        f"此后 {row['to_days_since']} 天 {row['to_signals_since']} 条{gained}信号"
    )


def _shares(panel: Panel, half_life_days: float) -> Floats:
    weights = panel.interests(half_life_days)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def _best_split(pair: Floats) -> NDArray[np.int64]:
    """Return the place (P,) of the first day after the best split of (P, n, 2), 1 or later."""
    total = pair.sum(axis=1, keepdims=True)
    before = pair.cumsum(axis=1)[:, :-1]
    after = np.clip(total - before, 0, None)
    gain = -_bits(before) - _bits(after)
    rising = after[..., 1] * before.sum(axis=-1) > before[..., 1] * after.sum(axis=-1)
    return np.asarray(np.where(rising, gain, -np.inf).argmax(axis=1) + 1)


def _bits(mass: Floats) -> Floats:
    """Mass times the entropy of its mix."""
    total = mass.sum(axis=-1)
    shares = np.divide(mass, total[..., None], out=np.zeros_like(mass), where=total[..., None] > 0)
    return np.asarray(total * entropy_bits(shares))


def _rows(part: Tested, ids: pa.Array, as_of: datetime) -> pa.Table:
    panel, change, moved = part.panel, part.change, part.moved
    n = len(panel.persons)

    def known(values: NDArray[Any], where: NDArray[np.bool_], name: str) -> pa.Array:
        return pa.array(values, DRIFT.field(name).type, mask=~where)

    topic = _topic_names(panel)
    today = np.datetime64(as_of.astimezone(ZoneInfo(LOCAL_ZONE)).date())
    columns: dict[str, Any] = {
        "person_id": ids.take(pa.array(panel.persons)),
        "n_days": np.full(n, panel.mass.shape[1]),
        "n_topics": np.full(n, panel.mass.shape[2]),
        "n_signals": panel.signals.sum(axis=(1, 2)),
        "distance": part.distance.round(_DIGITS),
        "threshold": np.full(n, round(part.threshold, _DIGITS)),
        "p_value": known(part.p_value.round(_DIGITS), ~np.isnan(part.p_value), "p_value"),
        "moved": moved,
    }
    of_move: dict[str, NDArray[Any]] = {
        "from_topic": topic(change.from_at),
        "to_topic": topic(change.to_at),
        "changed_on": today - change.age_days.astype("timedelta64[D]"),
        "from_share_long": change.shares_long[:, 0].round(_DIGITS),
        "from_share_short": change.shares_short[:, 0].round(_DIGITS),
        "to_share_long": change.shares_long[:, 1].round(_DIGITS),
        "to_share_short": change.shares_short[:, 1].round(_DIGITS),
        "from_signals_before": change.from_signals_before,
        "to_signals_since": change.to_signals_since,
        "to_days_since": change.to_days_since,
    }
    columns |= {name: known(values, moved, name) for name, values in of_move.items()}
    return pa.table(columns, schema=DRIFT)


def _topic_names(panel: Panel) -> Callable[[NDArray[np.int64]], NDArray[Any]]:
    names, rows = np.asarray(TOPICS, dtype=object), np.arange(len(panel.persons))
    return lambda at: names[panel.topics[rows, at]]
