"""A saved grouping: centers and names as JSON, with which new persons are placed without a fit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from profiles.errors import ProfilesError
from profiles.groups.stability import nearest
from profiles.groups.vectors import Floats, Ints, Vectors

FORMAT: Final = "tingfeng-groups-1"
_FAULTS: Final = (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, kw_only=True)
class GroupModel:
    """Centers of roots of shares (groups by topics), largest group first."""

    topics: tuple[str, ...]
    names: tuple[str, ...]
    centers: Floats
    sizes: tuple[int, ...]
    stability: dict[int, float]  # by the number of groups tried; empty where it was given

    @property
    def k(self) -> int:
        """Number of groups."""
        return len(self.names)

    def assign(self, vectors: Vectors) -> Ints:
        """Return each person's group, 0 .. k-1.

        Raises:
            ProfilesError: the vectors have other topics; build them with those of the model.
        """
        if vectors.topics != self.topics:
            raise ProfilesError(
                f"expected vectors over the {len(self.topics)} topics of the model, found "
                f"{len(vectors.topics)}; build them with the model's topics"
            )
        return nearest(vectors.points, self.centers)


def model_document(model: GroupModel) -> dict[str, Any]:
    """A model as JSON."""
    return {**asdict(model), "format": FORMAT, "centers": model.centers.tolist()}


def save_model(model: GroupModel, path: Path) -> None:
    """Write a model as JSON."""
    text = json.dumps(model_document(model), ensure_ascii=False, indent=1)
    path.write_text(text + "\n", "utf-8")


def load_model(path: Path) -> GroupModel:
    """Return a saved model.

    Raises:
        ProfilesError: the file is missing or is no such model.
    """
    try:
        return _checked(json.loads(path.read_text("utf-8")))
    except _FAULTS as error:
        raise ProfilesError(
            f"expected a model of groups in {path}, found: {' '.join(str(error).split())}; "
            "make one with tingfeng groups --save FILE.json"
        ) from error


def read_model(found: dict[str, Any]) -> GroupModel:
    """Return the model of a document.

    Raises:
        ProfilesError: it is no such model.
    """
    try:
        return _checked(found)
    except _FAULTS as error:
        raise ProfilesError(
            f"expected a model of groups, found: {' '.join(str(error).split())}; give the one of "
            "an earlier answer"
        ) from error


def _checked(found: dict[str, Any]) -> GroupModel:
    if found["format"] != FORMAT:
        raise ValueError(f"format {found['format']!r}, expected {FORMAT!r}")
    model = _model(found)
    if model.centers.shape != (model.k, len(model.topics)) or len(model.sizes) != model.k:
        raise ValueError(f"centers of shape {model.centers.shape}")
    return model


def _model(found: dict[str, Any]) -> GroupModel:
    return GroupModel(
        topics=tuple(found["topics"]),
        names=tuple(found["names"]),
        centers=np.array(found["centers"], float),
        sizes=tuple(found["sizes"]),
        stability={int(k): float(value) for k, value in found["stability"].items()},
    )
