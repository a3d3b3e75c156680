"""The values of a profile that lead to their rows: what ``profiles.trace`` takes, in Chinese."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from data.labels import ASPECTS, EMOTIONS, INTERESTS, SENTIMENTS
from serving.profile_text import TITLES, event_name

MAX_LINKS: Final = 8
Link = tuple[str, str]  # field of a trace, name; rows are counted there


def evidence_links(dimension: str, found: dict[str, Any]) -> list[Link]:
    """The fields of a dimension that have rows, each with its name and number."""
    if not found["n"]:
        return []
    keyed = list(_KEYED.get(dimension, _none)(found))[:MAX_LINKS]
    return [(f"{dimension}.{key}", name) for key, name in keyed]


def field_name(field: str) -> str:
    """How a field of a trace reads."""
    dimension, _, key = field.partition(".")
    title = TITLES.get(dimension, dimension)
    return f"{title} · {_names(dimension, key)}" if key else title


def _names(dimension: str, key: str) -> str:
    if dimension == "interest":
        return INTERESTS.get(key, key)
    if dimension == "emotion":
        return {**SENTIMENTS, **EMOTIONS, **ASPECTS}.get(key, key)
    if dimension == "behaviour":
        return event_name(key)
    if dimension == "spending":
        from profiles.dimensions.spending import category_names

        return category_names().get(key, key)
    return key


def _none(_: dict[str, Any]) -> Iterator[Link]:
    return iter(())


def _interest(found: dict[str, Any]) -> Iterator[Link]:
    for topic in found.get("topics", []):
        yield topic["topic"], INTERESTS.get(topic["topic"], topic["topic"])


def _spending(found: dict[str, Any]) -> Iterator[Link]:
    for one in found.get("categories", []):
        yield one["category"], _names("spending", one["category"])


def _behaviour(found: dict[str, Any]) -> Iterator[Link]:
    for one in found.get("events", []):
        yield one["event"], event_name(one["event"])


def _emotion(found: dict[str, Any]) -> Iterator[Link]:
    for key, name in SENTIMENTS.items():
        if found.get(f"n_{key}"):
            yield key, name
    for one in found.get("by_aspect", []):
        yield one["aspect"], ASPECTS.get(one["aspect"], one["aspect"])


_KEYED: Final[dict[str, Callable[[dict[str, Any]], Iterator[Link]]]] = {
    "interest": _interest,
    "spending": _spending,
    "behaviour": _behaviour,
    "emotion": _emotion,
}
