"""Settings: variable before file, wrong values refused, every one in the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from serving.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
FIELDS = Settings.model_fields
TABLE_ROW = re.compile(r"^\|\s*`?TINGFENG_[A-Z_]+`?\s*\|")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in FIELDS:
        monkeypatch.delenv(f"TINGFENG_{name.upper()}", raising=False)


def readme_rows() -> dict[str, list[str]]:
    """The cells of the settings table by variable."""
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    rows = [
        [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        for line in lines
        if TABLE_ROW.match(line.strip())
    ]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize("name", FIELDS)
def test_readme_lists_the_setting_with_its_default(name: str) -> None:
    rows = readme_rows()
    variable, default = f"TINGFENG_{name.upper()}", FIELDS[name].default
    assert variable in rows, f"expected a row of {variable} in the README's table of settings"
    cells = rows[variable]
    expected = "none" if default is None else str(default)
    assert expected in cells, f"{variable}: expected the default {expected}, found {cells}"
    assert max(map(len, cells)) >= 10, f"{variable}: expected a description, found {cells}"


def test_readme_lists_no_setting_that_is_gone() -> None:
    known = {f"TINGFENG_{name.upper()}" for name in FIELDS}
    tests_only = {name for name in readme_rows() if name.startswith("TINGFENG_TEST_")}
    assert set(readme_rows()) - tests_only <= known


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_has_a_description(name: str) -> None:
    assert FIELDS[name].description


def test_settings_have_defaults() -> None:
    assert Settings().home == Path("var") and Settings().model == "small"


def test_variable_goes_before_file_and_argument_before_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tingfeng.toml").write_text('home = "file"\nthreads = 3\n')
    assert (Settings().home, Settings().threads) == (Path("file"), 3)
    monkeypatch.setenv("TINGFENG_HOME", "variable")
    assert (Settings().home, Settings().threads) == (Path("variable"), 3)
    assert Settings(home=Path("argument")).home == Path("argument")


def test_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tingfeng.toml").write_text('colour = "red"\n')
    with pytest.raises(ValidationError, match="colour"):
        Settings()
