"""What to do next per kind of risk, from YAML, for notices that do not say it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.labels import RISKS
from serving.alerts.delivery.errors import ChannelError
from serving.alerts.notice import Notice

SHIPPED: Final = Path(__file__).with_name("playbook.yaml")
_RISKS_TOLD: Final = 2

Line = Annotated[str, Field(min_length=1, max_length=200)]


class Playbook(BaseModel):
    """Steps in order; ``default`` is for notices without a risk, ``no_comments`` for silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    risks: dict[str, tuple[Line, ...]] = {}
    default: tuple[Line, ...] = ()
    critical_first: Line | None = None
    resolved: tuple[Line, ...] = ()
    no_comments: tuple[Line, ...] = ()

    def steps(self, notice: Notice) -> Sequence[str]:
        """The notice's own steps, else those of its two main risks, else the default ones."""
        if notice.playbook:
            return notice.playbook
        if notice.kind == "test":
            return ()
        if notice.cause == "silence":
            return () if notice.kind == "resolved" else self.no_comments
        if notice.kind == "resolved":
            return self.resolved
        labels = [notice.key.get("risk", ""), *(label for label, _ in notice.risks)]
        known = list(dict.fromkeys(label for label in labels if label in self.risks))[:_RISKS_TOLD]
        found = [line for label in known for line in self.risks[label]] or list(self.default)
        first = [self.critical_first] if self.critical_first else []
        return [*first, *found] if notice.severity == "critical" else found


@cache
def load_playbook(path: Path | None = None) -> Playbook:
    """The playbook of a file, or the shipped one; each is read once.

    Raises:
        ChannelError: the file cannot be read, or names an unknown risk or member.
    """
    file = path or SHIPPED
    try:
        book = Playbook.model_validate(yaml.safe_load(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ChannelError(
            f"{file}: expected a playbook as in docs/channels.md, found "
            f"{' '.join(str(error).split())[:300]}; correct it"
        ) from None
    unknown = sorted(set(book.risks) - set(RISKS))
    if unknown:
        raise ChannelError(
            f"{file}: expected risks among {', '.join(RISKS)}, found {', '.join(unknown)}"
        )
    return book
