"""``GET /v1/info``: which model answers, on what, within which limits."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from serving.api.deps import AnyKey, ServiceDep
from serving.api.schemas import Info
from serving.api.service import Service
from serving.api.strict import refusals, strict_router

router: Final = strict_router("info")
PACKAGES: Final = ("openvino", "onnxruntime", "tokenizers", "duckdb", "fastapi")
# what decides how fast and in which precision a network runs
FLAGS: Final = ("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx512f", "avx_vnni", "avx2")
LIMITS: Final = (
    "max_texts",
    "max_chars",
    "max_body_bytes",
    "max_json_depth",
    "deadline_ms",
    "queue_wait_ms",
    "job_max_bytes",
)


@router.get("/v1/info", responses=refusals(), summary="What answers here")
async def info(caller: AnyKey, service: ServiceDep) -> Info:
    """Model, precision, instruction set, versions, limits, and the key that asked."""
    key: dict[str, Any] | None = None
    if caller.key_id is not None:
        key = {
            "id": caller.key_id,
            "tenant": caller.tenant,
            "scopes": sorted(caller.scopes),
            "texts_today": service.guard.usage.texts_today(caller.key_id),
            "texts_per_day": caller.texts_per_day,
        }
    return Info(
        service="tingfeng",
        version=service.version,
        model=_model(service),
        runtime={"python": platform.python_version(), **_versions()},
        limits={name: getattr(service.settings, name) for name in LIMITS},
        key=key,
    )


def _model(service: Service) -> dict[str, Any]:
    scorer = service.analyzer.scorer
    engine, _, precision = scorer.numerics.partition(" ")
    return {
        "name": scorer.model_version.partition("@")[0],
        "version": scorer.model_version,
        "engine": engine,
        "precision": precision or None,
        "instruction_set": instruction_set(),
        "cpus": os.cpu_count(),
    }


@cache
def instruction_set() -> list[str]:
    """The instructions of this processor that matter, best first; empty where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    flags = next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split()
    return [flag for flag in FLAGS if flag in flags]


@cache
def _versions() -> dict[str, str]:
    found = {"implementation": sys.implementation.name}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
