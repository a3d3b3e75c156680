"""Pages of a listing with cursor, count and has_more, read until the platform says it is the end.

A cursor that comes again, or many pages without rows, would go on for ever: that is ``Stalled``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

from serving.sources.errors import SourceError

MOST_EMPTY_PAGES: Final = 10


class Stalled(SourceError):
    """The platform promises more, but gives the same place again."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """An item's root comments, or the replies to one of them."""

    item: str
    parent: str | None = None

    def __str__(self) -> str:
        return f"item {self.item}" + (f", replies to {self.parent}" if self.parent else "")

    def params(self) -> dict[str, str]:
        """What names the listing in a request."""
        return {"item_id": self.item} | ({"comment_id": self.parent} if self.parent else {})

    def marks(self, row: dict[str, Any]) -> dict[str, Any]:
        """What a row gets in addition: its item, and the parent where the platform gives none."""
        if self.parent is None:
            return {"item_id": self.item}
        parent = row.get("reply_to_comment_id") or self.parent
        return {"item_id": self.item, "reply_to_comment_id": parent}


@dataclass(frozen=True, kw_only=True)
class Page:
    """Rows of one answer, and where the next page starts."""

    rows: list[dict[str, Any]]
    cursor: Any
    has_more: bool

    @classmethod
    def read(cls, data: dict[str, Any]) -> Self:
        """The page in an answer's ``data``. Raises: SourceError when its list is none."""
        rows = data.get("list")
        rows = [] if rows is None else rows
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise SourceError(
                f"expected a list of objects in the platform's answer, found "
                f"{type(rows).__name__}; check the base address"
            )
        more = data.get("has_more") in (True, 1, "true", "1")
        return cls(rows=rows, cursor=data.get("cursor"), has_more=more)


def read_pages(get: Callable[[Any], dict[str, Any]], cursor: Any) -> Iterator[Page]:
    """Every page from ``cursor`` on; ``get`` gives the ``data`` of the page at a cursor.

    Raises:
        Stalled: the listing does not get on; the pages before were given.
    """
    visited = {str(cursor)}
    empty = 0
    while True:
        page = Page.read(get(cursor))
        empty = 0 if page.rows else empty + 1
        stuck = page.has_more and (page.cursor is None or str(page.cursor) in visited)
        if stuck or empty > MOST_EMPTY_PAGES:
            yield Page(rows=page.rows, cursor=cursor, has_more=True)
            found = f"{page.cursor!r} again" if stuck else f"{empty} pages without rows"
            raise Stalled(
                f"expected has_more with a cursor that moves on, found {found}; "
                "what came so far is kept, fetch the rest later"
            )
        yield page
        if not page.has_more:
            return
        cursor = page.cursor
        visited.add(str(cursor))
