"""The dashboard's own charts, as inline SVG in the manner of ``serving.report.charts``.

Columns are links to the comments that they count; classes, not colours, are in the marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from serving.report.charts import labelled, nice_ceiling
from serving.report.words import count

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 18, 26
_COUNT_PX: Final = 26
CLASSES: Final = ("negative", "neutral", "positive", "unjudged")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its parts in the order of ``CLASSES``, and where it leads.

    ``low``, ``expected`` and ``high`` are of the first part; None draws no band.
    """

    label: str
    tip: str
    url: str
    parts: tuple[int, ...]
    marked: bool = False
    low: float | None = None
    expected: float | None = None
    high: float | None = None

    @property
    def n(self) -> int:
        """All parts together."""
        return sum(self.parts)


def columns(
    data: Sequence[Column],
    *,
    width: int,
    height: int,
    title: str,
    band: bool = False,
    label_px: int = 44,
) -> Markup:
    """Return stacked columns, the total above the high ones; ``band`` draws what was expected.

    A label takes ``label_px``; those that do not fit are left out.
    """
    most = max((max(one.n, one.high or 0 if band else 0) for one in data), default=0)
    top, floor = nice_ceiling(most) or 1, height - _BOTTOM
    slot = (width - _LEFT - _RIGHT) / max(len(data), 1)
    bar = max(1.0, min(38.0, slot * 0.72))

    def y(value: float) -> float:
        return floor - (floor - _TOP) * min(max(value, 0) / top, 1)

    marks = [_grid(width, y(top * i / 4), count(round(top * i / 4))) for i in range(5)]
    for at, one in enumerate(data):
        left = _LEFT + at * slot
        if one.marked:
            marks.append(_rect(left, _TOP, slot, floor - _TOP, "marked"))
        if band and one.high is not None:
            marks.append(_rect(left, y(one.high), slot, y(one.low or 0) - y(one.high), "normal"))
        below = 0
        for n, css_class in zip(one.parts, CLASSES, strict=False):
            if n:
                x = left + (slot - bar) / 2
                marks.append(_rect(x, y(below + n), bar, y(below) - y(below + n), css_class))
            below += n
        if band and one.expected is not None:
            marks.append(_dash(left, slot, y(one.expected)))
    every = max(1, -int(-_COUNT_PX // slot))
    for at in labelled([one.n for one in data], every):
        marks.append(
            _text(_LEFT + (at + 0.5) * slot, y(data[at].n) - 5, count(data[at].n), "value")
        )
    step = max(1, -int(-label_px // slot))
    marks += [
        _text(_LEFT + (at + 0.5) * slot, height - 8, one.label, "date")
        for at, one in enumerate(data)
        if at % step == 0
    ]
    marks += [
        Markup(
            '<a href="{}" aria-label="{}"><rect class="target" x="{:.1f}" y="{}" width="{:.1f}" '
            'height="{}" data-tip="{}"/></a>'
        ).format(one.url, one.tip, _LEFT + at * slot, _TOP, slot, floor - _TOP, one.tip)
        for at, one in enumerate(data)
        if one.n
    ]
    return Markup(
        '<svg class="chart" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="group" '
        'aria-label="{2}">{3}</svg>'
    ).format(width, height, escape(title), Markup("").join(marks))


def _grid(width: int, y: float, label: str) -> Markup:
    return Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
        _LEFT, width - _RIGHT, y, y
    ) + _text(_LEFT - 6, y + 4, label, "tick")


def _dash(x: float, width: float, y: float) -> Markup:
    return Markup(
        '<line class="expected" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>'
    ).format(x, x + width, y, y)


def _rect(x: float, y: float, width: float, height: float, css_class: str) -> Markup:
    return Markup('<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"/>').format(
        css_class, x, y, width, max(height, 0)
    )


def _text(x: float, y: float, text: str, css_class: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(css_class, x, y, text)
