"""A Dockerfile as a list of instructions, and what is wrong with it by the usual rules.

The rules are those of hadolint that apply here, named by its codes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction; ``stage`` counts the FROM lines before it, itself included, from 0."""

    name: str
    text: str
    stage: int
    line: int

    @property
    def arguments(self) -> list[str]:
        """The words of the JSON form, or else of the text."""
        if self.text.startswith("["):
            return [str(word) for word in json.loads(self.text)]
        return self.text.split()


def read_dockerfile(path: Path) -> list[Instruction]:
    """Every instruction in order, continued lines joined, comments left out."""
    found: list[Instruction] = []
    stage, joined, first = -1, "", 0
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        first = first if joined else number
        joined += line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        name, _, text = joined.partition(" ")
        stage += name == "FROM"
        found.append(Instruction(name=name, text=text.strip(), stage=stage, line=first))
        joined = ""
    return found


def faults(instructions: list[Instruction]) -> list[str]:
    """One line for each fault, with the rule's code; empty when there is none."""
    return [f"line {i.line}: {fault}" for i in instructions for fault in _of_one(i)] + [
        *_of_all(instructions)
    ]


def _of_one(i: Instruction) -> Iterator[str]:
    if i.name == "FROM":
        image = i.text.split()[0]
        if ":" not in image:
            yield f"DL3006 an image without a tag, {image}"
        if image.endswith(":latest"):
            yield f"DL3007 the tag latest, {image}"
    if i.name in ("CMD", "ENTRYPOINT") and not i.text.startswith("["):
        yield f"DL3025 {i.name} not in JSON form"
    if i.name == "ADD":
        yield "DL3020 ADD where COPY does"
    if i.name == "WORKDIR" and not i.text.startswith("/"):
        yield f"DL3000 a relative WORKDIR, {i.text}"
    if i.name == "MAINTAINER":
        yield "DL4000 MAINTAINER is deprecated"
    if i.name == "EXPOSE" and not all(0 < int(p) < 65536 for p in i.text.split()):
        yield f"DL3011 a port out of range, {i.text}"
    if i.name == "RUN":
        yield from _of_run(i.text)


def _of_run(text: str) -> Iterator[str]:
    if re.search(r"\bsudo\b", text):
        yield "DL3004 sudo"
    if re.match(r"cd\s", text):
        yield "DL3003 cd where WORKDIR does"
    if "apt-get install" in text:
        if "--no-install-recommends" not in text:
            yield "DL3015 apt-get install without --no-install-recommends"
        if "rm -rf /var/lib/apt/lists" not in text:
            yield "DL3009 apt lists left behind"
    if re.search(r"\bapt-get (dist-)?upgrade\b", text):
        yield "DL3005 apt-get upgrade"
    if "pip install" in text and "--constraint" not in text:
        yield "DL3013 pip install without versions"
    if re.search(r"\b(curl|wget)\b.*\|", text):
        yield "DL4006 a pipe without pipefail"


def _of_all(instructions: list[Instruction]) -> Iterator[str]:
    last = max(i.stage for i in instructions)
    final = [i for i in instructions if i.stage == last]
    names = [i.name for i in final]
    for name in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
        if names.count(name) != 1:
            yield f"DL4003 expected one {name} in the last stage, found {names.count(name)}"
    users = [i.text for i in final if i.name == "USER"]
    if not users or users[-1].split(":")[0] in ("root", "0"):
        yield "DL3002 the last user is root"
    if not any("PIP_NO_CACHE_DIR" in i.text for i in instructions if i.name == "ENV"):
        yield "DL3042 pip keeps its cache"
    stages = {i.text.split()[-1] for i in instructions if i.name == "FROM" and " AS " in i.text}
    for i in instructions:
        source = re.match(r"--from=(\S+)", i.text) if i.name == "COPY" else None
        if source and source[1] not in stages:
            yield f"line {i.line}: DL3022 COPY --from an unknown stage, {source[1]}"
