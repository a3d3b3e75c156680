"""The HTTP service: scoring, profiles and insights as JSON, the report as its first page."""

from __future__ import annotations

from serving.api.app import create_app

__all__ = ["create_app"]
