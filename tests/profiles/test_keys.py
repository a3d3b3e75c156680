"""The key file: made once, private, never replaced."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from profiles.errors import KeyFileError
from profiles.keys import KEY_FILE_NAME, load_or_create_key


def test_load_or_create_key_in_a_new_home_makes_a_private_file(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path / "home")
    path = tmp_path / "home" / KEY_FILE_NAME
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == [KEY_FILE_NAME]


def test_load_or_create_key_twice_returns_the_same_key(tmp_path: Path) -> None:
    assert load_or_create_key(tmp_path) == load_or_create_key(tmp_path)


def test_load_or_create_key_from_many_threads_agrees_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_or_create_key(tmp_path), range(32)))
    assert len(keys) == 1


def test_load_or_create_key_readable_by_others_is_refused(tmp_path: Path) -> None:
    load_or_create_key(tmp_path)
    (tmp_path / KEY_FILE_NAME).chmod(0o644)
    with pytest.raises(KeyFileError, match=r"0600.*0644.*chmod 600"):
        load_or_create_key(tmp_path)


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ab" * 31])
def test_load_or_create_key_damaged_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / KEY_FILE_NAME
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="backup"):
        load_or_create_key(tmp_path)
    assert path.read_text() == content
