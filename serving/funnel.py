"""Funnels for the command line and the API: questions read from JSON, answers written as it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from profiles.funnel.actors import step_column
from profiles.funnel.errors import SpecError
from profiles.funnel.funnel import Funnel, FunnelStep, trend
from profiles.funnel.parse import parse_spec
from profiles.funnel.reasons import Reasons
from profiles.funnel.retention import Retention
from profiles.funnel.spec import FunnelSpec
from serving.errors import UsageError


@contextmanager
def usage() -> Iterator[None]:
    """Turns a question that cannot be asked into wrong usage."""
    try:
        yield
    except SpecError as error:
        raise UsageError(str(error)) from error


def read_question(path: Path) -> FunnelSpec:
    """The question of a JSON file.

    Raises:
        UsageError: there is no such file, it is no JSON, or no funnel; with every fault.
    """
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"--spec: expected a JSON file, found {path}: {error.strerror}") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"--spec: expected JSON in {path}, found {error}; correct it") from error
    with usage():
        return parse_spec(document)


def document(found: Funnel, why: Reasons | None = None, by: str | None = None) -> dict[str, Any]:
    """The answer as JSON: steps, who dropped where, and what was asked beside."""
    result: dict[str, Any] = {
        "steps": [asdict(step) for step in found.steps],
        "dropped": _dropped(found.steps, why),
        "excluded": found.excluded,
        "time_to_convert": asdict(found.time_to_convert) if found.time_to_convert else None,
        "events": {"rows_in": found.rows_in, "rejected": found.rejected},
    }
    if found.spec.breakdown is not None:
        result["breakdown"] = _breakdown(found.breakdown)
    if by is not None:
        result["trend"] = [asdict(one) for one in trend(found.actors, len(found.steps), by)]
    if why is not None:
        result["reasons"] = {"tested": why.tested, "left_out": list(why.left_out)}
    return result


def retention_document(found: Retention) -> dict[str, Any]:
    """Cohorts with their shares as JSON."""
    cohorts = [{**asdict(one), "shares": list(one.shares)} for one in found.cohorts]
    return {**asdict(found), "cohorts": cohorts}


def _dropped(steps: tuple[FunnelStep, ...], why: Reasons | None) -> list[dict[str, Any]]:
    found = []
    for at, (here, following) in enumerate(pairwise(steps), 1):
        lost = here.persons - following.persons
        one: dict[str, Any] = {
            "after_step": at,
            "before_step": at + 1,
            "persons": lost,
            "share": lost / here.persons if here.persons else None,
        }
        if why is not None:
            one["reasons"] = [asdict(reason) for reason in why.found if reason.after_step == at]
        found.append(one)
    return found


def _breakdown(values: Mapping[str | None, tuple[FunnelStep, ...]]) -> list[dict[str, Any]]:
    return [
        {"value": value, "steps": [asdict(step) for step in steps]}
        for value, steps in values.items()
    ]


def actor_rows(
    found: Funnel, *, reached: int | None = None, dropped_before: int | None = None
) -> pa.Table:
    """Who reached a step, or who reached the one before it and not it; times are UTC."""
    actors, level = found.actors, found.actors["level"]
    if dropped_before is not None:
        kept = pc.equal(level, dropped_before - 1)
    else:
        kept = pc.greater_equal(level, reached or 1)
    chosen = actors.filter(kept).sort_by("person_id")
    columns = {"person_id": chosen["person_id"], "furthest_step": chosen["level"]}
    for step in range(1, len(found.steps) + 1):
        stamp = pa.timestamp("ms", tz="UTC")
        columns[f"step_{step}_at"] = chosen[step_column(step)].cast(stamp)
    if "value" in chosen.column_names:
        columns["value"] = chosen["value"]
    return pa.table(columns)
