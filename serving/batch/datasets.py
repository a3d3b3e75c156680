"""Hugging Face datasets: a ``datasets.Dataset`` in, one with the score columns out.

Works on Arrow tables on disk, so a dataset may be larger than memory; a second call with the same
data and model is answered from the library's cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from data.columns import SCORES
from nlp.analyzer import Analyzer
from nlp.scorer import load_scorer
from serving.batch.schema import OutputColumns
from serving.errors import ServingError, UsageError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

BATCH_ROWS: Final = 16_384


def score_dataset(
    dataset: Dataset | DatasetDict,
    *,
    text_column: str = "text",
    analyzer: Analyzer | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Any:
    """The dataset with the columns of ``data.columns.SCORES`` added, rows in order; of a
    ``DatasetDict``, every split.

    Without an ``analyzer`` the default model is loaded. A column that bears a score's name is kept
    under the prefix ``input_``.

    Raises:
        ServingError: the package ``datasets`` is not installed.
        UsageError: there is no such text column.
    """
    try:
        from datasets import DatasetDict
        from datasets.fingerprint import Hasher
    except ImportError as error:
        raise ServingError(
            "expected the package datasets, found it not installed; run `pip install datasets`"
        ) from error
    analyzer = analyzer or Analyzer(load_scorer())
    if isinstance(dataset, DatasetDict):
        scored = {
            name: score_dataset(
                split, text_column=text_column, analyzer=analyzer, batch_rows=batch_rows
            )
            for name, split in dataset.items()
        }
        return DatasetDict(scored)
    if text_column not in dataset.column_names:
        known = ", ".join(dataset.column_names)
        raise UsageError(
            f"expected a text column of {known}, found {text_column!r}; correct the name"
        )
    names = OutputColumns([dataset.features.arrow_schema])
    scorer = analyzer.scorer
    decisive = [dataset._fingerprint, text_column, scorer.model_version, scorer.numerics]

    def add_scores(table: pa.Table) -> pa.Table:
        scores = analyzer.score(table[text_column].to_pylist())
        table = table.rename_columns([names.name(name) for name in table.column_names])
        for field in SCORES:
            table = table.append_column(field, scores[field.name])
        return table

    mapped = dataset.with_format("arrow").map(
        add_scores,
        batched=True,
        batch_size=batch_rows,
        remove_columns=dataset.column_names,
        new_fingerprint=Hasher.hash([*decisive, analyzer.extras]),
        desc="scoring",
    )
    return mapped.with_format(None)
