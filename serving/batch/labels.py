"""Label keys of a score table as Chinese names, and names back as keys.

Only score columns are touched: an input column of the same name was renamed by
``serving.batch.schema``. A value that is no label stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa

from data.columns import SCORES
from data.labels import ASPECTS, EMOTIONS, FLAGS, INTERESTS, RISKS, SENTIMENTS
from serving.errors import UsageError

LABELS: Final = ("keys", "zh")
CHINESE_SUFFIXES: Final = (".csv", ".xlsx")  # the others are for programs

# by score column the names of its labels; of a list of objects, by member
NAMES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "sentiment": SENTIMENTS,
        "emotion": EMOTIONS,
        "interest": INTERESTS,
        "interests": {"topic": INTERESTS},
        "aspects": {"aspect": ASPECTS, "polarity": SENTIMENTS},
        "flags": FLAGS,
        "risks": RISKS,
    }
)


def check_labels(out: Path, labels: str) -> None:
    """Raises UsageError when ``labels`` is unknown or the format of ``out`` keeps keys only."""
    if labels not in LABELS:
        raise UsageError(f"--labels: expected {' or '.join(LABELS)}, found {labels!r}; correct it")
    if labels == "zh" and out.suffix not in CHINESE_SUFFIXES:
        raise UsageError(
            f"--labels zh: expected --out to end in {' or '.join(CHINESE_SUFFIXES)}, found "
            f"{out.name!r}; leave --labels out, other formats keep the keys"
        )


def with_chinese_labels(table: pa.Table) -> pa.Table:
    """The scored table with every label under its Chinese name; types and rows stay."""
    for name, names in NAMES.items():
        at = table.schema.get_field_index(name)
        values = [translate(value, names) for value in table.column(at).to_pylist()]
        table = table.set_column(at, SCORES.field(name), pa.array(values, SCORES.field(name).type))
    return table


def translate(value: Any, names: Mapping[str, Any]) -> Any:
    """A cell of labels, a list of them or of objects, by ``names``; an unknown one as it is."""
    if isinstance(value, list):
        return [translate(item, names) for item in value]
    if isinstance(value, dict):
        return {key: translate(item, names.get(key, {})) for key, item in value.items()}
    return names.get(value, value) if isinstance(value, str) else value
