"""The file of keys, what is counted per key, and ``tingfeng key``."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from serving.api.errors import ApiError
from serving.api.keys import KeyFile
from serving.api.usage import Usage
from serving.cli.main import app
from serving.errors import ServingError, UsageError


def test_key_is_found_again_and_not_kept(keys: KeyFile, tmp_path: Path) -> None:
    record, token = keys.create("爬虫", ["profiles", "analyze"], tenant="t")
    assert KeyFile(tmp_path).find(token.encode()) == record
    assert record.scopes == ("analyze", "profiles")
    kept = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert token.rpartition("_")[2].encode() not in kept


def test_files_are_their_owner_s_only(keys: KeyFile, tmp_path: Path) -> None:
    keys.create("x", ["analyze"])
    for name in ("api_keys.json", "api.pepper"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_another_pepper_makes_keys_void(keys: KeyFile, tmp_path: Path) -> None:
    _, token = keys.create("x", ["analyze"])
    (tmp_path / "api.pepper").unlink()
    assert KeyFile(tmp_path).find(token.encode()) is None


@pytest.mark.parametrize("token", [b"", b"tf", b"tf__", b"\xff_\xff_\xff", b"x" * 1000])
def test_no_key_of_ours_is_none(keys: KeyFile, token: bytes) -> None:
    keys.create("x", ["analyze"])
    assert keys.find(token) is None


@pytest.mark.parametrize("scopes", [[], ["all"], ["analyze", "root"]])
def test_unknown_scope_is_refused(keys: KeyFile, scopes: list[str]) -> None:
    with pytest.raises(UsageError, match="expected some of analyze, profiles, alerts, admin"):
        keys.create("x", scopes)
    assert not keys.exists()


def test_rotated_key_has_the_same_rights_and_the_old_one_ends_after_grace(keys: KeyFile) -> None:
    old, _ = keys.create("x", ["profiles"], tenant="t", texts_per_day=9)
    new, token = keys.rotate(old.id, grace=timedelta(hours=2))
    assert (new.scopes, new.tenant, new.texts_per_day) == (old.scopes, old.tenant, 9)
    assert keys.find(token.encode()) == new
    now = datetime.now(UTC)
    states = {r.id: [r.state(now + timedelta(hours=h)) for h in (0, 3)] for r in keys.records()}
    assert states == {old.id: ["active", "revoked"], new.id: ["active", "active"]}


def test_revoked_key_cannot_be_rotated(keys: KeyFile) -> None:
    record, _ = keys.create("x", ["analyze"])
    keys.revoke(record.id)
    with pytest.raises(ServingError, match="expected an active key"):
        keys.rotate(record.id, grace=timedelta())


def test_damaged_file_is_one_clear_error(keys: KeyFile) -> None:
    keys.path.write_text("{")
    with pytest.raises(ServingError, match="restore it from your backup"):
        keys.records()


def test_calls_fill_up_again_with_time(tmp_path: Path) -> None:
    clock = [0.0]
    usage = Usage(tmp_path, clock=lambda: clock[0])
    for _ in range(2):
        usage.take_call("a", 2)
    with pytest.raises(ApiError) as refused:
        usage.take_call("a", 2)
    assert (refused.value.headers or {})["Retry-After"] == "30"
    usage.take_call("b", 2)
    clock[0] = 30.0
    usage.take_call("a", 2)


def test_quota_survives_a_restart_and_ends_with_the_day(tmp_path: Path) -> None:
    now = [datetime(2026, 9, 28, 23, 59, tzinfo=UTC)]
    usage = Usage(tmp_path, now=lambda: now[0])
    usage.take_texts("a", 8, 10)
    usage.close()
    again = Usage(tmp_path, now=lambda: now[0])
    with pytest.raises(ApiError) as refused:
        again.take_texts("a", 3, 10)
    assert (refused.value.headers or {})["Retry-After"] in ("60", "61")
    again.give_back("a", 1)
    again.take_texts("a", 3, 10)
    now[0] += timedelta(minutes=1)
    again.take_texts("a", 10, 10)
    assert again.texts_today("a") == 10


def run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["key", *arguments])
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout


def test_commands_create_list_rotate_revoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path))
    code, printed = run("create", "crawler", "--scope", "analyze,profiles", "--json")
    made = json.loads(printed)
    assert code == 0 and made["scopes"] == ["analyze", "profiles"] and "hash" not in made
    assert KeyFile(tmp_path).find(made["key"].encode())
    rotated = json.loads(run("rotate", made["id"], "--grace-hours", "0", "--json")[1])
    assert json.loads(run("revoke", rotated["id"], "--json")[1])["state"] == "revoked"
    listed = json.loads(run("list", "--json")[1])["keys"]
    assert [row["state"] for row in listed] == ["revoked", "revoked"]
    assert made["key"] not in run("list")[1]
    with pytest.raises(ServingError, match="expected the id of a key"):
        run("revoke", "nobody")


def test_serve_beyond_this_machine_needs_a_key(tmp_path: Path) -> None:
    import typer

    from serving.cli.serve import _with_hosts
    from serving.settings import Settings

    settings = Settings(home=tmp_path)
    with pytest.raises(typer.BadParameter, match="make a key first"):
        _with_hosts(settings, "0.0.0.0")
    assert _with_hosts(settings, "127.0.0.1").allowed_hosts == "127.0.0.1,localhost,[::1]"
    KeyFile(tmp_path).create("x", ["analyze"])
    assert _with_hosts(settings, "0.0.0.0").allowed_hosts is None
