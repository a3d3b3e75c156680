"""Exports: the platforms' published hashes, nobody without consent, the same bytes each time."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from profiles.audiences.export import Contact, Manifest, export_audience, platform, platforms
from profiles.audiences.hashing import HASH, NORMALISE
from profiles.errors import ProfilesError

PHONES = {f"p{i}": f"1380000{i:04d}" for i in range(10)}


def exported(folder: Path, **changes: object) -> Manifest:
    contacts = [
        Contact(person_id=p, type="phone", value=v, consent="会员协议") for p, v in PHONES.items()
    ]
    values: dict[str, object] = {
        "audience": "新客",
        "version": 1,
        "members": set(PHONES),
        "held_out": set(),
        "contacts": contacts,
        "to": platform("tencent_phone_md5"),
        "folder": folder,
    }
    return export_audience(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("normalise", "value", "digest"),
    [
        ("uuid_upper", "ff1999cd-7177-4937-a474-74937a102630", "2c010ed96aef2fc34983e1e7e9176b7e"),
        ("lower", "A000002C9060F7", "f2d5a650733ca8c27d502b1c08da14e5"),
        ("mac", "02:00:00:00:00:00", "e3f5536a141811db40efd6400f1d0a4e"),
    ],
)
def test_the_published_vectors(normalise: str, value: str, digest: str) -> None:
    spelled = NORMALISE[normalise](value)
    assert spelled is not None and HASH["md5"](spelled) == digest


@pytest.mark.parametrize(
    "value", ["13800001234", "+86 138-0000-1234", "008613800001234", " 8613800001234"]
)
def test_phones_of_any_spelling_are_one_phone(value: str) -> None:
    assert NORMALISE["phone_cn"](value) == "13800001234"
    assert NORMALISE["phone_e164_cn"](value) == "+8613800001234"


@pytest.mark.parametrize("value", ["", "12345", "23800001234", "138000012345", "abc"])
def test_what_is_no_phone_is_left_out(value: str) -> None:
    assert NORMALISE["phone_cn"](value) is None


def test_every_member_is_counted_once(tmp_path: Path) -> None:
    contacts = [
        Contact(person_id="p0", type="phone", value=PHONES["p0"], consent="会员协议"),
        Contact(person_id="p0", type="phone", value="bad", consent="会员协议"),
        Contact(person_id="p1", type="phone", value=PHONES["p1"], consent=None),
        Contact(person_id="p2", type="phone", value="bad", consent="会员协议"),
        Contact(person_id="p3", type="idfa", value="x", consent="会员协议"),
        Contact(person_id="other", type="phone", value="13900000000", consent="会员协议"),
    ]
    members = {"p0", "p1", "p2", "p3", "p4"}
    m = exported(tmp_path, members=members, held_out={"p4"}, contacts=contacts)
    assert (m.members, m.held_out, m.persons, m.rows) == (5, 1, 1, 1)
    assert (m.without_identifier, m.without_consent, m.invalid) == (1, 1, 1)
    assert m.consent == {"会员协议": 1}
    assert (
        m.members == m.held_out + m.persons + m.without_identifier + m.without_consent + m.invalid
    )


def test_files_hold_the_hashes_and_nothing_in_the_clear(tmp_path: Path) -> None:
    manifest = exported(tmp_path)
    name = manifest.files[0].name
    with zipfile.ZipFile(tmp_path / name) as archive:
        lines = archive.read(archive.namelist()[0]).decode().split()
    assert sorted(HASH["md5"](v) for v in PHONES.values()) == lines
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(phone.encode() in everything for phone in PHONES.values())
    assert json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["rows"] == 10


def test_exporting_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = exported(tmp_path / "a")
    second = exported(tmp_path / "b")
    assert first == second
    one, other = ({p.name: p.read_bytes() for p in (tmp_path / d).iterdir()} for d in "ab")
    assert one == other


def test_long_lists_are_split_and_old_parts_go(tmp_path: Path) -> None:
    from dataclasses import replace

    small = replace(platform("tencent_phone_md5"), max_rows=4)
    assert [f.rows for f in exported(tmp_path, to=small).files] == [4, 4, 2]
    assert len(exported(tmp_path).files) == 1
    assert len(list(tmp_path.glob("*.zip"))) == 1


def test_a_name_too_long_for_the_platform_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfilesError, match="at most 32 bytes"):
        exported(tmp_path, audience="一个特别特别长的人群包名称")
    assert not list(tmp_path.iterdir())


def test_every_platform_names_known_steps() -> None:
    assert platforms()
    for p in platforms().values():
        assert p.normalise in NORMALISE and p.hash in HASH and p.max_rows > 0


def test_an_unknown_platform_is_refused() -> None:
    with pytest.raises(ProfilesError, match="expected one of tencent_phone_md5"):
        platform("wechat")
