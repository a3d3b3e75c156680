"""Amounts of money as exports write them, to yuan: ￥1,234.50, 1234.5元, CNY 99, 1.2万.

An amount that can be read in two ways (12,50) or is in another currency is no amount: null, never
a guess.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Any, Final, Literal

from data.readers.ids import is_null_word
from data.readers.report import RepairReport

_SIGNS: Final = re.compile(r"^(?:¥|CNY|RMB|人民币)|(?:元|圆|CNY|RMB)$", re.IGNORECASE)
_NUMBER: Final = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+|\d{1,15})(\.\d{1,9})?(万?)")
_SCALE: Final = {"yuan": Decimal(1), "cents": Decimal("0.01")}


def parse_money(value: Any, unit: Literal["yuan", "cents"], report: RepairReport) -> float | None:
    """The amount in yuan; null where it is missing or cannot be read."""
    if value is None or isinstance(value, bool):
        return None
    plain = unicodedata.normalize("NFKC", str(value)).strip()
    if not plain or is_null_word(plain):
        return None
    bare = re.sub(r"\s", "", plain)
    negative = bare.startswith("(") and bare.endswith(")")
    bare = bare[1:-1] if negative else bare
    sign = "-" if bare.startswith("-") else ""
    bare = sign + _SIGNS.sub("", _SIGNS.sub("", bare.removeprefix("-")))
    match = _NUMBER.fullmatch(bare)
    if not match:
        return None
    if bare != plain or "," in bare or match[4]:
        report.add("money_cleaned")
    number = Decimal(match[1] + match[2].replace(",", "") + (match[3] or ""))
    number *= _SCALE[unit] * (10_000 if match[4] else 1) * (-1 if negative else 1)
    return float(number)
