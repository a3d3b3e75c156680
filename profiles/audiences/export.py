"""An audience as the files an ad platform takes: normalise, hash, split, and a manifest of it all.

Identifiers come from the brand's own list, never from the store, which holds none in the clear.
Only members with a valid identifier and a stated consent are written; all others are counted. The
same audience gives the same bytes, and the same ``outer_audience_id``.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import yaml

from profiles.audiences.hashing import HASH, NORMALISE
from profiles.errors import ProfilesError

MANIFEST: Final = "manifest.json"
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the same bytes on any day


@dataclass(frozen=True, kw_only=True)
class Platform:
    """How one platform wants its lists; see ``platforms.yaml``."""

    key: str
    name: str
    identifier: str
    normalise: str
    hash: str
    upload_type: str
    zip: bool
    max_rows: int
    name_bytes: int | None = None
    name_characters: int | None = None
    header: str | None = None


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One identifier of a person, as the brand has it, with what the person agreed to."""

    person_id: str
    type: str
    value: str
    consent: str | None


@dataclass(frozen=True, kw_only=True)
class ExportedFile:
    """One file of the list; ``sha256`` of its bytes."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What was written and who was left out, in persons except for ``rows``."""

    audience: str
    version: int
    platform: str
    upload_type: str
    outer_audience_id: str
    members: int
    held_out: int
    without_identifier: int
    without_consent: int
    invalid: int
    persons: int
    rows: int
    consent: dict[str, int]
    files: list[ExportedFile]


@cache
def platforms() -> dict[str, Platform]:
    """Every platform by its key."""
    text = (resources.files("profiles.audiences") / "platforms.yaml").read_text(encoding="utf-8")
    return {key: Platform(key=key, **value) for key, value in yaml.safe_load(text).items()}


def platform(key: str) -> Platform:
    """The platform of that key.

    Raises:
        ProfilesError: there is no such platform.
    """
    if key not in platforms():
        raise ProfilesError(f"--platform: expected one of {', '.join(platforms())}, found {key}")
    return platforms()[key]


def export_audience(
    *,
    audience: str,
    version: int,
    members: Set[str],
    held_out: Set[str],
    contacts: Iterable[Contact],
    to: Platform,
    folder: Path,
) -> Manifest:
    """Writes the files and the manifest; ``held_out`` members are left out.

    Memory: the members and one hash for each of them.

    Raises:
        ProfilesError: the name is too long for the platform.
    """
    check_name(audience, to)
    wanted = members - held_out
    state: dict[str, str] = dict.fromkeys(wanted, "without_identifier")
    hashes: set[str] = set()
    consent: Counter[str] = Counter()
    for contact in contacts:
        if contact.type != to.identifier or contact.person_id not in wanted:
            continue
        before = state[contact.person_id]
        value = NORMALISE[to.normalise](contact.value)
        now = "invalid" if value is None else "persons" if contact.consent else "without_consent"
        if value is not None and contact.consent:
            hashes.add(HASH[to.hash](value))
            consent[contact.consent] += before != "persons"
        state[contact.person_id] = "persons" if before == "persons" else now
    count = Counter(state.values())
    folder.mkdir(parents=True, exist_ok=True)
    files = list(_write(sorted(hashes), to, folder, audience))
    manifest = Manifest(
        audience=audience,
        version=version,
        platform=to.key,
        upload_type=to.upload_type,
        outer_audience_id=_outer_id(audience, to, files),
        members=len(members),
        held_out=len(members & held_out),
        without_identifier=count["without_identifier"],
        without_consent=count["without_consent"],
        invalid=count["invalid"],
        persons=count["persons"],
        rows=len(hashes),
        consent=dict(sorted(consent.items())),
        files=files,
    )
    text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1) + "\n"
    _replace(folder / MANIFEST, text.encode())
    return manifest


def check_name(audience: str, to: Platform) -> None:
    """Raises ProfilesError when the platform allows no name of that length."""
    size = len(audience.encode())
    if to.name_bytes and size > to.name_bytes:
        raise ProfilesError(
            f"audience name: expected at most {to.name_bytes} bytes for {to.name}, found {size} "
            f"(a Chinese character takes 3); give --as a shorter one"
        )
    if to.name_characters and len(audience) > to.name_characters:
        raise ProfilesError(
            f"audience name: expected at most {to.name_characters} characters for {to.name}, "
            f"found {len(audience)}; give --as a shorter one"
        )


def _write(lines: list[str], to: Platform, folder: Path, audience: str) -> Iterator[ExportedFile]:
    stem = hashlib.sha256(audience.encode()).hexdigest()[:12]
    for old in folder.glob(f"{stem}-*"):
        old.unlink()
    for number, start in enumerate(range(0, len(lines), to.max_rows), start=1):
        part = lines[start : start + to.max_rows]
        text = "\n".join([to.header, *part] if to.header else part) + "\n"
        name = f"{stem}-{number:03d}." + ("csv" if to.header else "txt")
        data = text.encode()
        if to.zip:
            data, name = _zipped(data, name), name.removesuffix(".txt") + ".zip"
        _replace(folder / name, data)
        yield ExportedFile(name=name, rows=len(part), sha256=hashlib.sha256(data).hexdigest())


def _zipped(data: bytes, name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, date_time=_ZIP_TIME), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _outer_id(audience: str, to: Platform, files: list[ExportedFile]) -> str:
    """What the platform recognises a repeated upload by."""
    parts: list[Any] = [audience, to.key, *(f.sha256 for f in files)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)
