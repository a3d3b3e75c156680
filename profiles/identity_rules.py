"""What each type of identifier may do, read from ``identity_rules.yaml``.

A rule says whether a person has at most one (unique), whether several persons may use it
(shareable), and with how many identifiers of one type it may be linked (max_degree).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml

from profiles.errors import IdentityError

RULES_FILE: Final = "identity_rules.yaml"
TYPES: Final = ("phone", "email", "unionid", "openid", "platform_uid", "order_account", "device")
_ALLOWED: Final = {
    "columns": list,
    "namespace": str,
    "unique": bool,
    "shareable": bool,
    "max_degree": int,
    "placeholders": list,
}


@dataclass(frozen=True, kw_only=True)
class TypeRule:
    """The rule of one type; ``columns`` are other names under which it comes."""

    name: str
    columns: tuple[str, ...] = ()
    namespace: str | None = None
    unique: bool = False
    shareable: bool = False
    max_degree: int
    placeholders: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class IdentityRules:
    """Every type's rule; ``digest`` changes whenever the file does."""

    types: Mapping[str, TypeRule]
    blanks: tuple[str, ...]
    digest: str


@lru_cache(maxsize=8)
def load_rules(path: Path | None = None) -> IdentityRules:
    """Return the rules of a file, or the ones that come with the package.

    Raises:
        IdentityError: the file is missing, no YAML, or breaks the form (every fault is named).
    """
    try:
        text = (path or files("profiles") / RULES_FILE).read_text("utf-8")
        document = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise IdentityError(
            f"expected identity rules in {path}, found: {' '.join(str(error).split())}; correct it"
        ) from error
    faults = _faults(document)
    if faults:
        raise IdentityError(
            f"expected identity rules in {path or RULES_FILE}, found {len(faults)} fault(s): "
            f"{'; '.join(faults)}; see profiles/{RULES_FILE} for the form"
        )
    types = {name: _rule(name, given) for name, given in document["types"].items()}
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return IdentityRules(
        types=types, blanks=tuple(str(one) for one in document.get("blanks", [""])), digest=digest
    )


def identifier_names(rules: IdentityRules) -> frozenset[str]:
    """Return the names of columns that hold an identifier in any table."""
    return frozenset(name for rule in rules.types.values() for name in rule.columns)


def carrying_names(rules: IdentityRules) -> frozenset[str]:
    """Return the names of columns that hold an identifier in any table, or say whose it is."""
    spaces = {rule.namespace for rule in rules.types.values() if rule.namespace}
    return identifier_names(rules) | spaces


def _rule(name: str, given: dict[str, Any]) -> TypeRule:
    values: dict[str, Any] = {
        key: tuple(str(one) for one in value) if isinstance(value, list) else value
        for key, value in given.items()
    }
    return TypeRule(name=name, **values)


def _faults(document: Any) -> list[str]:
    if not isinstance(document, dict) or not isinstance(document.get("types"), dict):
        return ["no mapping named types"]
    types = document["types"]
    faults = [f"type {name} is missing" for name in TYPES if name not in types]
    faults += [f"type {name} is unknown" for name in types if name not in TYPES]
    for name, given in types.items():
        faults += _type_faults(name, given)
    return faults


def _type_faults(name: str, given: Any) -> list[str]:
    if not isinstance(given, dict):
        return [f"{name} is no mapping"]
    faults = [f"{name}.{key} is unknown" for key in given if key not in _ALLOWED]
    for key, kind in _ALLOWED.items():
        if key in given and type(given[key]) is not kind:
            faults.append(f"{name}.{key} is {given[key]!r}, expected {kind.__name__}")
    degree = given.get("max_degree")
    if degree is None or (type(degree) is int and degree < 1):
        faults.append(f"{name}.max_degree is {degree}, expected 1 or more")
    return faults
