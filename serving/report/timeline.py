"""One person's judged comments as dots: time across, sentiment score up, zero in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup

from serving.report.words import LOCAL, local_time, opening, short_day, signed

_LEFT: Final = 30
_RIGHT: Final = 8
_EDGE: Final = 10  # above the highest and below the lowest score
_DATES: Final = 18
_RADIUS: Final = 4


def score_dots(
    comments: Sequence[dict[str, Any]],
    first: datetime,
    last: datetime,
    *,
    width: int,
    height: int = 104,
) -> Markup:
    """Return a dot per comment from ``first`` to ``last``, painted by its sentiment."""
    floor = height - _DATES - _EDGE
    seconds = max((last - first).total_seconds(), 1.0)

    def x(moment: datetime) -> float:
        share = (moment - first).total_seconds() / seconds
        return _LEFT + _RADIUS + share * (width - _LEFT - _RIGHT - 2 * _RADIUS)

    def y(score: float) -> float:
        return _EDGE + (1 - score) / 2 * (floor - _EDGE)

    lines = [
        Markup(
            '<line class="grid" x1="{0}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}"/>'
            '<text class="tick" x="{3}" y="{4:.1f}">{5}</text>'
        ).format(_LEFT, width - _RIGHT, y(score), _LEFT - 6, y(score) + 4, label)
        for score, label in ((1, "+1"), (0, "0"), (-1, "−1"))
    ]
    ends = [
        Markup('<text class="date {}" x="{:.1f}" y="{}">{}</text>').format(
            side, at, height - 4, short_day(moment.astimezone(LOCAL).date())
        )
        for side, at, moment in (("from", _LEFT, first), ("to", width - _RIGHT, last))
    ]
    dots = [
        Markup('<circle class="mark {}" cx="{:.1f}" cy="{:.1f}" r="{}" data-tip="{}"/>').format(
            one["sentiment"], x(one["created_at"]), y(one["score"]), _RADIUS, _tip(one)
        )
        for one in comments
    ]
    return Markup(
        '<svg class="chart dots" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" '
        'aria-label="每条评论的情感分随时间的变化">{2}</svg>'
    ).format(width, height, Markup("").join([*lines, *ends, *dots]))


def _tip(one: dict[str, Any]) -> str:
    return f"{local_time(one['created_at'])}　{signed(one['score'])}\n{opening(one['text'], 40)}"
