"""Questions about persons from the routes: facts and tags are made first where they are stale."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

from profiles.audiences.saved import AudienceError
from profiles.baselines.errors import BaselineError
from profiles.campaigns.errors import CampaignError
from profiles.conditions.text import parse
from profiles.conditions.tree import Condition, ConditionError, from_data
from profiles.errors import ProfilesError, StoreError
from profiles.funnel.errors import EventsError, SpecError
from profiles.groups.stability import UnstableError
from profiles.people import People
from serving.api.errors import ApiError
from serving.api.service import Service
from serving.people import NotRefreshedError, is_current, open_people
from serving.settings import Settings

Result = TypeVar("Result")
Job = Callable[[People, datetime], Result]
SHOWN_CHARS: Final = 500  # of what is wrong with a rule


async def ask_people(service: Service, job: Job[Result], *, writes: bool = False) -> Result:
    """What ``job`` gives for the persons of the store; ``writes`` takes turns with other writers.

    Raises:
        ApiError: 404 before the first refresh, 422 for what cannot be meant.
    """
    settings = service.settings

    def ask(store: Any) -> Result:
        with told():
            return job(*open_people(store, settings))

    def stale(store: Any) -> bool:
        return not is_current(store, settings)

    if writes:
        return await service.store.change(ask)
    if await service.store.read(stale):
        await service.store.change(lambda store: _made(store, settings))
    return await service.store.read(ask)


@contextmanager
def told() -> Iterator[None]:
    """Turns what people can mend in a rule or a name into a refusal that says it."""
    try:
        yield
    except ConditionError as error:
        raise invalid(str(error)) from error
    except AudienceError as error:
        raise _of_audience(error) from error
    except NotRefreshedError as error:
        raise ApiError(404, "not_found", str(error), "load and refresh first") from error


@contextmanager
def answered() -> Iterator[None]:
    """Turns what an analysis says of its question or its rows into a refusal that says it: 422."""
    with told():
        try:
            yield
        except (SpecError, EventsError, BaselineError) as error:
            raise invalid(str(error)) from error
        except UnstableError as error:
            hint = "give k, or load more comments"
            raise ApiError(422, "unstable", str(error)[:SHOWN_CHARS], hint) from error
        except CampaignError as error:
            raise _of_campaign(error) from error
        except (ConditionError, AudienceError, StoreError):
            raise
        except ProfilesError as error:
            raise ApiError(
                422, "too_few_rows", str(error)[:SHOWN_CHARS], "load what it is about first"
            ) from error


def condition_of(rule: Any) -> Condition:
    """The condition of a text or a tree. Raises ApiError (422)."""
    check_characters(rule)
    with told():
        try:
            return from_data(rule, parse)
        except RecursionError as error:
            raise invalid("expected a rule of fewer levels, found too many") from error


def check_characters(value: Any) -> None:
    """Refuses the character U+0000, which no engine takes in a text. Raises ApiError (422)."""
    if "\\u0000" in json.dumps(value, default=str):
        raise invalid("expected text without the character U+0000, found one")


def invalid(message: str) -> ApiError:
    """422 with what is wrong with a rule or a question; these hold fields, not comments."""
    return ApiError(422, "invalid", message[:SHOWN_CHARS], "see /docs and docs/api.md for the form")


def _made(store: Any, settings: Settings) -> None:
    with told():
        open_people(store, settings)


def _of_audience(error: AudienceError) -> ApiError:
    text = str(error)
    if text.startswith("expected an audience of"):
        return ApiError(
            404,
            "not_found",
            "expected the name of a kept audience, found none of that name",
            "GET /v1/audiences lists them",
        )
    return invalid(text)


def _of_campaign(error: CampaignError) -> ApiError:
    if str(error).startswith("expected feedback of"):
        return ApiError(
            404,
            "not_found",
            "expected a campaign with feedback, found none of that id or name",
            "POST /v1/campaigns/feedback loads it",
        )
    return invalid(str(error))
