"""``ingest`` and who is who: identifiers in files of any kind link accounts to persons."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from data.readers import open_dump
from nlp.analyzer import Analyzer
from profiles.persons import resolve_if_stale
from profiles.store.duckdb_store import DuckDBStore
from serving.cli import main
from serving.errors import UsageError
from serving.ingest import IngestSummary, ingest

PHONE = "139 0000 0001"
FILES = {
    "users": f"user_id,platform,性别,手机号\nu1,xhs,女,{PHONE}\nu2,xhs,男,139****0001\n",
    "events": f"user_id,platform,event,time,手机号,page\nu1,xhs,view,2026-09-01,{PHONE},home\n",
    "orders": f"order_id,user_id,platform,time,amount,手机号\no1,u1,xhs,2026-09-01,5,{PHONE}\n",
    "contents": f"content_id,platform,user_id,title,手机号\nv1,xhs,u1,茶,{PHONE}\n",
}
Ingest = Callable[..., IngestSummary]


def no_analyzer() -> Analyzer:
    raise AssertionError("expected no scoring")


@pytest.fixture
def load(store: DuckDBStore, tmp_path: Path) -> Ingest:
    def run(kind: str, text: str, **options: object) -> IngestSummary:
        path = tmp_path / f"{kind}.csv"
        path.write_text(text, "utf-8")
        given = {"run": "r", "analyzer": no_analyzer} | options
        return ingest(kind, [open_dump(path, format="table")], store, **given)  # type: ignore[arg-type]

    return run


def person_of(store: DuckDBStore, identifier: str) -> str:
    with store.transaction():
        resolve_if_stale(store, "resolve")
    key = store.identifier_key(identifier)
    found = store.read("SELECT person_id FROM person_identifiers WHERE key = $key", {"key": key})
    return str(found["person_id"][0].as_py())


@pytest.mark.parametrize("kind", list(FILES))
def test_identifiers_in_a_file_of_any_kind_link_its_account(
    kind: str, load: Ingest, store: DuckDBStore
) -> None:
    first = load(kind, FILES[kind])
    assert first.rejected == 0 and dict(first.invalid) == ({"phone": 1} if kind == "users" else {})
    assert person_of(store, "phone:13900000001") == person_of(store, "platform_uid:xhs:u1")
    assert load(kind, FILES[kind]).inserted == 0


def test_identifiers_become_no_properties_of_events(load: Ingest, store: DuckDBStore) -> None:
    load("events", FILES["events"])
    properties = store.read("SELECT properties FROM events")["properties"][0].as_py()
    assert json.loads(properties) == {"page": "home"}


def test_accounts_are_written_alike_in_users_and_identifiers(
    load: Ingest, store: DuckDBStore
) -> None:
    load("users", 'user_id,platform\n"=""0012""",抖音\n')
    load("identifiers", f'user_id,platform,phone\n"=""0012""",抖音,{PHONE}\n')
    account = store.read("SELECT user_id FROM users")["user_id"][0].as_py()
    assert account == store.identifier_key("platform_uid:douyin:0012")
    person = person_of(store, "phone:13900000001")
    assert person == person_of(store, "platform_uid:douyin:0012")


def test_account_whose_digits_a_spreadsheet_lost_links_nobody(
    load: Ingest, store: DuckDBStore
) -> None:
    load("identifiers", f"user_id,phone\n1.2E+18,{PHONE}\n1.2E+18,13900000002\n")
    assert person_of(store, "phone:13900000001") != person_of(store, "phone:13900000002")


def test_constant_fills_the_numbering_of_identifiers(load: Ingest, store: DuckDBStore) -> None:
    text = f"user_id,platform,phone\n7,,{PHONE}\n"
    load("identifiers", text, constants={"platform": "shop"})
    assert person_of(store, "platform_uid:shop:7") == person_of(store, "phone:13900000001")
    with pytest.raises(UsageError, match="expected one of platform, app_id, open_platform"):
        load("identifiers", text, constants={"gender": "male"})


def test_rows_without_an_identifier_are_rejects(load: Ingest) -> None:
    kept: list[str] = []
    result = load(
        "identifiers",
        f"phone,email\n{PHONE},\n139****0001,-\n",
        rejects=lambda rows: kept.extend(f"{row.line} {row.key}" for row in rows),
    )
    assert (result.inserted, result.rejected, dict(result.invalid)) == (1, 1, {"phone": 1})
    assert kept == ["3 no_identifier"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINGFENG_MODEL", "fake")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tingfeng", *arguments])
        with pytest.raises(SystemExit) as stop:
            main.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


def test_command_loads_identifiers_and_the_audit_counts_them(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    text = f"user_id,platform,phone\na,douyin,{PHONE}\nb,shop,+86 13900000001\n"
    (tmp_path / "crm.csv").write_text(text, "utf-8")
    code, _, err = run("ingest", "identifiers", "crm.csv")
    assert code == 0 and "2 rows in = 2 new" in err
    code, out, _ = run("identity", "audit", "--json")
    assert code == 0 and json.loads(out)["persons"] == 1


@pytest.mark.parametrize("option", [["--preview"], ["--source", "own.yaml"]])
def test_identifiers_take_no_preview_and_no_source(option: list[str], run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "crm.csv").write_text(f"phone\n{PHONE}\n", "utf-8")
    code, _, err = run("ingest", "identifiers", "crm.csv", *option)
    assert code == 2 and f"{option[0]}: expected one of comments" in err
    assert [path.name for path in tmp_path.iterdir()] == ["crm.csv"]
