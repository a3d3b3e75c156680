"""``tingfeng funnel``, ``retention``, ``paths``, ``campaign``, ``baseline`` as commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.cli.main import main

Run = Callable[..., tuple[int, str, str]]

EVENTS = """person_id,event,time,channel
007,view,0,ad
007,cart,10,ad
7,view,2026-09-01T10:00:00+08:00,web
7,cart,2026-09-01 10:05,web
7,pay,2026-09-01T02:06:00Z,web
8,view,0,ad
,view,1,
9,view,nonsense,
"""
SPEC = {"steps": [{"event": "view"}, {"event": "cart"}, {"event": "pay"}], "window_s": 86400}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TINGFENG_MODEL", "fake")
    monkeypatch.delenv("TINGFENG_STORE", raising=False)
    (tmp_path / "e.csv").write_text(EVENTS, "utf-8")
    (tmp_path / "s.json").write_text(json.dumps(SPEC), "utf-8")

    def go(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tingfeng", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return go


def asked(run: Run, *arguments: str) -> Any:
    code, out, err = run(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_funnel_answers_as_the_contract_says(run: Run) -> None:
    found = asked(run, "funnel", "--spec", "s.json", "--events", "e.csv")
    assert [(step["event"], step["persons"]) for step in found["steps"]] == [
        ("view", 3),
        ("cart", 2),
        ("pay", 1),
    ]
    names = {"conversion_from_first", "conversion_from_previous", "mean_s", "median_s"}
    assert all(names <= set(step) for step in found["steps"])
    assert [step["mean_s"] for step in found["steps"]] == [None, 155, 60]
    assert [one["persons"] for one in found["dropped"]] == [1, 1]
    assert found["events"] == {"rows_in": 8, "rejected": 2}


def test_full_contract_spec_is_taken(run: Run, tmp_path: Path) -> None:
    spec = {
        **SPEC,
        "order": "strict",
        "step_windows_s": [None, 3600, None],
        "exclusions": [{"event": "refund", "after_step": 1, "before_step": 2}],
        "breakdown": "channel",
        "hold_constant": None,
    }
    (tmp_path / "full.json").write_text(json.dumps(spec), "utf-8")
    found = asked(run, "funnel", "--spec", "full.json", "--events", "e.csv", "--trend", "week")
    assert [step["persons"] for step in found["steps"]] == [3, 2, 1]
    assert {one["value"]: one["steps"][0]["persons"] for one in found["breakdown"]} == {
        "ad": 2,
        "web": 1,
    }
    assert [one["entered"] for one in found["trend"]] == [2, 1]


def test_actors_and_dropped_are_the_persons_of_the_counts(run: Run, tmp_path: Path) -> None:
    question = ("funnel", "--spec", "s.json", "--events", "e.csv")
    assert run(*question, "--actors", "2", "--out", "a.csv")[0] == 0
    assert run(*question, "--dropped", "2", "--out", "d.jsonl")[0] == 0
    lines = (tmp_path / "a.csv").read_text("utf-8-sig").splitlines()
    assert [line.split(",")[0].strip('"') for line in lines[1:]] == ["007", "7"]
    assert json.loads((tmp_path / "d.jsonl").read_text("utf-8"))["person_id"] == "8"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--spec", "no.json", "--events", "e.csv"), 2, "--spec: expected a JSON file"),
        (("--spec", "e.csv", "--events", "e.csv"), 2, "expected JSON in e.csv"),
        (("--spec", "bad.json", "--events", "e.csv"), 2, "steps: expected a list"),
        (("--spec", "s.json", "--events", "no.csv"), 1, "expected a file at no.csv, found none"),
        (("--spec", "s.json", "--events", "s.json"), 1, "found no person_id"),
        (("--spec", "s.json"), 1, "found none yet"),
        (("--spec", "s.json", "--events", "e.csv", "--actors", "9"), 2, "a step from 1 to 3"),
        (("--spec", "s.json", "--events", "e.csv", "--actors", "1"), 2, "together with --out"),
        (("--spec", "s.json", "--events", "e.csv", "--trend", "year"), 2, "day or week"),
        (("--spec", "field.json", "--events", "e.csv"), 2, "--profiles FILE"),
        (("--spec", "no-field.json", "--events", "e.csv"), 1, "expected the property 'colour'"),
    ],
)
def test_wrong_use_is_one_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    (tmp_path / "bad.json").write_text('{"steps": []}', "utf-8")
    field = {**SPEC, "breakdown": {"profile": "region"}}
    (tmp_path / "field.json").write_text(json.dumps(field), "utf-8")
    (tmp_path / "no-field.json").write_text(json.dumps({**SPEC, "breakdown": "colour"}), "utf-8")
    found, out, err = run("funnel", *arguments, "--json")
    assert (found, out) == (code, "") and words in err and len(err.strip().splitlines()) == 1


def test_stored_events_merged_accounts_and_profiles(run: Run, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(
        "user_id,platform,event,time,page\na,shop,view,2026-09-01T10:00:00Z,x\n"
        "b,shop,cart,2026-09-01T10:01:00Z,y\nc,shop,view,2026-09-01T10:00:00Z,x\n",
        "utf-8",
    )
    (tmp_path / "users.csv").write_text("user_id,platform,region\na,shop,浙江\n", "utf-8")
    (tmp_path / "ids.csv").write_text(
        "user_id,platform,phone\na,shop,13900000001\nb,shop,13900000001\n", "utf-8"
    )
    assert run("ingest", "events", "events.csv")[0] == 0
    spec = {"steps": [{"event": "view", "where": {"page": "x"}}, "cart"], "window_s": 600}
    (tmp_path / "q.json").write_text(json.dumps(spec), "utf-8")
    assert [s["persons"] for s in asked(run, "funnel", "--spec", "q.json")["steps"]] == [2, 0]
    assert run("ingest", "identifiers", "ids.csv")[0] == 0
    assert run("ingest", "users", "users.csv")[0] == 0
    assert run("refresh", "--as-of", "2026-09-02")[0] == 0
    spec["breakdown"] = {"profile": "region"}
    (tmp_path / "q.json").write_text(json.dumps(spec), "utf-8")
    found = asked(run, "funnel", "--spec", "q.json", "--reasons")
    assert [step["persons"] for step in found["steps"]] == [2, 1]
    assert {one["value"]: one["steps"][1]["persons"] for one in found["breakdown"]} == {
        "浙江": 1,
        None: 0,
    }
    assert found["dropped"][0]["reasons"] == []


def test_retention_and_paths(run: Run) -> None:
    found = asked(run, "retention", "--events", "e.csv", "--unit", "day", "--periods", "2")
    assert [one["persons"] for one in found["cohorts"]] == [2, 1]
    sankey = asked(run, "paths", "--events", "e.csv", "--start", "view")
    assert {(one["source"], one["target"], one["sessions"]) for one in sankey["links"]} >= {
        ("0:view", "1:cart", 2)
    }
    assert run("retention", "--events", "e.csv", "--unit", "year")[0] == 2
    assert run("paths", "--events", "e.csv", "--start", "a", "--end", "b")[0] == 2


def test_campaign_from_a_file_and_from_the_store(run: Run, tmp_path: Path) -> None:
    rows = ["campaign_id,platform,user_id,分组,已转化,金额"]
    for number in range(200):
        held, bought = number % 4 == 0, number % (10 if number % 4 == 0 else 5) == 0
        word, yes = "对照组" if held else "实验组", "是" if bought else "否"
        rows.append(f"c1,shop,u{number},{word},{yes},{20 if bought else 0}")
    (tmp_path / "f.csv").write_text("\n".join(rows) + "\n", "utf-8")
    (tmp_path / "r.csv").write_text(
        "时间,计划ID,计划名称,消耗,展示数\n2026-09-01,c1,秋上新,100,8\n合计,,,100,8\n", "utf-8"
    )
    of_file = asked(run, "campaign", "report", "c1", "--feedback", "f.csv", "--cost", "100")
    assert [arm["persons"] for arm in of_file["arms"]] == [150, 50]
    assert run("ingest", "feedback", "f.csv")[0] == 0
    assert run("ingest", "campaigns", "r.csv")[0] == 0
    of_store = asked(run, "campaign", "report", "秋上新")
    assert of_store["lift"] == of_file["lift"] and of_store["name"] == "秋上新"
    assert of_store["returns"]["cost_cny"] == 100
    code, _, err = run("campaign", "tag", "秋上新")
    assert code == 0 and "of 200 persons" in err
    code, _, err = run("campaign", "report", "none")
    assert code == 1 and "tingfeng ingest feedback FILE" in err


def test_baseline_of_a_file_and_of_the_store(run: Run, tmp_path: Path) -> None:
    lines = ["metric,period,value"]
    lines += [f"exposure,2026-01-{day:02},{900 if day == 30 else 100}" for day in range(1, 31)]
    (tmp_path / "f.csv").write_text("\n".join(lines) + "\n", "utf-8")
    found = asked(run, "baseline", "--figures", "f.csv")
    assert [(one["period"], one["state"]) for one in found["left"]] == [("2026-01-30", "above")]
    assert run("ingest", "events", "e.csv", "--set", "platform=shop")[0] == 0
    stored = asked(run, "baseline", "--as-of", "2026-09-02", "--save")
    assert {one["metric"] for one in stored["latest"]} >= {"exposure", "conversion"}
    assert run("baseline", "--by", "moon")[0] == 2
