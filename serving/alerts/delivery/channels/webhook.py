"""A receiver of one's own: the notice as JSON, signed with HMAC-SHA256 over ``timestamp.body``.

Receivers check with ``verify_signature``: the moment must lie within five minutes, any of the
signatures may fit (two are sent while a secret is changed), and a ``dedup_key`` that was seen is a
repeat.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from serving.alerts.delivery.channels.base import HttpChannel
from serving.alerts.delivery.codec import dump_json, notice_document
from serving.alerts.delivery.message.brief import Limits
from serving.alerts.delivery.message.escape import clean, cut
from serving.alerts.delivery.message.text import plain_text
from serving.alerts.delivery.outcome import Outcome, judge_status
from serving.alerts.delivery.wire import Answer, Post
from serving.alerts.notice import Notice

MAX_BODY_BYTES: Final = 65_536
REPLAY_WINDOW_S: Final = 300
VERSION: Final = 1
_TEXT_CHARS: Final = 2000


def sign(secret: str, timestamp_s: int, body: bytes) -> str:
    """The signature in hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp_s}.".encode() + body, hashlib.sha256).hexdigest()


def verify_signature(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Iterable[str],
    *,
    now: float,
    window_s: float = REPLAY_WINDOW_S,
) -> bool:
    """Whether a request is ours and fresh; compares in constant time. For receivers."""
    found = {name.lower(): value for name, value in headers.items()}
    stamp = found.get("tingfeng-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return False
    if abs(now - int(stamp)) > window_s:
        return False
    given = [one.strip().partition("=") for one in found.get("tingfeng-signature", "").split(",")]
    values = [value.encode() for version, _, value in given if version == f"v{VERSION}"]
    expected = [sign(secret, int(stamp), body).encode() for secret in secrets]
    fits = [hmac.compare_digest(one, value) for one in expected for value in values[:4]]
    return any(fits)


@dataclass(frozen=True, kw_only=True)
class Webhook(HttpChannel):
    """A receiver of one's own."""

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    def render(self, notice: Notice, *, withheld: bool = False) -> str:
        """The body; evidence is left out, and counted, where it would be over 64 KiB."""
        kept = 0 if withheld else len(notice.evidence)
        while len(text := dump_json(self._document(notice, kept))) and kept:
            if len(text.encode()) <= MAX_BODY_BYTES:
                break
            kept //= 2
        return text

    def post_for(self, notice: Notice, *, now: float, withheld: bool) -> Post:
        """The request, signed with every secret."""
        body = self.render(notice, withheld=withheld).encode()
        stamp = int(now)
        signatures = ",".join(f"v{VERSION}={sign(one, stamp, body)}" for one in self.secrets)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Tingfeng-Timestamp": str(stamp),
            "Tingfeng-Signature": signatures,
        }
        return Post(url=self.url, body=body, headers=headers)

    def judge(self, answer: Answer) -> Outcome:
        """Any 2xx is success."""
        return judge_status(answer)

    def _document(self, notice: Notice, kept: int) -> dict[str, Any]:
        evidence = tuple(replace(one, text=cut(one.text, _TEXT_CHARS)) for one in notice.evidence)
        told = replace(notice, evidence=evidence[:kept])
        brief = self.brief(notice, clean, Limits(quotes=min(kept, 5)))
        return {
            "type": "tingfeng.notice",
            "version": VERSION,
            **notice_document(told),
            "playbook": list(self.playbook.steps(notice)),
            "evidence_left_out": len(evidence) - kept,
            "text": plain_text(brief, brief.footer),
        }
