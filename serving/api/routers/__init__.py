"""One router per resource; ``ROUTERS`` is what the application answers."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from serving.api.routers import (
    alerts,
    analyze,
    audiences,
    catalogue,
    comments,
    contents,
    funnels,
    health,
    info,
    jobs,
    pages,
    profiles,
    segments,
)

# a new resource: a module with ``router = strict_router(...)``, and its name here
ROUTERS: Final[tuple[APIRouter, ...]] = tuple(
    module.router
    for module in (
        analyze,
        comments,
        profiles,
        contents,
        funnels,
        segments,
        audiences,
        catalogue,
        alerts,
        jobs,
        info,
        health,
        pages,
    )
)
