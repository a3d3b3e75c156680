"""The Dockerfile, compose.yaml and .dockerignore keep the rules; each rule is seen to fail."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from scripts.dockerfile import faults, read_dockerfile

ROOT = Path(__file__).resolve().parents[2]
GOOD = """FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1
RUN pip install --constraint lock .
FROM python:3.11-slim
COPY --from=build /opt /opt
USER 10001
HEALTHCHECK CMD ["true"]
ENTRYPOINT ["tingfeng"]
CMD ["serve"]
"""


def written(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "Dockerfile"
    path.write_text(text, encoding="utf-8")
    return faults(read_dockerfile(path))


def test_the_dockerfile_has_no_fault() -> None:
    assert faults(read_dockerfile(ROOT / "Dockerfile")) == []


def test_a_good_one_has_no_fault(tmp_path: Path) -> None:
    assert written(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("good", "bad", "code"),
    [
        ("python:3.11-slim AS", "python AS", "DL3006"),
        ("python:3.11-slim AS", "python:latest AS", "DL3007"),
        ('CMD ["serve"]', "CMD serve", "DL3025"),
        ("COPY --from=build", "ADD", "DL3020"),
        ("COPY --from=build", "COPY --from=built", "DL3022"),
        ("USER 10001", "USER root", "DL3002"),
        ("USER 10001\n", "", "DL3002"),
        ("USER 10001", "WORKDIR app\nUSER 10001", "DL3000"),
        ("--constraint lock", "", "DL3013"),
        ("ENV PIP_NO_CACHE_DIR=1\n", "", "DL3042"),
        ("RUN pip", "RUN sudo pip", "DL3004"),
        ("RUN pip", "RUN cd /x && pip", "DL3003"),
        ("RUN pip", "RUN apt-get install -y curl && rm -rf /var/lib/apt/lists && pip", "DL3015"),
        ("RUN pip", "RUN apt-get install --no-install-recommends curl && pip", "DL3009"),
        ("RUN pip", "RUN curl x | sh && pip", "DL4006"),
        ("USER 10001", "EXPOSE 99999\nUSER 10001", "DL3011"),
        ('HEALTHCHECK CMD ["true"]\n', "", "HEALTHCHECK"),
    ],
)
def test_each_rule_fails_on_its_fault(tmp_path: Path, good: str, bad: str, code: str) -> None:
    assert good in GOOD
    assert any(code in fault for fault in written(tmp_path, GOOD.replace(good, bad)))


def test_continued_lines_are_one_instruction(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text("FROM a:1\n# remark\nRUN x \\\n    && y\n", encoding="utf-8")
    found = read_dockerfile(path)
    assert [(i.name, " ".join(i.arguments), i.line) for i in found] == [
        ("FROM", "a:1", 1),
        ("RUN", "x && y", 3),
    ]


def test_the_service_runs_without_rights_and_with_a_read_only_root() -> None:
    service = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    ours = service["tingfeng"]
    assert ours["read_only"] is True
    assert ours["cap_drop"] == ["ALL"]
    assert ours["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in ours["ports"])
    assert any(volume.endswith(":/app/var") for volume in ours["volumes"])


def test_passwords_are_never_written_down() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "PASSWORD" in line and "#" not in line]
    assert lines and all("${TINGFENG_DB_PASSWORD:?" in line for line in lines)


def test_the_build_context_leaves_everything_out_that_is_not_named() -> None:
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert next(r for r in rules if r and not r.startswith("#")) == "*"
