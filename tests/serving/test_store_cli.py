"""``tingfeng store``, ``forget`` and ``consent`` as a user types them: answers and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from profiles.store.duckdb_store import DuckDBStore
from serving.cli.main import main

ORDERS = "order_id,platform,user_id,time,amount_cny\n1,jd,u1,2026-05-01,10\n2,jd,u2,2026-05-02,5\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Path:
    """A home whose store holds two orders."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TINGFENG_STORE", raising=False)
    (tmp_path / "orders.csv").write_text(ORDERS, "utf-8")
    assert run("ingest", "orders", "orders.csv") == 0
    capsys.readouterr()
    return tmp_path / "home"


def run(*words: str) -> int:
    """The exit code of ``tingfeng WORDS``."""
    sys.argv = ["tingfeng", *words]
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def store_of(home: Path) -> DuckDBStore:
    return DuckDBStore(home / "tingfeng.duckdb", key=bytes.fromhex(key_text(home)))


def key_text(home: Path) -> str:
    return (home / "identity.key").read_text("ascii").strip()


def test_store_check_of_a_sound_store_is_0_and_of_a_broken_one_1(home: Path, capsys: Any) -> None:
    assert run("store", "check", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] and found["engine"] == "duckdb" and found["schema_version"] == 3
    assert all(check["violations"] == 0 for check in found["checks"])
    with store_of(home) as store:
        store.execute("INSERT INTO orders SELECT * FROM orders WHERE order_id = '1'")
    assert run("store", "check", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    broken = {check["name"]: check["violations"] for check in found["checks"] if not check["ok"]}
    assert not found["ok"] and broken == {"unique orders": 1}
    assert run("store", "check") == 1
    assert "unique orders: 1 violation(s)" in capsys.readouterr().out


def test_store_info_counts_every_table(home: Path, capsys: Any) -> None:
    del home
    assert run("store", "info", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tables"]["orders"] == 2 and found["tables"]["persons"] == 0
    assert found["last_refresh_as_of"] is None


def test_forget_proves_it_and_a_later_load_does_not_bring_them_back(
    home: Path, capsys: Any
) -> None:
    del home
    assert run("refresh", "--as-of", "2026-06-01") == 0
    capsys.readouterr()
    assert run("forget", "u1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["complete"] and found["tombstones"] == 1
    assert found["tables"]["orders"] == {"before": 1, "after": 0, "edited": 0}
    assert {"persons", "profiles", "profile_history"} <= set(found["tables"])
    assert run("ingest", "orders", "orders.csv") == 0
    assert "1 rows of forgotten persons left out" in capsys.readouterr().err
    assert run("profile", "u1") == 1
    assert run("store", "check") == 0
    assert run("ingest", "orders", "orders.csv", "--allow-return") == 0
    assert "1 new" in capsys.readouterr().err
    assert run("forget", "u1") == 0
    assert run("forget", "u1") == 1
    assert "expected one person for 'u1', found 0" in capsys.readouterr().err


def test_consent_is_given_shown_counted_and_withdrawn(
    home: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    assert run("consent", "give", "u1", "--purpose", "ads", "--at", "2026-05-01") == 0
    capsys.readouterr()
    assert run("consent", "show", "u1", "--json") == 0
    (consent,) = json.loads(capsys.readouterr().out)["consents"]
    assert (consent["purpose"], consent["basis"]) == ("ads", "consent")
    assert run("consent", "count", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"min_group": 10, "purposes": []}
    monkeypatch.setenv("TINGFENG_MIN_GROUP", "1")
    assert run("consent", "count", "--json") == 0
    assert json.loads(capsys.readouterr().out)["purposes"] == [{"purpose": "ads", "n_persons": 1}]
    assert run("consent", "withdraw", "u1", "--purpose", "ads") == 0
    assert run("consent", "withdraw", "u1", "--purpose", "ads") == 1
    assert "expected a consent to 'ads' in force" in capsys.readouterr().err


def test_store_in_use_by_another_process_is_one_line_and_1(home: Path) -> None:
    command = [sys.executable, "-m", "serving.cli.main", "store", "info"]
    with store_of(home):
        second = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            env={"TINGFENG_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])},
        )
    assert second.returncode == 1
    assert "in use by process" in second.stderr and len(second.stderr.splitlines()) == 1
