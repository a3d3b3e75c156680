"""``PAGES`` is what the dashboard answers."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from serving.api.pages import alerts, audiences, comments, contents, login, overview, people, report

PAGES: Final[tuple[APIRouter, ...]] = tuple(
    module.router
    for module in (overview, comments, people, audiences, alerts, contents, report, login)
)
