"""``tingfeng fetch douyin``: the way of a user, exit codes, and no secret in what it prints."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from data.readers import open_dump
from serving.cli import main
from tests.serving.fake_douyin import KEY, SECRET, Platform, comment, item, start


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]
NEVER_SHOWN = (SECRET, "act.1", "rft.1", "code1")


@pytest.fixture
def platform() -> Iterator[Platform]:
    known = Platform(
        comments={"@v1": [comment(n) for n in range(30)]},
        items=[item(1)],
        fans={"all_fans_num": 200, "gender_distributions": [{"item": "1", "value": 3}]},
    )
    server = start(known)
    yield known
    server.shutdown()
    server.server_close()


@pytest.fixture
def command(
    tmp_path: Path,
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Runs ``tingfeng`` in this process; whatever it prints holds no secret."""
    for name in [n for n in os.environ if n.startswith("TINGFENG_")]:
        monkeypatch.delenv(name)
    values = {"BASE_URL": platform.base_url, "CLIENT_KEY": KEY, "CLIENT_SECRET": SECRET}
    for name, value in (values | {"REQUESTS_PER_S": "1000", "ATTEMPTS": "2"}).items():
        monkeypatch.setenv(f"TINGFENG_DOUYIN_{name}", value)
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["tingfeng", "fetch", "douyin", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.main()
        captured = capsys.readouterr()
        assert not [s for s in NEVER_SHOWN if s in captured.out + captured.err]
        return Result(int(ended.value.code or 0), captured.out, captured.err)

    return run


def test_way_of_a_user_ends_with_dumps_that_are_read(command: Command, platform: Platform) -> None:
    page = command("authorize", "--redirect-uri", "https://example.com/back")
    assert "client_key=key1" in page.out and "state=" in page.err
    assert "account account1" in command("login", "--code", "code1").err
    shown = command("status", "--check")
    assert "account1\taccess until" in shown.out and "accepted" in shown.out
    done = command("comments", "--item", "@v1", "--out", "c.jsonl")
    assert (done.code, done.out) == (0, "c.jsonl\n") and "30 rows" in done.err
    assert command("items", "--out", "i.jsonl").code == 0
    assert command("fans", "--out", "f.jsonl").code == 0
    formats = [open_dump(f"{name}.jsonl").format for name in "cif"]
    names = ("comments", "items", "fans")
    assert formats == [f"douyin-open-platform-{name}" for name in names]
    assert platform.paths.count("/oauth/access_token/") == 1


def test_fetch_that_fails_goes_on_with_the_same_command(
    command: Command, platform: Platform
) -> None:
    command("login", "--code", "code1")
    platform.faults = {3: ("code", 2190001)}
    failed = command("comments", "--item", "@v1", "--out", "c.jsonl")
    assert failed.code == 1 and not failed.out
    assert failed.err.splitlines()[-1].startswith("error: /item/comment/list/: expected a result")
    done = command("comments", "--item", "@v1", "--out", "c.jsonl")
    assert done.code == 0 and "30 rows, 20 of them from an earlier run" in done.err


def test_item_that_is_gone_gives_the_rest_and_exit_code_1(command: Command) -> None:
    command("login", "--code", "code1")
    done = command("comments", "--item", "@gone", "--item", "@v1", "--out", "c.jsonl")
    assert done.code == 1 and "not whole: item @gone" in done.err
    assert open_dump("c.jsonl").rows == 30


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("BASE_URL", "TINGFENG_DOUYIN_BASE_URL"),
        ("CLIENT_KEY", "TINGFENG_DOUYIN_CLIENT_KEY"),
        ("CLIENT_SECRET", "TINGFENG_DOUYIN_CLIENT_SECRET"),
    ],
)
def test_setting_that_lacks_is_named(
    name: str, message: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(f"TINGFENG_DOUYIN_{name}")
    result = command("login", "--code", "code1")
    (line,) = result.err.splitlines()
    assert result.code == 2 and message in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["comments", "--out", "c.jsonl"],
        ["comments", "--item", "@v1", "--out", "c.csv"],
        ["comments", "--item", "@v1", "--out", "none/c.jsonl"],
        ["comments", "--item", "@v1", "--out", "c.jsonl", "--param", "x"],
        ["items", "--out", "i.xlsx"],
    ],
)
def test_wrong_usage_is_one_line_and_2(arguments: list[str], command: Command) -> None:
    result = command(*arguments)
    (line,) = result.err.splitlines()
    assert result.code == 2 and line.startswith("error: ") and not result.out


def test_fetch_before_a_login_says_so(command: Command) -> None:
    result = command("comments", "--item", "@v1", "--out", "c.jsonl")
    assert result.code == 1 and "log in with: tingfeng fetch douyin login" in result.err


def test_code_is_read_from_standard_input(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("code1\n"))
    assert command("login", "--code", "-").code == 0


def test_secret_in_a_wrong_settings_file_is_not_shown(command: Command, tmp_path: Path) -> None:
    (tmp_path / "tingfeng.toml").write_text(f'douyin_client_secert = "{SECRET}"\n')
    result = command("status")
    assert result.code == 1 and "douyin_client_secert" in result.err
