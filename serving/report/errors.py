"""The error of this folder; its message says what was expected, what was found and what to do."""

from __future__ import annotations

from serving.errors import ServingError


class ReportError(ServingError):
    """A report cannot be built from this store as of this moment."""
