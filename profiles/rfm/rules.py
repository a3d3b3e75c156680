"""A house's own thresholds in place of quantiles: fixed limits, read from YAML.

::

    version: 1
    recency_days: [30, 60, 120, 240]   # 5 up to 30 days, 4 up to 60, … 1 beyond 240
    frequency: [2, 3, 5, 10]           # 1 below 2 purchases, 2 from 2, … 5 from 10
    spend_cny: [100, 300, 800, 2000]
    cut: {recency_days: 90, frequency: 3, spend_cny: 500}   # of the eight segments; optional
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import yaml

from profiles.errors import ProfilesError

METRICS: Final = ("recency_days", "frequency", "spend_cny")
_LIMITS: Final = 4


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Where the eight segments part: near is below, often and much are above."""

    recency_days: float
    frequency: float
    spend_cny: float


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Four rising limits for each of the three, and perhaps a cut."""

    version: int
    recency_days: tuple[float, ...]
    frequency: tuple[float, ...]
    spend_cny: tuple[float, ...]
    cut: Cut | None = None


def load_rules(path: Path) -> Rules:
    """Return the thresholds of a file.

    Raises:
        ProfilesError: the file cannot be read or breaks the form (every fault is named).
    """
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ProfilesError(
            f"expected RFM thresholds in {path}, found: {' '.join(str(error).split())}; correct it"
        ) from error
    faults = _faults(document)
    if faults:
        raise ProfilesError(
            f"expected RFM thresholds in {path}, found {'; '.join(faults)}; "
            "see docs/segments.md for the form"
        )
    limits = {name: tuple(float(one) for one in document[name]) for name in METRICS}
    cut = document.get("cut")
    return Rules(
        version=document.get("version", 1),
        cut=Cut(**{name: float(cut[name]) for name in METRICS}) if cut else None,
        **limits,
    )


def _faults(document: Any) -> list[str]:
    if not isinstance(document, dict):
        return ["no mapping"]
    faults = [f"{name} is unknown" for name in document if name not in (*METRICS, "cut", "version")]
    for name in METRICS:
        faults += _limit_faults(name, document.get(name))
    cut = document.get("cut", {})
    if cut and (
        not isinstance(cut, dict)
        or set(cut) != set(METRICS)
        or not all(map(_is_number, cut.values()))
    ):
        faults.append(f"cut is {cut!r}, expected one number for each of {', '.join(METRICS)}")
    return faults


def _limit_faults(name: str, given: Any) -> list[str]:
    if not isinstance(given, list) or len(given) != _LIMITS or not all(map(_is_number, given)):
        return [f"{name} is {given!r}, expected {_LIMITS} numbers"]
    if any(low >= high for low, high in pairwise(given)):
        return [f"{name} is {given!r}, expected each above the one before"]
    return []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
