"""The birth month of a child somebody writes about: a stage that advances by itself.

"宝宝六个月" written in March is a child born in September; next March it is one year and a half. Of
the child nothing else is read or kept, and of people who say they are children themselves nothing
at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_DIGITS: Final = {c: i for i, c in enumerate("零一二三四五六七八九十")} | {"两": 2}
_N: Final = r"(?P<n>\d{1,2}|[一二两三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九])"
_CHILD: Final = r"(宝宝|宝贝|大宝|二宝|小宝|我宝|娃娃|娃|孩子|儿子|女儿|闺女|小家伙|老大|老二)"
_GAP: Final = r"[^\d一二两三四五六七八九十，。！？,!?]{0,5}"
_WEEKS: Final = re.compile(rf"(怀孕|孕|孕期){_GAP}{_N}\s*(\+\d)?周")
_PREGNANT: Final = re.compile(rf"(怀孕|孕){_GAP}{_N}个月")
_MONTHS: Final = re.compile(rf"{_CHILD}{_GAP}{_N}个(?P<half>半)?月(?!前|后|没)")
_YEARS: Final = re.compile(rf"{_CHILD}{_GAP}{_N}(周)?岁(?P<half>半)?(?!前|后)")
_DUE: Final = re.compile(r"预产期[^\d]{0,4}(?P<n>\d{1,2})月")
_MINOR: Final = re.compile(
    rf"我(今年|才|现在|只有|已经)?{_N}岁(?!的)|我(今年|现在|还)?(在)?(上|读|是)?(小学|初[一二三中]|[一二三四五六]年级)"
)
CANDIDATE: Final = r"([0-9]|[一二两三四五六七八九十])(个半?月|周|周?岁|月)|小学|初[一二三中]|年级"
ADULT_YEARS: Final = 14  # below it consent is not the child's to give (PIPL art. 31)
PREGNANCY_MONTHS: Final = 9.2
SAME_CHILD_MONTHS: Final = 5.0
OLDEST_MONTHS: Final = 168
MONTH_DAYS: Final = 30.4375


@dataclass(frozen=True, kw_only=True)
class Child:
    """One child of one person: its birth month as months since year 0, and what tells of it."""

    person_id: str
    born: float
    n: int
    last_at: datetime

    def months(self, as_of: datetime) -> float:
        """Age in months, below 0 before birth."""
        return months_of(as_of) - self.born


def months_of(moment: datetime) -> float:
    """Months since year 0, with the day as a fraction."""
    return moment.year * 12 + moment.month - 1 + (moment.day - 1) / MONTH_DAYS


def births(text: str, written: datetime) -> Iterator[float]:
    """Every birth month that the comment tells, in months since year 0."""
    now = months_of(written)
    for match in _WEEKS.finditer(text):
        yield now + (40 - number(match["n"])) * 7 / MONTH_DAYS
    for match in _PREGNANT.finditer(text):
        yield now + PREGNANCY_MONTHS - number(match["n"])
    for match in _DUE.finditer(text):
        if 1 <= (month := int(match["n"])) <= 12:
            yield now + (month - written.month) % 12
    for match in _MONTHS.finditer(text):
        yield now - number(match["n"]) - (0.5 if match["half"] else 0)
    for match in _YEARS.finditer(text):
        age = 12 * number(match["n"]) + (6 if match["half"] else 0)
        if age <= OLDEST_MONTHS:
            yield now - age


def is_minor(text: str) -> bool:
    """Whether the writer says to be a child."""
    for match in _MINOR.finditer(text):
        if match["n"] is None or number(match["n"]) < ADULT_YEARS:
            return True
    return False


def read_children(comments: Iterable[tuple[str, str, datetime]]) -> list[Child]:
    """The children that (person_id, text, created_at) tell of, persons in order, youngest first.

    Births within a few months of each other are one child; a later comment is more exact. Persons
    who are minors are left out altogether.
    """
    told: dict[str, list[tuple[datetime, float]]] = {}
    minors: set[str] = set()
    for person, text, written in comments:
        if is_minor(text):
            minors.add(person)
        told.setdefault(person, []).extend((written, born) for born in births(text, written))
    return [
        child
        for person in sorted(set(told) - minors)
        for child in _children_of(person, sorted(told[person], reverse=True))
    ]


def number(text: str) -> int:
    """12, 十二, 二十 or 两 as a number."""
    if text.isdigit():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return _DIGITS[text]
    return 10 * _DIGITS.get(tens, 1) + _DIGITS.get(ones, 0)


def _children_of(person: str, told: list[tuple[datetime, float]]) -> list[Child]:
    found: list[Child] = []
    for written, born in told:
        same = next((c for c in found if abs(c.born - born) < SAME_CHILD_MONTHS), None)
        if same is None:
            found.append(Child(person_id=person, born=born, n=1, last_at=written))
        else:
            more = Child(person_id=person, born=same.born, n=same.n + 1, last_at=same.last_at)
            found[found.index(same)] = more
    return sorted(found, key=lambda child: -child.born)
