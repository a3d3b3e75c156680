"""What a user writes about channels, in YAML or TOML under ``alerts``; faults are told all at once.

Secrets are named (``env:NAME``, ``file:PATH``) and not written there.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from serving.alerts.delivery.errors import ChannelError
from serving.alerts.delivery.secret import is_reference
from serving.alerts.notice import Notice, Severity

MAX_FILE_BYTES: Final = 2**20
MAX_NAMED: Final = 20
RANK: Final[dict[Severity, int]] = {"info": 0, "warning": 1, "critical": 2}


def _reference(text: str) -> str:
    if not is_reference(text):
        raise ValueError("expected env:NAME or file:PATH, found a plain text; move it there")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"expected a zone such as Asia/Shanghai, found {name!r}") from error
    return name


SecretRef = Annotated[str, AfterValidator(_reference)]
Name = Annotated[str, Field(pattern=r"^[\w-]{1,64}$")]
_Address = Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")]


def _named() -> Any:
    """People by name: so few that their names leave room for the message."""
    return Field((), max_length=MAX_NAMED)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Mentions(_Model):
    """Who is mentioned, and from which severity on."""

    all: bool = False
    mobiles: tuple[Annotated[str, Field(pattern=r"^\+?[\d-]{5,20}$")], ...] = _named()
    users: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")], ...] = _named()
    min_severity: Severity = "critical"


class _Channel(_Model):
    min_severity: Severity = "info"
    match: dict[str, str] = {}  # members of the notice's key that must be equal
    only_escalated: bool = False  # nothing until nobody has acknowledged in time

    def takes(self, notice: Notice) -> bool:
        """Whether the notice is for this channel."""
        severe = RANK[notice.severity] >= RANK[self.min_severity]
        wanted = severe and (notice.escalated or not self.only_escalated)
        return wanted and all(notice.key.get(key) == value for key, value in self.match.items())


class RobotConfig(_Channel):
    """A chat robot; ``url`` is the whole address as its settings page shows it."""

    kind: Literal["dingtalk", "feishu", "lark", "wecom"]
    url: SecretRef
    secret: SecretRef | None = None
    keyword: str | None = Field(None, max_length=50)
    mentions: Mentions = Mentions()
    per_minute: int | None = Field(None, ge=1, le=1000)

    @model_validator(mode="after")
    def _possible(self) -> RobotConfig:
        if self.kind == "wecom" and self.secret:
            raise ValueError("secret: expected none, WeCom robots are not signed; take it out")
        if self.kind in ("feishu", "lark") and self.mentions.mobiles:
            raise ValueError("mentions.mobiles: Feishu knows only users (open ids); name those")
        return self


class WebhookConfig(_Channel):
    """A receiver of one's own, signed with HMAC-SHA256."""

    kind: Literal["webhook"]
    url: str = Field(max_length=2048)
    secret: SecretRef
    previous_secret: SecretRef | None = None
    per_minute: int = Field(60, ge=1, le=10_000)
    ca_file: Path | None = None


class MailConfig(_Channel):
    """A mail server and who gets the mail."""

    kind: Literal["mail"]
    host: str = Field(pattern=r"^[A-Za-z0-9.:-]+$", max_length=253)
    port: int = Field(587, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    user: str | None = None
    password: SecretRef | None = None
    sender: _Address
    recipients: tuple[_Address, ...] = Field(min_length=1)
    per_minute: int = Field(30, ge=1, le=1000)
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _possible(self) -> MailConfig:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password: expected both or neither")
        if self.tls == "none" and self.password:
            raise ValueError("tls: none would send the password in the clear; use starttls")
        return self


class LocalConfig(_Channel):
    """Standard output for people (``stdout``) or JSON lines (``jsonl``, to a file or ``-``)."""

    kind: Literal["stdout", "jsonl"]
    path: str = "-"


ChannelConfig = Annotated[
    RobotConfig | WebhookConfig | MailConfig | LocalConfig, Field(discriminator="kind")
]


class DeliveryConfig(BaseModel):
    """The part of ``alerts`` that delivery reads; other members are left to others."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    channels: dict[Name, ChannelConfig] = {}
    internal_receivers: tuple[str, ...] = ()  # host, host:port or CIDR that webhooks may reach
    timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"
    playbook: Path | None = None
    give_up_after_s: float = Field(86_400.0, gt=0)


def parse_config(alerts: Any, source: str) -> DeliveryConfig:
    """The checked description.

    Raises:
        ChannelError: with every fault; values are not shown, they may be secrets.
    """
    try:
        return DeliveryConfig.model_validate(alerts if alerts is not None else {})
    except ValidationError as error:
        faults = "; ".join(_fault(one) for one in error.errors(include_input=False))
        raise ChannelError(f"{source}: {faults}; see docs/channels.md") from None


def load_config(path: Path) -> DeliveryConfig:
    """The ``alerts`` of a YAML or TOML file.

    Raises:
        ChannelError: the file cannot be read, is no YAML or TOML, or is wrong inside.
    """
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_FILE_BYTES:
            raise ChannelError(f"{path}: expected at most 1 MiB, found {len(raw):,} bytes")
        text = raw.decode("utf-8-sig")
        found = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        raise ChannelError(
            f"{path}: expected a readable YAML or TOML file, found {type(error).__name__}"
            f"{_line(error)}; correct it"
        ) from None
    if not isinstance(found, dict) or not isinstance(found.get("alerts"), dict):
        raise ChannelError(f"{path}: expected alerts: channels: …, found no alerts; add them")
    return parse_config(found["alerts"], str(path))


def _line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" in line {mark.line + 1}" if mark else ""


def _fault(fault: Any) -> str:
    names = [str(one) for one in fault["loc"]]
    return f"{'.'.join(names) or 'alerts'}: {fault['msg'].removeprefix('Value error, ')}"
