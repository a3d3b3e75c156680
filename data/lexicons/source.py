"""Package YAML, read as plain strings.

Every scalar stays text (``666`` and ``no`` are words here, not a number or a boolean). Nothing is
read on import.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml

_LOADER: Any = getattr(
    yaml, "CBaseLoader", yaml.BaseLoader
)  # the C parser is about ten times faster


class LexiconError(ValueError):
    """A lexicon or taxonomy file that does not hold what it should."""


def read_package_yaml(package: str, name: str) -> dict[str, Any]:
    """The mapping in a YAML file that ships inside ``package``; all scalars are ``str``.

    Raises:
        LexiconError: the file is not a mapping.
    """
    text = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    return parse_yaml(text, name)


def parse_yaml(text: str, name: str) -> dict[str, Any]:
    """The mapping in a YAML text; ``name`` is used in messages only.

    Raises:
        LexiconError: the text is not YAML or not a mapping.
    """
    try:
        found = yaml.load(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise LexiconError(f"{name}: expected YAML, found {error}; correct the file") from error
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise LexiconError(f"{name}: expected a mapping, found {kind}; put keys at the top level")
    return found
