"""The errors of this folder."""

from __future__ import annotations

from profiles.errors import ProfilesError


class CampaignError(ProfilesError):
    """A campaign that is not there, or whose rows cannot be compared."""
