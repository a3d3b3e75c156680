"""The token file: its owner's alone, whole after any kill, never shown."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serving.errors import UsageError
from serving.sources.douyin_tokens import Token, TokenStore, token_from_answer, with_refresh_token
from serving.sources.errors import SourceError, one_line
from serving.sources.http import check_base_url
from serving.sources.pacing import retry_after_s

ANSWER = {
    "open_id": "a",
    "access_token": "act.9",
    "refresh_token": "rft.9",
    "expires_in": "1000",
    "refresh_expires_in": 5000,
    "scope": "item.comment",
}
TOKEN = token_from_answer(ANSWER, client_key="k", now=100.0)


def test_answer_becomes_a_token_with_moments() -> None:
    assert (TOKEN.expires_at, TOKEN.refresh_expires_at) == (1100.0, 5100.0)
    assert not TOKEN.is_due(999.0) and TOKEN.is_due(1000.0)  # a tenth of its life before the end


def test_refresh_keeps_what_it_does_not_repeat() -> None:
    fresh = token_from_answer(
        {"access_token": "act.10", "expires_in": 50}, client_key="k", now=200.0, before=TOKEN
    )
    assert (fresh.refresh_token, fresh.open_id, fresh.scope) == ("rft.9", "a", "item.comment")
    assert (fresh.expires_at, fresh.refresh_expires_at) == (250.0, 5100.0)


@pytest.mark.parametrize("name", ["open_id", "access_token", "refresh_token", "expires_in"])
def test_answer_without_a_field_names_it_and_no_token(name: str) -> None:
    with pytest.raises(SourceError, match=f"expected {name} ") as caught:
        token_from_answer({**ANSWER, name: None}, client_key="k", now=0.0)
    assert "act.9" not in str(caught.value) and "rft.9" not in str(caught.value)


def test_renewal_without_a_new_token_changes_nothing() -> None:
    assert with_refresh_token(TOKEN, {"expires_in": 9}, now=0.0) == TOKEN
    renewed = with_refresh_token(TOKEN, {"refresh_token": "r", "expires_in": "9"}, now=1.0)
    assert (renewed.refresh_token, renewed.refresh_expires_at) == ("r", 10.0)


def test_token_is_not_in_its_representation() -> None:
    assert "act.9" not in repr(TOKEN) and "rft.9" not in repr(TOKEN)


def test_file_is_the_owners_alone_and_keeps_other_accounts(tmp_path: Path) -> None:
    store = TokenStore(tmp_path / "home")
    with store.locked():
        store.save(TOKEN)
        store.save(replace(TOKEN, open_id="b"))
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.load("a") == TOKEN and store.load("b").open_id == "b"
    assert {p.name for p in store.path.parent.iterdir()} == {
        "douyin-tokens.json",
        "douyin-tokens.lock",
    }
    with pytest.raises(SourceError, match="expected one account, found a, b"):
        store.load()


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = TokenStore(tmp_path)
    store.save(TOKEN)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("serving.sources.douyin_tokens.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.save(replace(TOKEN, access_token="act.10"))
    assert store.load() == TOKEN and [p.name for p in tmp_path.iterdir()] == ["douyin-tokens.json"]


def test_lock_holds_off_a_second_change(tmp_path: Path) -> None:
    store, order = TokenStore(tmp_path), []

    def second() -> None:
        with TokenStore(tmp_path).locked():
            order.append("second")

    with store.locked():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (None, None, "expected an account that is logged in, found none"),
        ("{}", 0o600, "delete the file and log in again"),
        ("not json", 0o600, "delete the file and log in again"),
        ('{"accounts": {"a": {"open_id": "a"}}}', 0o600, "delete the file"),
        ('{"accounts": {}}', 0o644, "found 0644; run: chmod 600"),
    ],
)
def test_file_that_cannot_be_used_says_what_to_do(
    tmp_path: Path, content: str | None, mode: int, message: str
) -> None:
    store = TokenStore(tmp_path)
    if content is not None:
        store.path.write_text(content, "utf-8")
        store.path.chmod(mode)
    with pytest.raises(SourceError, match=message):
        store.load()


def test_unknown_account_names_the_known_ones(tmp_path: Path) -> None:
    TokenStore(tmp_path).save(TOKEN)
    with pytest.raises(SourceError, match="expected account x, found a"):
        TokenStore(tmp_path).load("x")


def test_file_is_json_of_accounts(tmp_path: Path) -> None:
    TokenStore(tmp_path).save(TOKEN)
    content: dict[str, Any] = json.loads(TokenStore(tmp_path).path.read_text("utf-8"))
    assert Token(**content["accounts"]["a"]) == TOKEN


@pytest.mark.parametrize(
    "url",
    [None, "", "http://example.com", "ftp://example.com", "https://", "https://u:p4ss@example.com"],
)
def test_base_address_that_would_leak_is_refused(url: str | None) -> None:
    with pytest.raises(UsageError, match="TINGFENG_X") as caught:
        check_base_url(url, "TINGFENG_X")
    assert "p4ss" not in str(caught.value)


def test_base_address_keeps_its_path() -> None:
    assert check_base_url("https://example.com/gate/", "X") == "https://example.com/gate"
    assert check_base_url("http://127.0.0.1:80", "X") == "http://127.0.0.1:80"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7", 7.0), ("", None), ("soon", None), ("-3", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
def test_retry_after_is_read(text: str, expected: float | None) -> None:
    assert retry_after_s({"retry-after": text}) == expected


def test_foreign_text_is_one_line_without_secrets() -> None:
    assert one_line("a\n act.9\x1b[31m b", ("act.9", "")) == "a ***_[31m b"
