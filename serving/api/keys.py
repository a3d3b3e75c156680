"""The keys of the service: made, listed, revoked and rotated in one file under the home folder.

A key is ``tf_<id>_<secret>``. Only the id and a keyed hash of the secret are kept; the key of that
hash (the pepper) lies in a file of its own, so that a copied list is of no use. The secret has 256
random bits, for which one HMAC is enough. Once a key was made the service never is without keys
again, even when all are revoked.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from serving.api.private_files import locked, write_private
from serving.errors import ServingError, UsageError

DEFAULT_TENANT: Final = "default"  # of keys of whoever runs the service
SCOPES: Final = ("analyze", "profiles", "alerts", "admin")
KEYS_FILE: Final = "api_keys.json"
PEPPER_FILE: Final = "api.pepper"
PREFIX: Final = "tf"
PEPPER_BYTES: Final = 32
_NO_HASH: Final = "0" * 64  # compared with where no such id is known, so that it takes as long


@dataclass(frozen=True, kw_only=True)
class KeyRecord:
    """A key as it is kept. Moments are ISO 8601 in UTC; limits that are None are the default."""

    id: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    hash: str
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None
    requests_per_min: int | None = None
    texts_per_day: int | None = None

    def state(self, now: datetime) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None and datetime.fromisoformat(self.revoked_at) <= now:
            return "revoked"
        if self.expires_at is not None and datetime.fromisoformat(self.expires_at) <= now:
            return "expired"
        return "active"

    def shown(self, now: datetime) -> dict[str, object]:
        """The record without its hash."""
        values = asdict(self) | {"scopes": list(self.scopes), "state": self.state(now)}
        del values["hash"]
        return values


class KeyFile:
    """The keys under a home folder; changes by other processes are seen by the next look."""

    def __init__(self, home: Path) -> None:
        self.path = home / KEYS_FILE
        self._pepper_path = home / PEPPER_FILE
        self._stamp: tuple[int, int] | None = None
        self._records: dict[str, KeyRecord] = {}
        self._pepper: bytes | None = None

    def exists(self) -> bool:
        """Whether a key was ever made here."""
        return bool(self._records) or self.path.exists()

    def records(self) -> list[KeyRecord]:
        """Every key, oldest first.

        Raises:
            ServingError: the file cannot be read.
        """
        self._load()
        return list(self._records.values())

    def create(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        tenant: str = DEFAULT_TENANT,
        lifetime: timedelta | None = None,
        requests_per_min: int | None = None,
        texts_per_day: int | None = None,
    ) -> tuple[KeyRecord, str]:
        """Makes a key; the second of the pair is the key itself, which cannot be read back."""
        check_scopes(scopes)
        now = datetime.now(UTC)
        draft = KeyRecord(
            id="",
            name=name,
            tenant=tenant,
            scopes=tuple(s for s in SCOPES if s in scopes),
            hash="",
            created_at=_iso(now),
            expires_at=_iso(now + lifetime) if lifetime else None,
            requests_per_min=requests_per_min,
            texts_per_day=texts_per_day,
        )
        with locked(self.path):
            return self._add(draft)

    def revoke(self, key_id: str) -> KeyRecord:
        """Ends a key now."""
        with locked(self.path):
            revoked = replace(self._get(key_id), revoked_at=_iso(datetime.now(UTC)))
            self._records[key_id] = revoked
            self._save()
        return revoked

    def rotate(self, key_id: str, *, grace: timedelta) -> tuple[KeyRecord, str]:
        """Makes a successor with the same rights; the old key ends after ``grace``."""
        now = datetime.now(UTC)
        with locked(self.path):
            old = self._get(key_id)
            if old.state(now) != "active":
                raise ServingError(
                    f"expected an active key, found {key_id} {old.state(now)}; make a new one"
                )
            lifetime = None
            if old.expires_at is not None:
                made, ends = (datetime.fromisoformat(t) for t in (old.created_at, old.expires_at))
                lifetime = ends - made
            self._records[key_id] = replace(old, revoked_at=_iso(now + grace))
            expires_at = _iso(now + lifetime) if lifetime else None
            return self._add(replace(old, created_at=_iso(now), expires_at=expires_at))

    def find(self, token: bytes) -> KeyRecord | None:
        """The record of a key, whatever its state; None when it is no key of ours."""
        self._load()
        prefix, _, rest = token.partition(b"_")
        key_id, _, secret = rest.partition(b"_")
        record = self._records.get(key_id.decode("ascii", "replace"))
        expected = record.hash if record else _NO_HASH
        same = hmac.compare_digest(self._hash(secret).encode(), expected.encode())
        return record if same and prefix == PREFIX.encode() else None

    def get(self, key_id: str) -> KeyRecord | None:
        """The record of an id, whatever its state."""
        self._load()
        return self._records.get(key_id)

    def sign(self, said: bytes) -> str:
        """A signature that only this installation can make; for what it hands out and takes back.

        ``said`` begins with its purpose and a zero byte, which no secret of a key holds.
        """
        return hmac.new(self._secret(), said, hashlib.sha256).hexdigest()

    def _add(self, draft: KeyRecord) -> tuple[KeyRecord, str]:
        self._load()
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        record = replace(draft, id=key_id, hash=self._hash(secret.encode()), revoked_at=None)
        self._records[key_id] = record
        self._save()
        return record, f"{PREFIX}_{key_id}_{secret}"

    def _get(self, key_id: str) -> KeyRecord:
        self._load()
        if key_id not in self._records:
            raise ServingError(f"expected the id of a key, found {key_id!r}; see tingfeng key list")
        return self._records[key_id]

    def _load(self) -> None:
        """Reads the file again where it has changed; one that is gone leaves no key valid."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._records = {
                i: replace(r, revoked_at=r.created_at) for i, r in self._records.items()
            }
            return
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp == self._stamp:
            return
        try:
            rows = json.loads(self.path.read_bytes())["keys"]
            self._records = {r["id"]: KeyRecord(**r | {"scopes": tuple(r["scopes"])}) for r in rows}
        except (ValueError, KeyError, TypeError) as error:
            raise ServingError(
                f"expected the list of keys in {self.path}, found {type(error).__name__}; "
                "restore it from your backup"
            ) from error
        self._stamp = stamp

    def _save(self) -> None:
        rows = [asdict(record) for record in self._records.values()]
        write_private(self.path, json.dumps({"keys": rows}, indent=1).encode())
        self._stamp = None

    def _hash(self, secret: bytes) -> str:
        return hmac.new(self._secret(), secret, hashlib.sha256).hexdigest()

    def _secret(self) -> bytes:
        if self._pepper is None:
            self._pepper = _load_or_create_pepper(self._pepper_path)
        return self._pepper


def check_scopes(scopes: Sequence[str]) -> None:
    """Raises UsageError when there is no scope, or one that is unknown."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        found = ", ".join(map(repr, unknown)) or "none"
        raise UsageError(
            f"--scope: expected some of {', '.join(SCOPES)}, found {found}; correct it"
        )


def _load_or_create_pepper(path: Path) -> bytes:
    if not path.exists():
        write_private(path, secrets.token_hex(PEPPER_BYTES).encode() + b"\n", replace=False)
    if path.stat().st_mode & 0o077:
        raise ServingError(f"expected {path} to be its owner's only; run: chmod 600 {path}")
    try:
        pepper = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        pepper = b""
    if len(pepper) != PEPPER_BYTES:
        raise ServingError(
            f"expected {2 * PEPPER_BYTES} hexadecimal digits in {path}, found something else; "
            "restore it from your backup, or remove it together with the keys"
        )
    return pepper


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
