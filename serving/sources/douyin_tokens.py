"""The accounts' tokens on disk: one file under the home folder, readable by its owner only.

The file is replaced as a whole by a rename, so a kill leaves the old one or the new one. Changes
happen under a lock, so that two commands do not refresh the same token.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from serving.sources.errors import SourceError

FILE_NAME: Final = "douyin-tokens.json"
_OWNER_ONLY: Final = 0o600
_MARGIN_S: Final = 600.0
_RENEW_MARGIN_S: Final = 3 * 86_400.0
_LOGIN: Final = "log in with: tingfeng fetch douyin login"


@dataclass(frozen=True, kw_only=True)
class Token:
    """One account's authorization; times are seconds since the epoch."""

    open_id: str
    client_key: str
    scope: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    issued_at: float
    expires_at: float
    refresh_expires_at: float

    def is_due(self, now: float) -> bool:
        """Whether the access token ends within ten minutes, or a tenth of its life if shorter."""
        life_s = max(0.0, self.expires_at - self.issued_at)
        return now >= self.expires_at - min(_MARGIN_S, life_s / 10)

    def renewal_is_due(self, now: float) -> bool:
        """Whether the refresh token ends within three days, and has not ended yet."""
        return self.refresh_expires_at - _RENEW_MARGIN_S <= now < self.refresh_expires_at


def token_from_answer(
    data: dict[str, Any], *, client_key: str, now: float, before: Token | None = None
) -> Token:
    """The token in the answer of ``/oauth/access_token/`` or ``/oauth/refresh_token/``.

    What a refresh does not repeat stays as it was ``before``.

    Raises:
        SourceError: a field is missing.
    """
    given = (asdict(before) if before else {}) | {k: v for k, v in data.items() if v}
    names = ("open_id", "access_token", "refresh_token")
    life_s, refresh_life_s = (_seconds(data.get(k)) for k in ("expires_in", "refresh_expires_in"))
    missing = [name for name in names if not given.get(name)]
    missing += ["expires_in"] if life_s is None else []
    if missing or life_s is None:
        raise SourceError(
            f"expected {', '.join(missing)} in the platform's answer, found nothing; {_LOGIN}"
        )
    ends = before.refresh_expires_at if before else now + life_s
    return Token(
        **{name: str(given[name]) for name in names},
        client_key=client_key,
        scope=str(given.get("scope", "")),
        issued_at=now,
        expires_at=now + life_s,
        refresh_expires_at=ends if refresh_life_s is None else now + refresh_life_s,
    )


def with_refresh_token(token: Token, data: dict[str, Any], *, now: float) -> Token:
    """The token with what ``/oauth/renew_refresh_token/`` answered; as it was without a new one."""
    life_s = _seconds(data.get("expires_in"))
    if not data.get("refresh_token") or life_s is None:
        return token
    return replace(token, refresh_token=str(data["refresh_token"]), refresh_expires_at=now + life_s)


def _seconds(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


class TokenStore:
    """The token file under ``home``."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE_NAME

    def load(self, open_id: str | None = None) -> Token:
        """The token of an account; without ``open_id`` of the only one.

        Raises:
            SourceError: no such account, several without a choice, or a file that cannot be
                trusted (readable by others) or read.
        """
        tokens = self.read()
        if open_id is not None and open_id in tokens:
            return tokens[open_id]
        if open_id is None and len(tokens) == 1:
            return next(iter(tokens.values()))
        known = ", ".join(tokens) or "none"
        if open_id is None and tokens:
            raise SourceError(f"expected one account, found {known}; choose with --account OPEN_ID")
        wanted = f"account {open_id}" if open_id else "an account that is logged in"
        raise SourceError(f"expected {wanted}, found {known}; {_LOGIN}")

    def save(self, token: Token) -> None:
        """Puts the token in place of the account's old one; others stay. Call it in ``locked``."""
        tokens = self.read() | {token.open_id: token}
        self._replace({open_id: asdict(each) for open_id, each in tokens.items()})

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds off every other command that changes the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def read(self) -> dict[str, Token]:
        """Every account's token by open id; empty without a file. Raises: SourceError."""
        if not self.path.exists():
            return {}
        mode = self.path.stat().st_mode & 0o777
        if mode & 0o077:
            raise SourceError(
                f"expected {self.path} to be readable by its owner only (0600), found {mode:04o}; "
                f"run: chmod 600 {self.path}"
            )
        try:
            accounts = json.loads(self.path.read_bytes())["accounts"]
            return {open_id: Token(**fields) for open_id, fields in accounts.items()}
        except (ValueError, TypeError, KeyError, AttributeError):
            raise SourceError(
                f"expected the tokens that a login wrote in {self.path}, found something else; "
                "delete the file and log in again"
            ) from None

    def _replace(self, accounts: dict[str, Any]) -> None:
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"accounts": accounts}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)
