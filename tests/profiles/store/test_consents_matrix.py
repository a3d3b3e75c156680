"""Consents of ``ingest users`` on DuckDB and PostgreSQL: twice is once, a withdrawal stands."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data.readers import open_dump
from profiles.privacy import consents_of, forget
from profiles.store.base import Store
from serving.ingest import IngestSummary, ingest

both = pytest.mark.parametrize("open_store", ["duckdb", "postgres"], indirect=True)
HEADER = "会员编号,平台,性别,注册时间,授权用途,授权依据,授权时间,撤回时间\n"
NOW = datetime(2026, 9, 1, tzinfo=UTC)
GIVEN = "1,douyin,女,2024-05-01,广告投放；会员服务、广告投放,contract,2026-01-01 08:00,\n"
ENDED = "1,douyin,女,2024-05-01,广告投放,contract,2026-01-01 08:00,2026-03-01 08:00\n"
ALONE = "1,douyin,女,2024-05-01,广告投放,,,2026-03-01 08:00\n"
AGAIN = "1,douyin,女,2024-05-01,广告投放,contract,2026-06-01 08:00,\n"


def no_analyzer() -> Any:
    raise AssertionError("expected no scoring")


def put(store: Store, folder: Path, *rows: str, run: str = "r", **options: Any) -> IngestSummary:
    path = folder / "crm.csv"
    path.write_text(HEADER + "".join(rows), "utf-8")
    rejects: list[Any] = options.pop("rejects", [])
    return ingest(
        "users",
        [open_dump(path, kind="users")],
        store,
        run=run,
        analyzer=no_analyzer,
        rejects=rejects.extend,
        **options,
    )


def told(store: Store, purpose: str = "广告投放") -> tuple[Any, ...]:
    (row,) = [one for one in consents_of(store, "1") if one["purpose"] == purpose]
    return row["basis"], _day(row["given_at"]), _day(row["withdrawn_at"])


def _day(moment: datetime | None) -> str | None:
    return moment and moment.astimezone(UTC).isoformat()[:10]


@both
def test_same_file_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    first = put(store, tmp_path, GIVEN, run="r1")
    before = consents_of(store, "1")
    again = put(store, tmp_path, GIVEN, run="r2")
    assert (first.inserted, first.consents, again.unchanged, again.consents) == (1, 2, 1, 0)
    assert [one["purpose"] for one in before] == ["会员服务", "广告投放"]
    assert told(store) == ("contract", "2026-01-01", None)
    assert consents_of(store, "1") == before and {one["run_id"] for one in before} == {"r1"}


@both
def test_older_row_undoes_no_withdrawal_and_a_later_consent_counts(
    store: Store, tmp_path: Path
) -> None:
    ended = ("contract", "2026-01-01", "2026-03-01")
    for row in (GIVEN, ENDED, GIVEN):
        put(store, tmp_path, row)
    assert told(store) == ended
    put(store, tmp_path, AGAIN)
    assert told(store) == ("contract", "2026-06-01", None)
    assert put(store, tmp_path, ENDED, GIVEN).consents == 0


@pytest.mark.parametrize("rows", list(itertools.permutations((GIVEN, ALONE, AGAIN))))
def test_files_in_any_order_say_the_same(duckdb_store: Store, tmp_path: Path, rows: Any) -> None:
    for row in rows:
        put(duckdb_store, tmp_path, row)
    assert told(duckdb_store) == ("contract", "2026-06-01", None)


def test_withdrawal_before_any_consent_stands_against_older_ones(
    duckdb_store: Store, tmp_path: Path
) -> None:
    put(duckdb_store, tmp_path, ALONE)
    assert told(duckdb_store) == ("consent", "2026-03-01", "2026-03-01")
    put(duckdb_store, tmp_path, GIVEN)
    assert told(duckdb_store) == ("contract", "2026-01-01", "2026-03-01")


def test_faults_are_rejects_with_reasons(duckdb_store: Store, tmp_path: Path) -> None:
    rejects: list[Any] = []
    rows = (
        "2,douyin,男,2024-05-01,ads,,,\n",
        "3,douyin,男,2024-05-01,,,2026-01-01,\n",
        "4,douyin,男,2024-05-01,ads,,2026-03-01,2026-02-01\n",
        "5,douyin,男,2024-05-01,ads,,soon,\n",
        "6,douyin,男,2024-05-01,,,,\n",
    )
    found = put(duckdb_store, tmp_path, *rows, rejects=rejects)
    assert (found.inserted, found.rejected, found.consents) == (1, 4, 0)
    assert [(one.line, one.key) for one in rejects] == [
        (2, "missing_consent_given_at"),
        (3, "missing_consent_purpose"),
        (4, "consent_ends_before_it_begins"),
        (5, "unreadable_consent_given_at"),
    ]


@both
def test_forgotten_person_gets_no_consent_back(store: Store, tmp_path: Path) -> None:
    put(store, tmp_path, GIVEN)
    assert forget(store, "1", "f", NOW).tables["consents"] == {"before": 2, "after": 0, "edited": 0}
    found = put(store, tmp_path, GIVEN)
    assert (found.forgotten, found.consents, store.count("consents")) == (1, 0, 0)


def test_consents_of_two_accounts_are_those_of_their_person(
    duckdb_store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "u.csv"
    for number, platform, ends in (("1", "douyin", ""), ("2", "xhs", "2026-03-01")):
        path.write_text(
            "user_id,platform,手机号,consent_purpose,consent_at,withdrawn_at\n"
            f"{number},{platform},13900000001,ads,2026-01-01,{ends}\n",
            "utf-8",
        )
        dump = open_dump(path, kind="users")
        ingest("users", [dump], duckdb_store, run="r", analyzer=no_analyzer)
    first, second = consents_of(duckdb_store, "1"), consents_of(duckdb_store, "2")
    assert first == second and len(first) == 1
    assert _day(first[0]["withdrawn_at"]) == "2026-02-28"  # midnight of UTC+8
    assert duckdb_store.count("consents") == 1


def test_moments_without_a_purpose_are_told_and_left_out(
    duckdb_store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "u.csv"
    path.write_text("user_id,授权时间\n1,2026-01-01\n", "utf-8")
    lines: list[str] = []
    for constants in ({}, {"consent_purpose": "ads"}):
        dump = open_dump(path, kind="users", filled=constants)
        found = ingest(
            "users",
            [dump],
            duckdb_store,
            run="r",
            analyzer=no_analyzer,
            constants=constants,
            tell=lines.append,
        )
        assert found.consents == len(constants)
    assert len(lines) == 1 and "--set consent_purpose=" in lines[0]


def test_users_without_consents_have_none(duckdb_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "u.csv"
    path.write_text("user_id,age\n1,20\n", "utf-8")
    dump = open_dump(path, kind="users")
    found = ingest("users", [dump], duckdb_store, run="r", analyzer=no_analyzer)
    assert (found.inserted, found.consents, duckdb_store.count("consents")) == (1, 0, 0)
