"""The errors that delivery raises on purpose; none of them shows a secret."""

from __future__ import annotations

from serving.errors import ServingError, UsageError


class DeliveryError(ServingError):
    """A message did not arrive; says what was expected, what was found and what to do."""


class ChannelError(UsageError):
    """The description of a channel cannot be right."""


class BlockedAddressError(DeliveryError):
    """An address that a webhook may not be sent to."""


class CutOffError(DeliveryError):
    """No whole answer came: no connection, a timeout, an answer that ended early or is too long."""
