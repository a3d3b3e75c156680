"""Rules of crisis monitoring: YAML over the package's defaults, all faults told at once.

The defaults are ``rules.yaml`` beside this module, with the unit of every number.
"""

from __future__ import annotations

from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data.labels import RISKS
from serving.alerts.detection.thresholds import Thresholds
from serving.alerts.notice import Severity
from serving.errors import UsageError

DIMENSIONS: Final = ("tenant", "brand", "product", "platform", "content", "aspect", "risk")
Dimension = Literal["tenant", "brand", "product", "platform", "content", "aspect", "risk"]
Positive = Annotated[float, Field(gt=0)]
Chance = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
_PACKAGE: Final = files("serving.alerts")
_CHANCES: Final = ("share_alpha",)
_AT_LEAST_ONE: Final = ("min_ratio", "leave_ratio", "rise_ratio")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Watch(_Part):
    """A key for every value of ``by``, with what is believed of it at first."""

    name: str
    by: tuple[Dimension, ...] = Field(min_length=1)
    negatives_per_hour: Positive = 1.0
    share: Chance = 0.2

    @model_validator(mode="after")
    def _one_list(self) -> Watch:
        if {"aspect", "risk"} <= set(self.by):
            raise ValueError("by: expected aspect or risk, found both; make two entries")
        return self


class Brand(_Part):
    """Whose comments: those with one of the words, or under one of the contents."""

    words: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()


class SeverityRules(_Part):
    critical_ratio: Positive
    critical_negatives: Count
    critical_reach: Count
    critical_risk_share: Chance
    critical_risk_comments: Count
    critical_risks: tuple[str, ...]
    info_negatives: Count

    _known = field_validator("critical_risks")(lambda value: _known_risks(value))


Word = Annotated[str, Field(min_length=1)]


class Trigger(_Part):
    """One comment is enough: it has one of ``words`` and, where ``near`` is given, one of those
    with at most ``near_chars`` characters in between. ``ignore`` are phrases that are read over.
    """

    name: str
    risks: tuple[str, ...]
    words: tuple[Word, ...] = Field(min_length=1)
    near: tuple[Word, ...] = ()
    near_chars: Annotated[int, Field(ge=0, le=1000)] = 20
    ignore: tuple[Word, ...] = ()
    min_p_negative: Chance
    severity: Severity = "critical"

    _known = field_validator("risks")(lambda value: _known_risks(value))


class Notify(_Part):
    group_interval_s: Annotated[int, Field(ge=0)]
    repeat_hours: Positive
    escalate_minutes: Positive
    send_resolved: bool
    worse_factor: Annotated[float, Field(gt=1)]
    quiet_from: str | None = None
    quiet_to: str | None = None
    inhibit_equal: tuple[Dimension, ...]

    @field_validator("quiet_from", "quiet_to")
    @classmethod
    def _clock(cls, value: str | None) -> str | None:
        if value is not None:
            clock_minutes(value)
        return value

    @model_validator(mode="after")
    def _both(self) -> Notify:
        if (self.quiet_from is None) != (self.quiet_to is None):
            raise ValueError("expected both quiet_from and quiet_to, found one; give both or none")
        return self


class WaterArmy(_Part):
    min_group: Annotated[int, Field(ge=2)]
    similarity: Chance
    young_days: Count
    hub_followers: Count
    max_comments: Count


class DeadMan(_Part):
    minutes: Positive
    expected_at_least: Positive


class Rules(_Part):
    """One whole set of rules."""

    watch: tuple[Watch, ...] = Field(min_length=1)
    brands: dict[str, Brand]
    thresholds: Thresholds
    max_keys: Count
    severity: SeverityRules
    triggers: tuple[Trigger, ...]
    trigger_hours: Positive
    notify: Notify
    water_army: WaterArmy
    dead_man: DeadMan
    lateness_s: Annotated[int, Field(ge=0, le=86_400)]
    link: str | None = None
    tenant: str | None = Field(None, min_length=1, max_length=128)  # where comments name none

    @field_validator("thresholds")
    @classmethod
    def _sensible(cls, value: Thresholds) -> Thresholds:
        faults = _threshold_faults(value)
        if faults:
            raise ValueError("; ".join(faults))
        return value


def load_rules(path: Path | None = None, *, tenant: str | None = None) -> Rules:
    """The defaults, changed by the file where one is given, and by the tenant.

    Raises:
        UsageError: the file cannot be read, or has faults; all are named.
    """
    document = _read(_PACKAGE.joinpath("rules.yaml").read_text("utf-8"), "the defaults")
    if path is not None:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"--rules {path}: expected a readable YAML file in UTF-8, found {error}; "
                "check the path"
            ) from error
        document = _over(document, _read(text, f"--rules {path}"))
    if tenant is not None:
        document = {**document, "tenant": tenant}
    try:
        return Rules.model_validate(document)
    except ValidationError as error:
        faults = "; ".join(map(_fault, error.errors()))
        raise UsageError(f"--rules {path}: {faults}; see docs/alerts.md") from error


def clock_minutes(text: str) -> int:
    """``22:30`` as minutes of the day. Raises ValueError."""
    hours, mark, minutes = str(text).partition(":")
    if not (
        mark and hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60
    ):
        raise ValueError(f"expected a time such as '22:00' in quotes, found {text!r}; correct it")
    return int(hours) * 60 + int(minutes)


def _read(text: str, what: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{what}: expected YAML, found {error}; correct it") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise UsageError(f"{what}: expected names with values, found {type(found).__name__}")
    return found


def _over(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """``change`` over ``base``: mappings are merged, everything else replaced."""
    merged = dict(base)
    for name, value in change.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _over(merged[name], value) if both else value
    return merged


def _fault(error: Any) -> str:
    where = ".".join(map(str, error["loc"]))
    found = error["input"]
    shown = "" if isinstance(found, dict | list) else f", found {found!r}"
    return f"{where}: {error['msg']}{shown}"


def _known_risks(value: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [risk for risk in value if risk not in RISKS]
    if unknown:
        raise ValueError(f"expected risks of {', '.join(RISKS)}, found {', '.join(unknown)}")
    return value


def _threshold_faults(given: Thresholds) -> list[str]:
    faults = []
    for field in fields(given):
        value = getattr(given, field.name)
        if field.name in _CHANCES and not 0 < value < 1:
            faults.append(f"{field.name}: expected between 0 and 1, found {value}")
        elif field.name in _AT_LEAST_ONE and value <= 1:
            faults.append(f"{field.name}: expected above 1, found {value}")
        elif field.name != "utc_offset_hours" and value <= 0:
            faults.append(f"{field.name}: expected above 0, found {value}")
    if given.learn_lag_hours > 22:
        faults.append(f"learn_lag_hours: expected at most 22, found {given.learn_lag_hours}")
    if given.enter_ticks > given.enter_of or given.enter_of > 60:
        faults.append("enter_ticks: expected at most enter_of, and that at most 60")
    return faults
