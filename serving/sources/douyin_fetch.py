"""Comments, items and the audience of an account, as JSON lines that ``data.readers`` recognises.

Comments and items come page by page and are resumable (see ``resumable``); a row is the platform's
own object with ``item_id`` and, for a reply, ``reply_to_comment_id``. A row that the platform gives
twice in one item is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote

from serving.sources.douyin_client import DouyinClient
from serving.sources.douyin_listing import Listing, Page, Stalled, read_pages
from serving.sources.errors import ItemError, SourceError
from serving.sources.resumable import ResumableOutput

ITEM_BATCH: Final = 20
_MOST: Final = MappingProxyType({"web": 20, "mini": 50})  # rows a page at most
COMMENT_PATHS: Final = MappingProxyType(
    {
        "web": ("/item/comment/list/", "/item/comment/reply/list/"),
        "mini": ("/api/apps/v1/item/list_comment/", "/api/apps/v1/item/list_comment_reply/"),
    }
)
ITEM_LIST_PATH: Final = "/api/douyin/v1/video/video_list/"
ITEM_DATA_PATH: Final = "/api/douyin/v1/video/video_data/"


@dataclass(kw_only=True)
class FetchSummary:
    """What a fetch did; ``faults`` are the listings that could not be read to their end."""

    rows: int = 0
    resumed: int = 0
    duplicates: int = 0
    pages: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class CommentsQuery:
    """Which comments to fetch."""

    items: Sequence[str]
    app: str = "web"  # a key of COMMENT_PATHS
    replies: bool = False
    count: int | None = None  # rows a page; null for the most that the platform allows
    params: Mapping[str, str] = field(default_factory=dict)  # further query parameters

    def identity(self, open_id: str) -> dict[str, Any]:
        """What makes two fetches the same one."""
        return {
            "kind": "comments",
            "account": open_id,
            "items": list(self.items),
            "app": self.app,
            "replies": self.replies,
            "params": dict(self.params),
        }


def clean_items(items: Sequence[str]) -> list[str]:
    """The ids once each, in order, decoded where they were copied from an address."""
    return list(dict.fromkeys(unquote(item) if "%" in item else item for item in items))


def fetch_comments(
    client: DouyinClient,
    query: CommentsQuery,
    output: ResumableOutput,
    progress: Callable[[str], None] = lambda _: None,
) -> FetchSummary:
    """Appends every comment of every item (and with ``replies`` their replies) to ``output``.

    An item that the platform does not give, or whose pages do not end, is noted and left; the
    others are fetched.

    Raises:
        SourceError: the platform refuses altogether, or cannot be reached.
    """
    work = _Comments(client, query, output, progress)
    work.run()
    return work.summary


class _Comments:
    """One fetch of comments: items in order, in each first the roots, then reply by reply."""

    def __init__(
        self,
        client: DouyinClient,
        query: CommentsQuery,
        output: ResumableOutput,
        progress: Callable[[str], None],
    ) -> None:
        self._client, self._query, self._output, self._say = client, query, output, progress
        self._count = query.count or _MOST[query.app]
        faults = list(output.state.get("faults", []))
        resumed = int(output.state.get("rows", 0))
        self.summary = FetchSummary(rows=resumed, resumed=resumed, faults=faults)

    def run(self) -> None:
        items, here = self._query.items, self._output.state
        for number in range(int(here.get("item", 0)), len(items)):
            self._fetch_item(number, items[number], here)
            here = {}

    def _fetch_item(self, number: int, item: str, here: Mapping[str, Any]) -> None:
        """One item; ``here`` is where a killed run was in it."""
        own = [row for row in self._output.rows() if row.get("item_id") == item] if here else []
        seen = {row["comment_id"] for row in own if row.get("comment_id")}
        parent = int(here.get("parent", 0))  # 0: the roots; n: replies to the n-th with replies
        parents = _with_replies(own) if parent else []
        if not parent:
            own += self._fetch_listing(number, 0, Listing(item=item), here, seen)
            parents = _with_replies(own) if self._query.replies else []
            parent, here = 1, {}
        for at in range(parent, len(parents) + 1):
            listing = Listing(item=item, parent=parents[at - 1])
            self._fetch_listing(number, at, listing, here if at == parent else {}, seen)
        self._advance([], number + 1, 0, 0)
        self._say(f"item {number + 1} of {len(self._query.items)}: {self.summary.rows:,} rows")

    def _fetch_listing(
        self, number: int, at: int, listing: Listing, here: Mapping[str, Any], seen: set[str]
    ) -> list[dict[str, Any]]:
        """Reads a listing from the recorded cursor on and moves on to the next one."""
        fresh: list[dict[str, Any]] = []
        try:
            for page in read_pages(self._get(listing), here.get("cursor", 0)):
                rows = self._new_rows(page, listing, seen)
                fresh += rows
                cursor = page.cursor if page.has_more else 0
                self._advance(rows, number, at if page.has_more else at + 1, cursor)
        except (ItemError, Stalled) as error:
            self.summary.faults.append(f"{listing}: {error}")
            self._advance([], number, at + 1, 0)
        return fresh

    def _get(self, listing: Listing) -> Callable[[Any], dict[str, Any]]:
        path = COMMENT_PATHS[self._query.app][listing.parent is not None]
        fixed = {**self._query.params, **listing.params(), "count": self._count}
        return lambda cursor: self._client.get(path, {**fixed, "cursor": cursor})

    def _new_rows(self, page: Page, listing: Listing, seen: set[str]) -> list[dict[str, Any]]:
        rows = []
        for row in page.rows:
            key = row.get("comment_id")
            if key and key in seen:
                self.summary.duplicates += 1
                continue
            if key:
                seen.add(key)
            rows.append({**row, **listing.marks(row)})
        self.summary.pages += 1
        return rows

    def _advance(self, rows: list[dict[str, Any]], item: int, parent: int, cursor: Any) -> None:
        self.summary.rows += len(rows)
        state = {
            "item": item,
            "parent": parent,
            "cursor": cursor,
            "rows": self.summary.rows,
            "faults": self.summary.faults,
        }
        self._output.append(rows, state)


def _with_replies(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Ids of the root comments that were answered, in order."""
    return [
        row["comment_id"]
        for row in rows
        if row.get("comment_id")
        and not row.get("reply_to_comment_id")
        and row.get("reply_comment_total")
    ]


def fetch_items(
    client: DouyinClient, items: Sequence[str], output: ResumableOutput
) -> FetchSummary:
    """Appends the account's items, or those asked for, with their counts to ``output``.

    Raises:
        SourceError: the platform refuses altogether, or cannot be reached.
    """
    done = int(output.state.get("rows", 0))
    summary = FetchSummary(rows=done, resumed=done)
    seen = {row.get("item_id") for row in output.rows()}
    pages = _asked_pages if items else _listed_pages
    try:
        for page in pages(client, items, output.state.get("cursor", 0)):
            keys = [row.get("item_id") for row in page.rows]
            rows = [row for row, key in zip(page.rows, keys, strict=True) if key not in seen]
            seen.update(keys)
            summary.pages += 1
            summary.duplicates += len(page.rows) - len(rows)
            summary.rows += len(rows)
            output.append(rows, {"cursor": page.cursor, "rows": summary.rows})
    except Stalled as error:
        summary.faults.append(str(error))
    missing = [item for item in items if item not in seen]
    summary.faults += [f"item {item}: not given by the platform" for item in missing]
    return summary


def _listed_pages(client: DouyinClient, _: Sequence[str], cursor: Any) -> Iterator[Page]:
    """Pages of the account's own list; none where the recorded cursor is the end (null)."""
    if cursor is None:
        return
    fixed = {"count": _MOST["web"]}
    for page in read_pages(lambda at: client.get(ITEM_LIST_PATH, {**fixed, "cursor": at}), cursor):
        yield page if page.has_more else replace(page, cursor=None)


def _asked_pages(client: DouyinClient, items: Sequence[str], cursor: Any) -> Iterator[Page]:
    """Batches of the items asked for; the cursor is how many were asked for. A batch that the
    platform refuses for one of its items is empty."""
    for start in range(int(cursor), len(items), ITEM_BATCH):
        batch = list(items[start : start + ITEM_BATCH])
        end = start + len(batch)
        try:
            rows = Page.read(client.post(ITEM_DATA_PATH, {}, {"item_ids": batch})).rows
        except ItemError:
            rows = []
        yield Page(rows=rows, cursor=end, has_more=end < len(items))


def fetch_fans(client: DouyinClient, params: Mapping[str, str], as_of: str) -> list[dict[str, Any]]:
    """The account's audience, one row per distribution and bucket.

    ``value`` is the number of fans; ``all_sum`` of a flow contribution that of all viewers. Ranges
    are written with a hyphen; gender is ``male`` or ``female``.

    Raises:
        SourceError: the answer holds no ``fans_data`` (an account of 100 fans or fewer has none).
    """
    data = client.get("/api/douyin/v1/user/fans_data/", params).get("fans_data")
    if not isinstance(data, dict) or not data:
        raise SourceError(
            "expected fans_data in the platform's answer, found none; an account needs more than "
            "100 fans, and two days after its first login"
        )
    base = {"as_of": as_of, "all_fans_num": data.get("all_fans_num")}
    return [
        {**base, "distribution": name.removesuffix("_distributions"), **bucket}
        for name, buckets in data.items()
        if isinstance(buckets, list)
        for bucket in map(_bucket(name), buckets)
    ]


def _bucket(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    genders = {"1": "male", "2": "female"}

    def read(bucket: dict[str, Any]) -> dict[str, Any]:
        label = str(bucket.get("item", bucket.get("flow", ""))).replace("~", "-")
        label = genders.get(label, label) if name == "gender_distributions" else label
        value = bucket.get("value", bucket.get("fans_sum"))
        return {"item": label, "value": value, "all_sum": bucket.get("all_sum")}

    return read
