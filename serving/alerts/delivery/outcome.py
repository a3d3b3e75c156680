"""What became of one attempt, and how answers are read: success is what the robot's code says.

HTTP 200 alone says nothing: robots answer it for refusals too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from serving.alerts.delivery.wire import Answer
from serving.sources.pacing import retry_after_s

# shorten: refused for what it says or its length; uncertain: a code that is not known
Result = Literal["sent", "retry", "limited", "shorten", "uncertain", "final"]
RETRIED_STATUS: Final = frozenset({408, 425})
_TOLD_CHARS: Final = 200
_LIMIT_WORDS: Final = ("freq", "too many", "too fast", "rate limit", "频率", "过快")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of one attempt; ``wait_s`` is what the other side asked for."""

    result: Result
    code: str = ""
    message: str = ""
    wait_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Codes:
    """What a robot's codes mean; ``field`` is where its answer has the code."""

    field: str
    message: str
    limited: Mapping[int, float]  # code → seconds until it listens again
    retry: frozenset[int]
    shorten: frozenset[int]
    final: frozenset[int]
    limited_s: float = 60.0  # for limits told in words only


def judge_robot(answer: Answer, codes: Codes) -> Outcome:
    """What a robot's answer means."""
    by_status = judge_status(answer)
    found = _object(answer.body)
    if by_status.result != "sent" and (found is None or codes.field not in found):
        return by_status
    if found is None or type(found.get(codes.field)) is not int:  # false is no 0
        return Outcome(
            result="uncertain", code=str(answer.status), message=f"no {codes.field} in the answer"
        )
    code, text = found[codes.field], str(found.get(codes.message, ""))[:_TOLD_CHARS]
    if code == 0:
        return by_status if by_status.result != "sent" else Outcome(result="sent", code="0")
    result, wait_s = _meaning(code, text, codes)
    if result == "uncertain" and by_status.result != "sent":  # the status says more
        result = by_status.result
    return Outcome(
        result=result, code=str(code), message=text, wait_s=max(wait_s, by_status.wait_s)
    )


def judge_status(answer: Answer) -> Outcome:
    """What an HTTP status means: 5xx, 408, 425 and 429 pass, other refusals stay."""
    code = str(answer.status)
    if 200 <= answer.status < 300:
        return Outcome(result="sent", code=code)
    wait_s = retry_after_s(answer.headers) or 0.0
    if answer.status == 429:
        return Outcome(result="limited", code=code, message="too many", wait_s=wait_s or 60.0)
    if answer.status >= 500 or answer.status in RETRIED_STATUS:
        return Outcome(result="retry", code=code, message="server error", wait_s=wait_s)
    if answer.status == 413:
        return Outcome(result="shorten", code=code, message="too long")
    told = "redirects are not followed" if 300 <= answer.status < 400 else "refused"
    return Outcome(result="final", code=code, message=told)


def _meaning(code: int, text: str, codes: Codes) -> tuple[Result, float]:
    if code in codes.limited:
        return "limited", codes.limited[code]
    if code in codes.final:  # before the words: some refusals repeat what was sent
        return "final", 0.0
    if any(word in text.lower() for word in _LIMIT_WORDS):
        return "limited", codes.limited_s
    if code in codes.retry:
        return "retry", 0.0
    if code in codes.shorten:
        return "shorten", 0.0
    return "uncertain", 0.0


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
