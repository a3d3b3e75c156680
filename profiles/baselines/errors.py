"""The errors of this folder."""

from __future__ import annotations

from profiles.errors import ProfilesError


class BaselineError(ProfilesError):
    """Figures that cannot be judged."""
