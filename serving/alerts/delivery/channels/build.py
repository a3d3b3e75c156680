"""Channels from their description: secrets are read here, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from serving.alerts.delivery.channels import dingtalk, feishu, wecom
from serving.alerts.delivery.channels.base import Channel, Rate, fingerprint
from serving.alerts.delivery.channels.local import Local
from serving.alerts.delivery.channels.mail import Mail
from serving.alerts.delivery.channels.webhook import Webhook
from serving.alerts.delivery.config import (
    DeliveryConfig,
    LocalConfig,
    MailConfig,
    RobotConfig,
    WebhookConfig,
)
from serving.alerts.delivery.errors import BlockedAddressError, ChannelError
from serving.alerts.delivery.guard import AllowList
from serving.alerts.delivery.playbook import load_playbook
from serving.alerts.delivery.secret import Redactor, Secret, is_reference, read_secret
from serving.alerts.delivery.wire import Wire

_ROBOTS: Final[dict[str, tuple[Any, Rate]]] = {
    "dingtalk": (dingtalk.DingTalk, dingtalk.RATE),
    "feishu": (feishu.Feishu, feishu.RATE),
    "lark": (feishu.Feishu, feishu.RATE),
    "wecom": (wecom.WeCom, wecom.RATE),
}
_OFFICIAL: Final = {
    "oapi.dingtalk.com": ("dingtalk",),
    "api.dingtalk.com": ("dingtalk",),
    "open.feishu.cn": ("feishu", "lark"),
    "open.larksuite.com": ("feishu", "lark"),
    "qyapi.weixin.qq.com": ("wecom",),
}


def build_channel(name: str, config: DeliveryConfig) -> Channel:
    """The channel of that name, with its secrets.

    Raises:
        ChannelError: there is none, or a secret, the allow-list or the playbook is wrong.
    """
    if name not in config.channels:
        known = ", ".join(sorted(config.channels)) or "none; describe one under alerts.channels"
        raise ChannelError(f"expected a channel among {known}, found {name!r}")
    described = config.channels[name]
    shared: dict[str, Any] = {
        "name": name,
        "kind": described.kind,
        "playbook": load_playbook(config.playbook),
        "zone": ZoneInfo(config.timezone),
    }
    if isinstance(described, RobotConfig):
        return _robot(described, shared, _wire(config))
    if isinstance(described, WebhookConfig):
        return _webhook(described, shared, _wire(config, described.ca_file))
    if isinstance(described, MailConfig):
        return _mail(described, shared)
    return _local(described, shared)


def build_channels(config: DeliveryConfig) -> tuple[dict[str, Channel], tuple[str, ...]]:
    """Every channel that can be made, and what is wrong with the others."""
    channels: dict[str, Channel] = {}
    faults = []
    for name in config.channels:
        try:
            channels[name] = build_channel(name, config)
        except ChannelError as error:
            faults.append(str(error))
    return channels, tuple(faults)


def _wire(config: DeliveryConfig, ca_file: Path | None = None) -> Wire:
    try:
        return Wire(allowed=AllowList.parse(config.internal_receivers), ca_file=ca_file)
    except BlockedAddressError as error:
        raise ChannelError(str(error)) from None


def _robot(described: RobotConfig, shared: dict[str, Any], wire: Wire) -> Channel:
    name = shared["name"]
    url = read_secret(described.url, f"channel {name}: url")
    secret = read_secret(described.secret, f"channel {name}: secret") if described.secret else None
    _check_host(url, described.kind, name)
    make, rate = _ROBOTS[described.kind]
    if described.per_minute:
        _check_rate(described.per_minute, rate, name)
        rate = Rate(per_minute=described.per_minute, per_second=rate.per_second)
    robot: Channel = make(
        **shared,
        target=fingerprint(url.reveal()),
        rate=rate,
        redact=Redactor([url, *([secret] if secret else [])]),
        wire=wire,
        url=url.reveal(),
        secret=secret.reveal() if secret else None,
        keyword=described.keyword,
        mentions=described.mentions,
    )
    return robot


def _check_rate(wanted: int, rate: Rate, name: str) -> None:
    most = rate.per_minute
    if most is not None and wanted > most:
        raise ChannelError(
            f"channel {name}: per_minute: expected at most {most}, more than which the robot does "
            f"not take, found {wanted}; lower it or take it out"
        )


def _check_host(url: Secret, kind: str, name: str) -> None:
    try:
        host = urlsplit(url.reveal()).hostname or ""
    except ValueError:
        host = ""
    if not host:
        raise ChannelError(
            f"channel {name}: url: expected the robot's whole address https://…, found something "
            "else; copy it from the robot's settings"
        )
    kinds = _OFFICIAL.get(host, (kind,))
    if kind not in kinds:
        raise ChannelError(
            f"channel {name}: expected kind {kinds[0]} for an address of {host}, found {kind}"
        )


def _webhook(described: WebhookConfig, shared: dict[str, Any], wire: Wire) -> Channel:
    where = f"channel {shared['name']}"
    named = is_reference(described.url)
    url = read_secret(described.url, f"{where}: url") if named else Secret(described.url)
    references = [described.secret, described.previous_secret]
    secrets = [read_secret(one, f"{where}: secret") for one in references if one]
    return Webhook(
        **shared,
        target=fingerprint(url.reveal()),
        rate=Rate(per_minute=described.per_minute),
        redact=Redactor([url, *secrets]),
        wire=wire,
        url=url.reveal(),
        secrets=tuple(one.reveal() for one in secrets),
    )


def _mail(described: MailConfig, shared: dict[str, Any]) -> Channel:
    where = f"channel {shared['name']}: password"
    password = read_secret(described.password, where) if described.password else None
    return Mail(
        **shared,
        target=fingerprint(described.host, str(described.port), described.sender),
        rate=Rate(per_minute=described.per_minute),
        redact=Redactor([password] if password else []),
        host=described.host,
        port=described.port,
        tls=described.tls,
        sender=described.sender,
        recipients=described.recipients,
        user=described.user,
        password=password.reveal() if password else None,
        ca_file=described.ca_file,
    )


def _local(described: LocalConfig, shared: dict[str, Any]) -> Channel:
    target = fingerprint(described.kind, described.path)
    return Local(**shared, target=target, rate=Rate(), path=described.path)
