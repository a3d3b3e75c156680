"""The HTTP service: scoring, jobs, profiles and insights as JSON, and the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serving.api.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    """``create_app``, imported when asked for: the command's keys need no HTTP library."""
    if name == "create_app":
        from serving.api.app import create_app

        return create_app
    raise AttributeError(name)
