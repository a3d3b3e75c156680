"""One router per resource; ``ROUTERS`` is what the application answers."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from serving.api.routers import (
    advice,
    alerts,
    analyze,
    audience_lists,
    audiences,
    baselines,
    campaigns,
    catalogue,
    comments,
    contents,
    funnels,
    groups,
    health,
    info,
    jobs,
    journeys,
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
        journeys,
        segments,
        groups,
        audiences,
        audience_lists,
        advice,
        campaigns,
        baselines,
        catalogue,
        alerts,
        jobs,
        info,
        health,
        pages,
    )
)
