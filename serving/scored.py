"""Scores that a file brings along: taken over, instead of scoring its comments again.

``tingfeng score`` writes typed columns to Parquet and text to CSV, XLSX and, for lists, JSONL. All
are read back here, Chinese label names too. Text formats hold six decimals.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from data.columns import COMMENTS, SCORES
from data.readers import Batch, Dump
from serving.batch.labels import NAMES, translate

if TYPE_CHECKING:
    from nlp.analyzer import Analyzer

_TRUTH: Final = {"true": True, "false": False}
_KEYS: Final[dict[str, Any]] = {  # the names of every column the other way round
    column: {member: {name: key for key, name in inner.items()} for member, inner in names.items()}
    if column in ("interests", "aspects")
    else {name: key for key, name in names.items()}
    for column, names in NAMES.items()
}


class UnreadableScoresError(ValueError):
    """A score column holds something that scoring never wrote; the message says where."""


class FileScorer:
    """The comments of one dump with scores: the file's own where they may be kept."""

    def __init__(
        self, dump: Dump, analyzer: Callable[[], Analyzer], keep: bool, tell: Callable[[str], None]
    ) -> None:
        self._path, self._analyzer, self._keep = dump.path, analyzer, keep
        self._tell, self._told = tell, set[str]()

    def comments(self, batch: Batch) -> pa.Table:
        """The batch under the canonical names, scored."""
        records = pa.Table.from_batches([batch.records])
        scores = self._own(batch.original)
        if scores is None:
            scores = self._analyzer().score(records["text"].to_pylist())
        columns = [*records.columns, *(scores[name] for name in SCORES.names)]
        return pa.table(columns, schema=pa.schema([*COMMENTS, *SCORES]))

    def _own(self, original: pa.RecordBatch) -> pa.Table | None:
        """The scores in the file, or None when there are none that may be kept."""
        versions = versions_of(original)
        if versions is None:
            return None
        made_by = f"scores by {', '.join(versions)}"
        if not self._keep and versions != [self._analyzer().scorer.model_version]:
            self._say(
                f"scored again: it has {made_by}, the model is "
                f"{self._analyzer().scorer.model_version}; --keep-scores takes them as they are"
            )
            return None
        try:
            scores = read_scores(original)
        except UnreadableScoresError as error:
            self._say(f"scored again: its {made_by} cannot be read ({error})")
            return None
        self._say(f"its {made_by} are kept")
        return scores

    def _say(self, line: str) -> None:
        """Tells each line once per file."""
        if line not in self._told:
            self._told.add(line)
            self._tell(f"{self._path}: {line}")


def versions_of(original: pa.RecordBatch) -> list[str] | None:
    """The model versions of the scores in a batch of input rows, sorted.

    None when a score column is missing or a row is without a version: then there is nothing to
    take over.
    """
    if not set(SCORES.names) <= set(original.schema.names) or not original.num_rows:
        return None
    versions = {str(value or "") for value in original["model_version"].to_pylist()}
    return None if "" in versions else sorted(versions)


def read_scores(original: pa.RecordBatch) -> pa.Table:
    """The score columns of a batch under their own types, same rows.

    Raises:
        UnreadableScoresError: a cell is no number, list or label where one is expected.
    """
    if all(original.schema.field(field.name).type == field.type for field in SCORES):
        return pa.table([original[name] for name in SCORES.names], schema=SCORES)
    return pa.table([_column(original, field) for field in SCORES], schema=SCORES)


def _column(original: pa.RecordBatch, field: pa.Field) -> pa.Array:
    try:
        values = [_value(value, field) for value in original[field.name].to_pylist()]
        return pa.array(values, field.type)
    except (ValueError, TypeError, KeyError, AttributeError, pa.ArrowException) as error:
        raise UnreadableScoresError(f"column {field.name}: {error}") from error


def _value(value: Any, field: pa.Field) -> Any:
    """One cell as the Python value of its score column; the empty cell is null."""
    if value is None or value == "":
        return None
    if pa.types.is_list(field.type):
        value = json.loads(value) if isinstance(value, str) else value
    elif pa.types.is_floating(field.type):
        return float(value)
    elif pa.types.is_boolean(field.type):
        return value if isinstance(value, bool) else _TRUTH[str(value).lower()]
    if field.name not in NAMES:
        return value
    value = translate(value, _KEYS[field.name])
    _check_labels(value, NAMES[field.name])
    return value


def _check_labels(value: Any, names: Any) -> None:
    """Raises ValueError for a label that is none of ours."""
    if isinstance(value, list):
        for item in value:
            _check_labels(item, names)
    elif isinstance(value, dict):
        for member, known in names.items():
            _check_labels(value[member], known)
    elif value not in names:
        raise ValueError(f"expected one of {', '.join(names)}, found {value!r}")
