"""Notices as JSON: for the outbox, webhooks and JSON lines. Times are ISO 8601 in UTC."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final

from serving.alerts.notice import Evidence, Notice

_PAIRS: Final = ("aspects", "risks", "emotions", "keywords", "platforms", "contents")
_TIMES: Final = ("at", "opened_at", "closed_at")


def notice_document(notice: Notice) -> dict[str, Any]:
    """The members of a notice as JSON knows them, and ``ratio``."""
    found = {one.name: _plain(getattr(notice, one.name)) for one in fields(notice)}
    return {**found, "ratio": round(notice.ratio, 3)}


def notice_from(document: dict[str, Any]) -> Notice:
    """The notice that ``notice_document`` was made of."""
    known = {one.name for one in fields(Notice)}
    members = {name: value for name, value in document.items() if name in known}
    for name in _PAIRS:
        members[name] = tuple((label, number) for label, number in members.get(name, ()))
    for name in _TIMES:
        members[name] = _time(members.get(name))
    members["evidence"] = tuple(
        Evidence(**{**one, "at": _time(one.get("at"))}) for one in members.get("evidence", ())
    )
    members["playbook"] = tuple(members.get("playbook", ()))
    return Notice(**members)


def dump_json(document: Any, *, indent: int | None = None) -> str:
    """JSON that every reader takes: no NaN, no lone surrogates, Chinese as it is."""
    text = json.dumps(_finite(document), ensure_ascii=False, allow_nan=False, indent=indent)
    return text.encode("utf-8", "replace").decode()


def iso(at: datetime) -> str:
    """ISO 8601 in UTC; a time without a zone is UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Evidence):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _finite(value: Any) -> Any:
    """Numbers that JSON lacks become null."""
    if isinstance(value, float) and value - value != 0:
        return None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value
