"""The Douyin Open Platform's answers: where the error code stands, what it means, what to do.

Codes are those of the platform's list of status codes (new codes 28…, old ones 21…, OAuth 10…).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

Kind = Literal[
    "token",  # expired or invalid: refreshing it may help
    "limited",
    "busy",
    "quota",
    "forbidden",
    "item",  # this one video or comment
    "login",
    "key",
    "address",
    "request",
]

CODES: Final[Mapping[int, Kind]] = MappingProxyType(
    {
        **dict.fromkeys((10008, 2190002, 2190008, 28001003, 28001008), "token"),
        **dict.fromkeys((28001052, 28003018), "limited"),
        **dict.fromkeys((10001, 2100004, 28001005, 28001006), "busy"),
        **dict.fromkeys((2190001, 28003017), "quota"),
        **dict.fromkeys((10004, 2100007, 2100009, 2190003, 2190004), "forbidden"),
        **dict.fromkeys((28001012, 28001014, 28001016, 28001018, 28001019), "forbidden"),
        **dict.fromkeys((28001045, 28001046, 28001047, 28001056), "forbidden"),
        **dict.fromkeys((2111002, 2111003, 2111004, 2111007), "item"),
        **dict.fromkeys((10007, 10010, 10014, 10020, 2190015, 28001015), "login"),
        **dict.fromkeys((10003, 10013), "key"),
    }
)
_STATUSES: Final[Mapping[int, Kind]] = MappingProxyType({401: "token", 403: "forbidden"})
RETRIED: Final = frozenset({"limited", "busy"})
ADVICE: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "token": "log in again with: tingfeng fetch douyin login",
        "limited": "lower TINGFENG_DOUYIN_REQUESTS_PER_S, then run the same command again",
        "busy": "run the same command again later; it goes on where it was",
        "quota": "the day's quota is used up; run the same command again tomorrow, it goes on",
        "forbidden": "ask for the capability in the platform's console, then log in again",
        "item": "check the id; the other items are fetched",
        "login": "log in again with: tingfeng fetch douyin login",
        "key": "correct TINGFENG_DOUYIN_CLIENT_KEY and TINGFENG_DOUYIN_CLIENT_SECRET",
        "address": "check TINGFENG_DOUYIN_BASE_URL",
        "request": "check the ids, --count and --param against the platform's documentation",
    }
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why an answer is no result; ``code`` is null where only the HTTP status says so."""

    kind: Kind
    code: int | None
    text: str

    @property
    def retried(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind in RETRIED


def read_answer(status: int, body: bytes) -> dict[str, Any] | Fault:
    """The ``data`` object of an answer, or what is wrong with it.

    The code stands in ``data``, in ``extra`` or (mini-apps) as ``err_no`` at the top, as a number
    or as text. An answer that is no JSON is taken for a passing disturbance.
    """
    document = _parse(body)
    code, text = _error(document)
    if code:
        return Fault(kind=CODES.get(code, _by_status(status)), code=code, text=text)
    if status != 200:
        return Fault(kind=_by_status(status), code=None, text=text or f"HTTP status {status}")
    data = document.get("data") if isinstance(document, dict) else None
    if isinstance(data, dict):
        return data
    return Fault(kind="busy", code=None, text="an answer that is no JSON object with data")


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _error(document: Any) -> tuple[int, str]:
    """Code and description; 0 and no text where there is none."""
    if not isinstance(document, dict):
        return 0, ""
    data = document.get("data")
    inner = data.get("extra") if isinstance(data, dict) else None
    for place in (data, inner, document.get("extra"), document):
        if not isinstance(place, dict):
            continue
        for code, text in (("error_code", "description"), ("err_no", "err_msg")):
            number = _number(place.get(code))
            if number:
                return number, str(place.get(text) or "")
    return 0, ""


def _number(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        return 0


def _by_status(status: int) -> Kind:
    if status == 429:
        return "limited"
    if status >= 500:
        return "busy"
    if 300 <= status < 400 or status == 404:
        return "address"
    return _STATUSES.get(status, "request")
