"""Industry packs: fields read from comments by words, and tags over them, as YAML.

A pack of the package is loaded by its name, a pack of one's own by the path of its file. A field's
key is ``<pack>.<attribute>``; its values are what conditions compare with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from data.labels import INTERESTS
from profiles.conditions.tree import Kind
from profiles.errors import ProfilesError

_NO_OTHER_KEYS: Final = ConfigDict(extra="forbid")


class PackError(ProfilesError):
    """A pack or tag file that does not fit; the message names every fault."""


@dataclass(frozen=True, kw_only=True)
class AttributeValue:
    """One value and the words that tell of it."""

    __pydantic_config__ = _NO_OTHER_KEYS

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """One field: ``one`` keeps a single value per person, ``own`` asks that it is the writer's."""

    __pydantic_config__ = _NO_OTHER_KEYS

    name: str
    values: dict[str, AttributeValue]
    one: bool = False
    own: bool = False


@dataclass(frozen=True, kw_only=True)
class TagRule:
    """A business tag: everybody of whom ``when`` holds. A new meaning is a new version."""

    __pydantic_config__ = _NO_OTHER_KEYS

    name: str
    version: int
    when: Any
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Months since birth, from (included) to (excluded); below 0 before birth."""

    __pydantic_config__ = _NO_OTHER_KEYS

    name: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """Which orders are buys of the kind: their ``field`` contains one of the words."""

    __pydantic_config__ = _NO_OTHER_KEYS

    field: str
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Pack:
    """One industry. ``sensitive`` fields stay out of ad lists; ``child`` reads birth months."""

    __pydantic_config__ = _NO_OTHER_KEYS

    key: str
    name: str
    topics: tuple[str, ...]
    attributes: dict[str, Attribute]
    tags: dict[str, TagRule]
    stages: dict[str, Stage]
    cycle: Cycle | None = None
    child: bool = False
    sensitive: bool = False

    @property
    def kinds(self) -> dict[str, Kind]:
        """The fields that this pack adds."""
        fields: dict[str, Kind] = {f"{self.key}.{name}": "set" for name in self.attributes}
        if self.child:
            fields |= {f"{self.key}.stage": "set", f"{self.key}.child_months": "number"}
        if self.cycle:
            names = ("cycle_days", "days_to_next_buy")
            fields |= {f"{self.key}.{name}": "number" for name in names}
        return fields


def pack_names() -> list[str]:
    """The packs of the package."""
    folder = resources.files("profiles.tags.packs")
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith("yaml"))


def load_pack(name: str | Path) -> Pack:
    """A pack of the package by its name, or one's own by the path of its YAML file.

    Raises:
        PackError: there is no such pack, or its keys, topics or words are wrong; all are named.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise PackError(f"expected a pack file, found no {path}")
        return build_pack(path.stem, path.read_text(encoding="utf-8"))
    if str(name) not in pack_names():
        raise PackError(f"expected a pack of {', '.join(pack_names())} or a .yaml, found {name}")
    text = (resources.files("profiles.tags.packs") / f"{name}.yaml").read_text(encoding="utf-8")
    return build_pack(str(name), text)


def build_pack(key: str, text: str) -> Pack:
    """A checked pack from YAML text.

    Raises:
        PackError: as for ``load_pack``.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PackError(f"pack {key}: expected YAML, found {error}") from error
    if not isinstance(raw, Mapping):
        raise PackError(f"pack {key}: expected name, topics, attributes and tags, found {raw!r}")
    plain = {"key": key, "attributes": {}, "tags": {}, "stages": {}, "topics": ()} | dict(raw)
    if isinstance(plain["stages"], Mapping):
        plain["stages"] = {k: _stage(v) for k, v in plain["stages"].items()}
    try:
        pack = TypeAdapter(Pack).validate_python(plain)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise PackError(f"pack {key}: " + "; ".join(faults)) from error
    faults = [*_faults(pack)]
    if faults:
        raise PackError(f"pack {key}: " + "; ".join(faults))
    return pack


def _stage(value: Any) -> Any:
    names = {"from": "start", "to": "end"}
    if not isinstance(value, Mapping):
        return value
    return {names.get(str(k), str(k)): v for k, v in value.items()}


def _faults(pack: Pack) -> list[str]:
    unknown = sorted(set(pack.topics) - set(INTERESTS))
    found = [f"topics: expected keys of the taxonomy, found {unknown}"] if unknown else []
    for name, attribute in pack.attributes.items():
        seen: dict[str, str] = {}
        for value, entry in attribute.values.items():
            if not entry.words:
                found.append(f"{name}.{value}: expected words, found none")
            for word in entry.words:
                if word in seen:
                    found.append(f"{name}: {word} stands for both {seen[word]} and {value}")
                seen[word] = value
    for stage in pack.stages.values():
        if stage.start >= stage.end:
            found.append(f"stage {stage.name}: expected from below to")
    return found
