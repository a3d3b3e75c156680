"""How keys, numbers and moments read in the Chinese report; pure functions, nothing else."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from data import labels

LOCAL: Final = timezone(timedelta(hours=8))  # China, the year round
UNJUDGED: Final = "无法判断"
UNNAMED: Final = "未注明"
MAX_OPENING: Final = 30  # characters of a text that stand for a missing title
_POLARITY: Final = {"positive": "好评", "neutral": "中性", "negative": "差评"}
_NAMES: Final = {
    "sentiment": {**labels.SENTIMENTS, "unjudged": UNJUDGED},
    "emotion": labels.EMOTIONS,
    "interest": labels.INTERESTS,
    "risk": labels.RISKS,
    "flag": labels.FLAGS,
    "platform": labels.PLATFORMS,
    "aspect": labels.ASPECTS,
    "polarity": _POLARITY,
}
STORIES: Final = {
    "most_comments": "发言最多",
    "many_comments": "发言较多",
    "worsening": "态度转差最明显",
    "improving": "态度转好最明显",
    "spending": "消费最多",
}
_INVISIBLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def name_of(kind: str, key: str | None) -> str:
    """Return the Chinese name of a label key; an unknown key reads as itself."""
    if key is None:
        return UNNAMED
    return _NAMES.get(kind, {}).get(key, key)


def count(value: int | None) -> str:
    """Return 12345 as 12,345; nothing as a dash."""
    return "–" if value is None else f"{value:,}"


def percent(share: float | None) -> str:
    """Return 0.1234 as 12.3%; nothing as a dash."""
    return "–" if share is None or math.isnan(share) else f"{100 * share:.1f}%"


def percent_range(low: float | None, high: float | None) -> str:
    """Return an interval of shares as 11.0%–14.2%; nothing as a dash."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return "–"
    return f"{percent(low)}–{percent(high)}"


def signed(value: float | None) -> str:
    """Return a score with its sign and two decimals; nothing as a dash."""
    return "–" if value is None or math.isnan(value) else f"{value:+.2f}".replace("-", "−")


def local_time(moment: datetime | str | None) -> str:
    """Return a moment as 2026-05-01 14:30 in China; nothing as 时间不详."""
    if moment is None:
        return "时间不详"
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(LOCAL).strftime("%Y-%m-%d %H:%M")


def local_day(moment: datetime | None) -> str:
    """Return the day of a moment in China as 2026-05-01; nothing as a dash."""
    return "–" if moment is None else moment.astimezone(LOCAL).strftime("%Y-%m-%d")


def local_hour(moment: datetime) -> str:
    """Return the hour that begins at a moment as 2026-05-01 14:00–15:00 in China."""
    start = moment.astimezone(LOCAL)
    return f"{start:%Y-%m-%d %H}:00–{(start.hour + 1):02d}:00"


def opening(text: str | None, most: int = MAX_OPENING) -> str | None:
    """Return the beginning of ``text`` on one line, cut with an ellipsis; None without letters."""
    line = " ".join(visible(text).split()) if text and text.strip() else ""
    return f"{line[: most - 1].rstrip()}…" if len(line) > most else line or None


def short_day(day: date) -> str:
    """Return a day as 5/1."""
    return f"{day.month}/{day.day}"


def visible(text: str | None) -> str:
    """Return ``text`` with control characters, which no page may hold, made visible."""
    return "（无文字）" if text is None or not text.strip() else without_controls(text)


def without_controls(text: str) -> str:
    """Return ``text`` with every control character but tab and line ends replaced."""
    return _INVISIBLE.sub("\ufffd", text)
