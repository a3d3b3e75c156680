"""Addresses of pages; what comes from outside is quoted here and nowhere else."""

from __future__ import annotations

from urllib.parse import quote, urlencode


def comments_url(**filters: str | None) -> str:
    """The list of comments that a number counts; filters as in ``profiles.listing``."""
    given = {name: str(value) for name, value in filters.items() if value is not None}
    return "/comments" + (f"?{urlencode(given)}" if given else "")


def path(*parts: str, **query: str | int | None) -> str:
    """A path of quoted parts."""
    given = {name: str(value) for name, value in query.items() if value is not None}
    where = "".join("/" + quote(part, safe="") for part in parts)
    return where + (f"?{urlencode(given)}" if given else "")


def content_url(content_id: str, platform: str | None = None) -> str:
    """The page of one content."""
    return path("contents", content_id, platform=platform)


def person_url(person_id: str) -> str:
    """The page of one person."""
    return path("people", person_id)
