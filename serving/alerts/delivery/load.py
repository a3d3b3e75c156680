"""Which description of channels counts: a file given, that of the settings, or their own table."""

from __future__ import annotations

from pathlib import Path

from serving.alerts.delivery.config import DeliveryConfig, load_config, parse_config
from serving.alerts.delivery.notifier import Notifier
from serving.alerts.delivery.outbox import FILE
from serving.settings import Settings


def delivery_config(settings: Settings, file: Path | None = None) -> DeliveryConfig:
    """The channels, checked; without any description there are none.

    Raises:
        ChannelError: the description is wrong.
    """
    chosen = file or settings.channels_file
    if chosen is not None:
        return load_config(chosen)
    return parse_config(settings.alerts, "alerts of tingfeng.toml or TINGFENG_ALERTS")


def outbox_path(settings: Settings) -> Path:
    """The outbox's file in the home folder."""
    return settings.home / FILE


def open_notifier(settings: Settings, file: Path | None = None) -> Notifier:
    """The notifier of this installation."""
    return Notifier(delivery_config(settings, file), outbox_path(settings))
