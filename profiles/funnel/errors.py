"""The errors of this folder; a message says what was expected, what was found, what to do."""

from __future__ import annotations

from profiles.errors import ProfilesError


class SpecError(ProfilesError):
    """A question that cannot be asked, whatever the events."""


class EventsError(ProfilesError):
    """Events that cannot be read."""
