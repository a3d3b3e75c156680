"""The rules of the dimensions as data: the YAML files beside this module, checked when read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import yaml

from profiles.errors import ProfilesError

# members that a file must have, and of what type
_SHAPES: Final[Mapping[str, Mapping[str, type]]] = {
    "basic": {"platforms": dict, "fields": dict},
    "spending": {"discount_words": list, "refund_events": list, "categories": dict, "other": dict},
    "behaviour": {"stages": dict},
}


@cache
def rules(name: str) -> Mapping[str, Any]:
    """Return the rules of a dimension (basic, spending, behaviour).

    Raises:
        ProfilesError: the file lacks a member, or one is of another type (all are named).
    """
    text = files("profiles.dimensions").joinpath(f"{name}.yaml").read_text("utf-8")
    return checked(name, yaml.safe_load(text))


def checked(name: str, found: Any) -> Mapping[str, Any]:
    """Return rules that have what ``name`` needs.

    Raises:
        ProfilesError: see ``rules``.
    """
    given = found if isinstance(found, dict) else {}
    faults = [
        f"{member} ({kind.__name__})"
        for member, kind in _SHAPES[name].items()
        if not isinstance(given.get(member), kind)
    ]
    if faults:
        raise ProfilesError(
            f"expected {', '.join(faults)} in {name}.yaml, found {sorted(given)}; correct the file"
        )
    return given
