"""Does what the Dockerfile says without a container engine, and starts the service from it.

Run: ``python scripts/replay_dockerfile.py [--keep FOLDER]``. Every absolute path of the image lies
under one folder; users and groups are not made. Passes when HEALTHCHECK's own command succeeds,
/readyz answers, torch is not installed and the service ends within 25 s of SIGTERM.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from scripts.dockerfile import Instruction, faults, read_dockerfile  # noqa: E402

STOP_S, START_S = 25, 60
PLACES = ("/opt/tingfeng", "/app", "/src")  # paths of the image that its commands name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="folder to build in, kept afterwards")
    keep: Path | None = parser.parse_args().keep
    instructions = read_dockerfile(REPOSITORY / "Dockerfile")
    wrong = faults(instructions)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    root = (keep or Path(tempfile.mkdtemp(prefix="tingfeng-image-"))).resolve()
    try:
        image = Image(root)
        for instruction in instructions:
            image.do(instruction)
        return check(image)
    finally:
        if keep is None:
            shutil.rmtree(root, ignore_errors=True)


class Image:
    """A folder that stands for the image's root, and what ENV, WORKDIR and CMD have said."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root
        self.env: dict[str, str] = {}
        self.command: dict[str, list[str]] = {}

    def do(self, i: Instruction) -> None:
        """One instruction; those that only a container engine can follow are named and left out."""
        print(f"{i.name} {i.text}"[:110], flush=True)
        if i.name == "FROM":
            self.env = {}
        elif i.name == "ENV":
            for name, value in re.findall(r"(\w+)=(\S+)", i.text):
                self.env[name] = self.placed(value).replace("$PATH", os.environ["PATH"])
        elif i.name == "WORKDIR":
            self.folder = self.at(i.text)
            self.folder.mkdir(parents=True, exist_ok=True)
        elif i.name == "COPY":
            self.copy(i.arguments)
        elif i.name == "RUN" and "useradd" not in i.text:
            self.run(["sh", "-c", self.placed(i.text)])
        elif i.name in ("CMD", "ENTRYPOINT"):
            self.command[i.name] = i.arguments
        elif i.name == "HEALTHCHECK":
            self.command[i.name] = Instruction(
                name="CMD", text=i.text.partition("CMD ")[2], stage=0, line=i.line
            ).arguments

    def at(self, path: str) -> Path:
        """Where a path of the image lies here."""
        return self.root / path.lstrip("/") if path.startswith("/") else self.folder / path

    def placed(self, text: str) -> str:
        """A command or value with the image's paths under ``root``."""
        for place in PLACES:
            text = re.sub(rf"(?<![\w.]){place}\b", f"{self.root}{place}", text)
        return text

    def copy(self, words: list[str]) -> None:
        """Files of this repository; what another stage made is already in its place."""
        if words[0].startswith("--from="):
            if not self.at(words[1]).exists():
                raise SystemExit(f"COPY {words[1]}: expected what the stage made, found nothing")
            return
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        for name in words[:-1]:
            source, target = REPOSITORY / name, self.at(words[-1])
            check_not_ignored(name)
            if source.is_dir():
                shutil.copytree(source, target, ignore=ignore, dirs_exist_ok=True)
            else:
                shutil.copy(source, target / source.name if target.is_dir() else target)

    def run(self, command: list[str]) -> None:
        """A command in the image's folder and environment."""
        env = {**os.environ, **self.env}
        env.pop("PYTHONPATH", None)
        subprocess.run(command, cwd=self.folder, env=env, check=True)


def check_not_ignored(name: str) -> None:
    """Ends when .dockerignore keeps the path out of the build."""
    kept = True
    for line in (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines():
        rule = line.strip()
        if rule and not rule.startswith("#") and fnmatch.fnmatch(name, rule.lstrip("!")):
            kept = rule.startswith("!")
    if not kept:
        raise SystemExit(f"COPY {name}: .dockerignore leaves it out; add !{name} there")


def check(image: Image) -> int:
    """0 when the started service is alive, ready, free of torch and ends in time."""
    bin_folder = image.at("/opt/tingfeng/bin")
    has_torch = "import importlib.util as u; print(u.find_spec('torch') is not None)"
    found = subprocess.check_output([bin_folder / "python", "-c", has_torch], text=True, cwd="/")
    if found.strip() != "False":
        raise SystemExit("expected an image without torch, found torch in it")
    home = image.at("/app/var")
    home.mkdir(parents=True, exist_ok=True)
    env = {k: v for k, v in {**os.environ, **image.env}.items() if k != "PYTHONPATH"}
    port = free_port()
    tingfeng = str(bin_folder / image.command["ENTRYPOINT"][0])
    local = {"0.0.0.0": "127.0.0.1", "8000": str(port)}
    words = [local.get(word, word) for word in image.command["CMD"]]
    service = subprocess.Popen([tingfeng, *words], cwd=image.folder, env=env)
    try:
        health = [w.replace(":8000", f":{port}") for w in image.command["HEALTHCHECK"]]
        health[0] = str(bin_folder / health[0])
        started = wait_until(lambda: subprocess.run(health, capture_output=True).returncode == 0)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
            ready = answer.status == 200
    finally:
        service.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        code = service.wait(timeout=STOP_S)
    stopped = time.monotonic() - asked
    print(
        f"alive after {started:.1f} s, ready: {ready}, "
        f"ended in {stopped:.1f} s with exit code {code}"
    )
    return 0 if ready and code in (0, -signal.SIGTERM) else 1


def wait_until(holds: Callable[[], bool], limit_s: float = START_S) -> float:
    """Seconds until ``holds()`` is true."""
    since = time.monotonic()
    while time.monotonic() - since < limit_s:
        if holds():
            return time.monotonic() - since
        time.sleep(0.5)
    raise SystemExit(f"expected the service to be alive within {limit_s} s, found it is not")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
