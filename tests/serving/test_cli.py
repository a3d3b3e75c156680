"""The command line: exit codes, one line per error, one JSON document where it was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from serving.cli import common, main
from serving.cli.common import open_store
from serving.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "transformers", "openvino", "pyarrow", "duckdb", "numpy", "jieba", "pydantic"}
HEAVY |= {"fastapi", "uvicorn", "openpyxl", "xlsxwriter", "jinja2", "opencc", "tokenizers"}
ROWS = [{"comment_id": "c1", "user_id": "u1", "text": "茶很好喝"}, "{torn", {"text": "难喝"}]
WriteJsonl = Callable[..., Path]


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs ``tingfeng`` in this process, with the model ``fake`` and a home of its own."""
    for name in [n for n in os.environ if n.startswith("TINGFENG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TINGFENG_MODEL", "fake")
    monkeypatch.setenv("TINGFENG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["tingfeng", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.main()
        captured = capsys.readouterr()
        return Result(int(ended.value.code or 0), captured.out, captured.err)

    return run


def process(*arguments: object, cwd: Path, **variables: str) -> Result:
    """Runs ``tingfeng`` as its own process."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TINGFENG_")}
    environment = kept | {"PYTHONPATH": str(ROOT), "TINGFENG_MODEL": "fake"} | variables
    given = [sys.executable, "-m", "serving.cli.main", *map(str, arguments)]
    done = subprocess.run(given, cwd=cwd, env=environment, capture_output=True, text=True)
    return Result(done.returncode, done.stdout, done.stderr)


def one_line(result: Result) -> str:
    """The error on one line, with nothing on standard output."""
    (line,) = result.err.splitlines()
    assert line.startswith("error: ") and not result.out
    return line


def document(result: Result) -> Any:
    """The one JSON document on standard output."""
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_score_writes_output_rejects_and_summary(
    command: Command, write_jsonl: WriteJsonl, tmp_path: Path
) -> None:
    result = command("score", write_jsonl(ROWS), "--out", "o.csv", "--summary", "s.json")
    assert (result.code, result.out) == (0, "")
    assert "3 rows in = 2 scored + 0 empty + 1 rejected" in result.err
    summary = json.loads((tmp_path / "s.json").read_text("utf-8"))
    assert {"rows_in": 3, "scored": 2, "empty": 0, "rejected": 1}.items() <= summary.items()
    assert {"repairs", "seconds", "comments_per_s", "inference_share"} <= summary.keys()
    assert (tmp_path / "o.csv.rejects.jsonl").exists()


def test_score_fails_on_rejects_when_asked(command: Command, write_jsonl: WriteJsonl) -> None:
    path = write_jsonl(ROWS)
    assert command("score", path, "--out", "o.csv", "--on-error", "fail").code == 1
    assert command("score", path, "--out", "o.csv", "--on-error", "skip").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["score"],
        ["score", "x.csv"],
        ["score", "x.csv", "--out", "o.txt"],
        ["score", "x.csv", "--out", "none/o.csv"],
        ["score", "x.csv", "--out", "o.csv", "--on-error", "stop"],
        ["score", "x.csv", "--out", "o.csv", "--summary", "none/s.json"],
        ["score", "x.csv", "--out", "o.csv", "--map", "text"],
        ["ingest", "nonsense", "x.csv"],
        ["refresh", "--as-of", "yesterday"],
        ["report", "--out", "r.pdf"],
        ["drift", "--out", "d.pdf"],
        ["drift", "--as-of", "yesterday"],
        ["analyze", "--colour", "red", "好"],
        ["nonsense"],
    ],
)
def test_wrong_usage_is_one_line_and_2(arguments: list[str], command: Command) -> None:
    result = command(*arguments)
    assert result.code == 2 and one_line(result)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "none.csv", "--out", "o.csv"], "none.csv"),
        (["ingest", "comments", "none.csv"], "none.csv"),
        (["analyze", "好", "--model", "none"], "found 'none'"),
        (["profile", "nobody"], "tingfeng ingest comments FILE"),
    ],
)
def test_failed_run_is_one_line_and_1(arguments: list[str], message: str, command: Command) -> None:
    result = command(*arguments)
    assert result.code == 1 and message in one_line(result)


def test_unknown_text_column_names_the_columns(command: Command, write_jsonl: WriteJsonl) -> None:
    result = command("score", write_jsonl(ROWS), "--out", "o.csv", "--text-column", "words")
    assert result.code == 1 and "words" in one_line(result) and "text" in result.err


def test_operating_system_error_is_one_line(
    command: Command, write_jsonl: WriteJsonl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "o.csv.job")

    monkeypatch.setattr("serving.batch.job.pq.write_table", full)
    result = command("score", write_jsonl(ROWS), "--out", "o.csv")
    assert result.code == 1
    assert result.err.splitlines()[-1].startswith("error: [Errno 28] No space left on device")
    assert "check the path, the rights and the space left" in result.err


def test_debug_shows_the_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tingfeng", "score", "none.csv", "--out", "o.csv", "--debug"])
    with pytest.raises(ValueError, match=r"none\.csv"):
        main.main()
    assert "Traceback" not in command("score", "none.csv", "--out", "o.csv").err


def test_keyboard_stop_says_how_to_go_on(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("serving.cli.scoring.make_analyzer", stop)
    result = command("analyze", "好")
    assert result.code == 130 and "run the same command again" in result.err


@pytest.mark.parametrize(
    ("name", "value"),
    [("THREADS", "0"), ("THREADS", "many"), ("ENGINE", "none"), ("PRECISION", "f8")],
)
def test_wrong_setting_is_one_line_that_names_it(
    name: str, value: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"TINGFENG_{name}", value)
    result = command("analyze", "好")
    line = one_line(result)
    assert result.code == 1 and name.lower() in line and value in line and "README" in line


@pytest.mark.parametrize("text", ["colour = 'red'", "threads = "])
def test_wrong_settings_file_is_one_line(text: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "tingfeng.toml").write_text(text)
    result = command("analyze", "好")
    assert result.code == 1 and "setting" in one_line(result)


def test_analyze_json_is_one_document_in_order(command: Command) -> None:
    found = document(command("analyze", "茶很好喝", "难喝", "@小王", "--json"))
    assert [row["sentiment"] for row in found] == ["positive", "negative", None]
    assert found[0]["interests"][0]["topic"] == "food"


def test_analyze_shows_chinese_labels(command: Command) -> None:
    result = command("analyze", "茶很好喝", "@小王")
    assert "正面" in result.out and "没有可判断的内容" in result.out and not result.err


def test_store_commands_end_with_a_profile_and_a_report(
    command: Command, write_jsonl: WriteJsonl, tmp_path: Path
) -> None:
    path = write_jsonl(ROWS)
    first = command("ingest", "comments", path, "--set", "platform=shop")
    again = command("ingest", "comments", path, "--set", "platform=shop")
    assert "2 new" in first.err and "0 new + 0 updated + 2 unchanged" in again.err
    assert command("refresh", "--as-of", "2026-09-28").code == 0
    profile = document(command("profile", "u1", "--json"))
    assert set(profile) == {"basic", "interest", "spending", "social", "behaviour", "emotion"}
    assert all({"as_of", "n"} <= set(dimension) for dimension in profile.values())
    for name in ("r.html", "r.xlsx"):
        assert command("report", "--out", name).code == 0 and (tmp_path / name).stat().st_size


@pytest.mark.parametrize(
    "arguments", [["profile", "u1"], ["refresh"], ["report", "--out", "r.html"]]
)
def test_reading_without_a_store_says_what_makes_one_and_makes_nothing(
    arguments: list[str], command: Command, tmp_path: Path
) -> None:
    result = command(*arguments)
    line = one_line(result)
    assert result.code == 1 and "found none yet" in line and "tingfeng ingest" in line
    assert not list(tmp_path.iterdir())


def test_unknown_person_is_one_line_and_1(command: Command, write_jsonl: WriteJsonl) -> None:
    assert command("ingest", "comments", write_jsonl(ROWS)).code == 0
    result = command("profile", "nobody")
    assert result.code == 1 and "'nobody'" in one_line(result)


def test_store_of_a_bare_word_is_one_line_and_2(
    command: Command, write_jsonl: WriteJsonl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINGFENG_STORE", "foo")
    for arguments in (["ingest", "comments", write_jsonl(ROWS)], ["refresh"], ["profile", "u1"]):
        result = command(*arguments)
        assert result.code == 2 and "found 'foo'" in result.err.splitlines()[-1]
    assert not (tmp_path / "foo").exists()


def test_drift_lists_who_moved_with_evidence(command: Command, tmp_path: Path) -> None:
    days = [datetime(2026, m, d, 4, tzinfo=UTC) for m in (7, 8, 9) for d in range(1, 29, 2)]
    fields = ("comment_id", "user_id", "created_at", "interests")
    rows = [
        (f"c{k}", "u1", at, [{"topic": "food" if at.month < 9 else "fitness", "score": 0.5}])
        for k, at in enumerate(days)
    ]
    rows.append(("z", "u2", days[-1], [{"topic": "food", "score": 0.5}]))
    table = pa.Table.from_pylist([dict(zip(fields, row, strict=True)) for row in rows])
    with open_store(Settings(), create=True) as store:
        store.load("comments", table, "run")
    found = document(command("drift", "--as-of", "2026-09-28", "--json", "--out", "d.csv"))
    (mover,) = found["movers"]
    counts = ("persons", "too_few_days", "silent", "tested", "moved")
    assert [found[name] for name in counts] == [2, 1, 0, 1, 1]
    assert (mover["from_topic"], mover["to_topic"]) == ("food", "fitness")
    assert mover["changed_on"] == "2026-09-01" and mover["sentence"].startswith("2026-09-01 起")
    assert (mover["from_signals_before"], mover["to_signals_since"]) == (28, 14)
    assert len((tmp_path / "d.csv").read_text("utf-8-sig").splitlines()) == 2
    then = document(command("drift", "--as-of", "2026-08-20", "--json"))
    assert (then["tested"], then["movers"]) == (1, [])
    told = command("drift", "--as-of", "2026-09-28")
    assert "兴趣从「美食」转向「健身」" in told.out and "1 moved" in told.err


def test_command_groups_and_help_answer_through_typer() -> None:
    runner = CliRunner()
    assert runner.invoke(main.app, ["--version"]).output.startswith("tingfeng ")
    for name in (
        "analyze",
        "score",
        "ingest",
        "refresh",
        "profile",
        "drift",
        "report",
        "demo",
        "model",
    ):
        result = runner.invoke(main.app, [name, "--help"])
        assert result.exit_code == 0 and "Usage" in result.output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        ([], 2),
        (["nonsense"], 2),
        (["score", "none.csv", "--out", "o.csv"], 1),
    ],
)
def test_process_exit_codes(arguments: list[str], code: int, tmp_path: Path) -> None:
    result = process(*arguments, cwd=tmp_path)
    assert result.code == code and "Traceback" not in result.err


def test_process_json_is_alone_on_standard_output(tmp_path: Path) -> None:
    result = process("analyze", "茶很好喝", "--json", cwd=tmp_path)
    assert len(document(result)) == 1 and result.out.count("\n") == 1


def test_process_debug_has_a_traceback(tmp_path: Path) -> None:
    result = process("score", "none.csv", "--out", "o.csv", "--debug", cwd=tmp_path)
    assert result.code == 1 and "Traceback" in result.err


def test_help_imports_no_heavy_library(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['tingfeng', '--help']\n"
        "from serving.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(' '.join(sys.modules), file=sys.stderr)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    given = [sys.executable, "-c", code]
    run = subprocess.run(given, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "Usage" in run.stdout and "serving.cli.main" in run.stderr
    assert not set(run.stderr.split()) & HEAVY


def test_progress_lines_say_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(common, "LOG_EVERY_S", 0)
    with common.progress(10, "scoring") as advance:
        advance(0)
        advance(5)
    assert "scoring: 5 of 10 rows" in capsys.readouterr().err
