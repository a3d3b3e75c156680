"""Charts as inline SVG, made of plain strings; axes start at zero.

Numbers and dates only come in; texts are escaped all the same. Classes, not colours, are in the
marks: the page's style sheet paints them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Final

from markupsafe import Markup, escape

from serving.report.groups import PeriodCount
from serving.report.words import UNJUDGED, count, percent, percent_range, short_day

MIN_RELIABLE: Final = 20  # fewer judged comments in a period: its share is drawn hollow
_STACK: Final = (
    ("n_negative", "negative", "负面"),
    ("n_neutral", "neutral", "中性"),
    ("n_positive", "positive", "正面"),
    ("n_unjudged", "unjudged", UNJUDGED),
)
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 18, 26
_LABEL_PX: Final = 40  # room that one date label takes
_COUNT_PX: Final = 26  # room that one count takes


def stacked_periods(
    periods: Sequence[PeriodCount],
    *,
    width: int,
    height: int = 260,
    marked: Collection[date] = (),
) -> Markup:
    """Return a column per period, sentiments stacked, the number of comments above it.

    ``marked`` periods stand on a tinted ground.
    """
    top = nice_ceiling(max((one.n for one in periods), default=0))
    frame = _Frame(len(periods), top, width, height)
    marks = [_grid(frame, [top * i / 4 for i in range(5)], lambda v: count(round(v)))]
    marks += [_ground(frame, i) for i, one in enumerate(periods) if one.start in marked]
    marks += [_column(frame, index, one) for index, one in enumerate(periods)]
    for index in labelled([one.n for one in periods], frame.every(_COUNT_PX)):
        n = periods[index].n
        marks.append(_text(frame.middle(index), frame.y(n) - 5, count(n), "value"))
    marks += [_dates(frame, periods), _targets(frame, periods)]
    return _svg(width, height, marks, "每期评论数，按情感堆叠")


def negative_share(periods: Sequence[PeriodCount], *, width: int, height: int = 200) -> Markup:
    """Return the negative share per period with its 95 % interval; hollow where they are few."""
    highest = max(
        (one.share_high or 0 for one in periods if one.n_judged >= MIN_RELIABLE), default=0
    )
    top = min(1.0, max(0.2, nice_ceiling(round(100 * highest)) / 100)) if highest else 1.0
    frame = _Frame(len(periods), top, width, height)
    marks = [_grid(frame, [top * i / 4 for i in range(5)], lambda v: f"{100 * v:.0f}%")]
    drawn = [(index, one) for index, one in enumerate(periods) if one.share is not None]
    line = " ".join(f"{frame.middle(i):.1f},{frame.y(one.share or 0):.1f}" for i, one in drawn)
    marks.append(Markup('<polyline class="share-line" points="{}"/>').format(line))
    marks += [_share_mark(frame, index, one) for index, one in drawn]
    marks += [_dates(frame, periods), _targets(frame, periods)]
    return _svg(width, height, marks, "每期负面占比及 95% 区间")


def split_bar(parts: Sequence[tuple[str, int]], total: int) -> Markup:
    """Return one horizontal bar of parts (class, count), as long as their share of ``total``."""
    rects, x = [], 0.0
    for css_class, n in parts:
        width = 100 * n / total if total else 0
        if width:
            rects.append(_rect(x, 0, width, 10, css_class))
        x += width
    body = Markup("").join(rects)
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        "{}</svg>"
    ).format(body)


def interval_bar(share: float, low: float, high: float) -> Markup:
    """Return a scale from 0 to 100 % with the interval as a band and the share as a tick."""
    marks = [
        _rect(0, 4, 100, 2, "track"),
        _rect(100 * low, 2, 100 * (high - low), 6, "band"),
        _rect(min(99, 100 * share - 0.5), 0, 1, 10, "negative"),
    ]
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" '
        'aria-label="{}"><title>{}</title>{}</svg>'
    ).format(percent(share), f"95% 区间 {percent_range(low, high)}", Markup("").join(marks))


def nice_ceiling(value: float) -> float:
    """Return the least round number not below ``value``: 4, 8, or 12, 16 … 80 times 1, 10, 100 …

    A quarter of each is a whole number, so the ticks of an axis are too.
    """
    steps: list[float] = [4, 8]
    while value > steps[-1]:
        tens = 10 ** (len(steps) // 9)
        steps += [step * tens for step in (12, 16, 20, 24, 32, 40, 48, 60, 80)]
    return next(step for step in steps if value <= step)


class _Frame:
    """Where the columns stand: pixel positions from period numbers and values."""

    def __init__(self, columns: int, top: float, width: int, height: int) -> None:
        self.columns, self.top, self.width, self.height = max(columns, 1), top or 1, width, height
        self.slot = (width - _LEFT - _RIGHT) / self.columns
        self.bar = max(1.0, min(38.0, self.slot * 0.72))
        self.floor = height - _BOTTOM

    def middle(self, index: int) -> float:
        return _LEFT + (index + 0.5) * self.slot

    def y(self, value: float) -> float:
        return self.floor - (self.floor - _TOP) * min(value / self.top, 1)

    def every(self, room_px: int) -> int:
        return max(1, -int(-room_px // self.slot))


def _grid(frame: _Frame, values: Sequence[float], label: Callable[[float], str]) -> Markup:
    lines = [
        Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
            _LEFT, frame.width - _RIGHT, frame.y(value), frame.y(value)
        )
        + _text(_LEFT - 6, frame.y(value) + 4, label(value), "tick")
        for value in values
    ]
    return Markup("").join(lines)


def _ground(frame: _Frame, index: int) -> Markup:
    return _rect(_LEFT + index * frame.slot, _TOP, frame.slot, frame.floor - _TOP, "marked")


def _column(frame: _Frame, index: int, one: PeriodCount) -> Markup:
    rects, below = [], 0
    x = frame.middle(index) - frame.bar / 2
    for name, css_class, _ in _STACK:
        n = getattr(one, name)
        if n:
            bottom, top = frame.y(below), frame.y(below + n)
            rects.append(_rect(x, top, frame.bar, bottom - top, css_class))
        below += n
    return Markup("").join(rects)


def _share_mark(frame: _Frame, index: int, one: PeriodCount) -> Markup:
    x = frame.middle(index)
    css_class = "dot" if one.n_judged >= MIN_RELIABLE else "dot few"
    return Markup(
        '<line class="whisker" x1="{0:.1f}" x2="{0:.1f}" y1="{1:.1f}" y2="{2:.1f}"/>'
        '<circle class="{3}" cx="{0:.1f}" cy="{4:.1f}" r="3.5"/>'
    ).format(
        x,
        frame.y(one.share_low or 0),
        frame.y(one.share_high or 0),
        css_class,
        frame.y(one.share or 0),
    )


def _dates(frame: _Frame, periods: Sequence[PeriodCount]) -> Markup:
    step = frame.every(_LABEL_PX)
    return Markup("").join(
        _text(frame.middle(index), frame.height - 8, short_day(one.start), "date")
        for index, one in enumerate(periods)
        if index % step == 0
    )


def _targets(frame: _Frame, periods: Sequence[PeriodCount]) -> Markup:
    """Invisible columns over everything, which tell their numbers when pointed at."""
    return Markup("").join(
        Markup(
            '<rect class="target" x="{:.1f}" y="{}" width="{:.1f}" height="{}" data-tip="{}"/>'
        ).format(_LEFT + index * frame.slot, _TOP, frame.slot, frame.floor - _TOP, _tip(one))
        for index, one in enumerate(periods)
    )


def _tip(one: PeriodCount) -> str:
    parts = [f"{name} {count(getattr(one, field))}" for field, _, name in _STACK]
    share = f"负面占比 {percent(one.share)}（{percent_range(one.share_low, one.share_high)}）"
    return "\n".join([f"{one.start.isoformat()}　共 {count(one.n)} 条", "　".join(parts), share])


def _rect(x: float, y: float, width: float, height: float, css_class: str) -> Markup:
    return Markup('<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"/>').format(
        css_class, x, y, width, height
    )


def labelled(counts: Sequence[int], distance: int) -> list[int]:
    """Choose the columns whose count is written: the highest of those within ``distance``."""
    chosen: list[int] = []
    for index, n in enumerate(counts):
        around = counts[max(0, index - distance + 1) : index + distance]
        apart = not chosen or index - chosen[-1] >= distance
        if n and n == max(around) and apart:
            chosen.append(index)
    return chosen


def _text(x: float, y: float, text: str, css_class: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(css_class, x, y, text)


def _svg(width: int, height: int, marks: Sequence[Markup], label: str) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" '
        'aria-label="{2}">{3}</svg>'
    ).format(width, height, escape(label), Markup("").join(marks))
