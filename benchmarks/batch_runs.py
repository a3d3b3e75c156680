"""One scoring run as a user would start it: a process of its own, its wall time and its peak memory."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

Result = TypeVar("Result")

POLL_S: Final = 0.05
TEXT_COLUMNS: Final = ("text", "content", "评论", "评论内容")
FLAGS: Final = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


class RunFailedError(Exception):
    """The run ended with an error; the message is what it printed."""


def one_pass(dump: Path, folder: Path, *options: str, suffix: str = ".parquet") -> dict[str, Any]:
    """What ``--summary`` says, with ``wall_s`` and ``peak_mb`` (largest resident set) of the process."""
    summary, out = folder / "summary.json", folder / f"out{suffix}"
    command = [sys.executable, "-m", "serving.cli.main", "score", str(dump), *options]
    command += ["--out", str(out), "--summary", str(summary), "--no-resume"]
    with (folder / "log").open("w") as log:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=log)
        status, usage, peak_mb = _watch(process.pid)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RunFailedError((folder / "log").read_text())
    told: dict[str, Any] = json.loads(summary.read_text(encoding="utf-8"))
    cpu_s = usage.ru_utime + usage.ru_stime
    return told | {"wall_s": wall, "peak_mb": peak_mb, "cpu_s": cpu_s}


def _watch(pid: int) -> tuple[int, Any, float]:
    """Exit status, usage and peak memory in MB of a child.

    The peak is what the kernel keeps for the process's own memory (VmHWM): what ``wait4`` tells holds the
    parent's memory too, because the child had it until it started its program.
    """
    peak_kb = 0
    while True:
        with suppress(OSError, ValueError, IndexError):
            status = Path(f"/proc/{pid}/status").read_text()
            peak_kb = max(peak_kb, int(status.partition("VmHWM:")[2].split()[0]))
        found, code, usage = os.wait4(pid, os.WNOHANG)
        if found:
            return code, usage, peak_kb / 1024
        time.sleep(POLL_S)


def say(line: str) -> None:
    """Prints at once, so that a run that breaks off has shown what it measured."""
    print(line, flush=True)


def attempt(measure: Callable[[], Result]) -> Result | None:
    """The measurement's result; an error is printed, and the next measurement goes on."""
    try:
        return measure()
    except Exception:
        say("failed: " + traceback.format_exc().strip().splitlines()[-1])
        return None


def comments_of(scored: Path, limit: int | None = None) -> list[str]:
    """Comments of the dump that was just scored, in arrival order, evenly drawn."""
    import pyarrow.parquet as pq

    names = pq.read_schema(scored).names
    name = next(n for n in TEXT_COLUMNS if n in names)
    column = pq.read_table(scored, columns=[name]).column(0)
    places = np.arange(0, len(column), max(1, len(column) // limit) if limit else 1)
    return [text for text in column.take(places).to_pylist() if text and text.strip()]


def texts_of(found: dict[str, Any]) -> int:
    """Distinct texts that went through the model, as the stage of keywords and rules counted them."""
    return next((int(s["rows"]) for s in found["stages"] if s["name"] == "words"), 0)


def repeated_share(found: dict[str, Any]) -> float:
    """Share of the comments with content that needed no scoring, being equal to an earlier one."""
    return 1 - texts_of(found) / max(1, found["scored"])


def machine() -> str:
    """Processor, cores to be used, and which instructions for dense arithmetic there are."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    lines = {
        name.strip(): value.strip()
        for name, _, value in (line.partition(":") for line in text.splitlines())
    }
    flags = [flag for flag in FLAGS if flag in lines.get("flags", "").split()]
    name = lines.get("model name", platform.processor())
    cores = len(os.sched_getaffinity(0))
    return f"{name}, {cores} cores used, {', '.join(flags) or 'flags unknown'}"
