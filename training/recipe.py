"""Recipes: what to train, on which sources, and how each source's labels map onto our heads.

A recipe is one YAML file; ``training/recipes/small.yaml`` is the default model's and explains
the format.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
)

from nlp.batching import LENGTHS
from nlp.heads import HEAD_BY_NAME, Head
from training.errors import TrainingError
from training.ngrams import MOST_BITS

HeadName = Literal["sentiment", "emotion", "interest", "flags", "risks", "aspects"]
Share = Annotated[float, Field(ge=0, lt=1)]
_GROUPS: Final = ("corpus", "annotations", "distill", "wide")
_NOT_INHERITED: Final[dict[str, Any]] = {  # what tells of one stage alone
    "stop_after": 1.0,
    "max_rows_per_source": None,
    "mask_share": 0.0,
    "unlabelled": (),
    "distill_teachers": (),
    "refit_heads": (),
    "average_with": None,
    "wide_bits": 0,
}
_NO_OTHER_KEYS: Final = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True)
class HeadMapping:
    """How one column of a source becomes one head's targets.

    ``labels`` (``map`` in the file) maps a source label to classes: for softmax heads the ones it
    allows, for interest the topics, for flags name to 0/1. ``constant`` gives every row the same.
    """

    __pydantic_config__ = _NO_OTHER_KEYS

    column: str = "label"
    labels: Annotated[dict[str, Any], Field(validation_alias=AliasChoices("map", "labels"))] = (
        field(default_factory=dict)
    )
    constant: Any = None
    weight: NonNegativeFloat = 1.0
    balanced: bool = False  # rare labels weigh more, in inverse proportion to their rows
    min_chars: NonNegativeInt = 0

    @property
    def values(self) -> list[Any]:
        """Every value that some row can get."""
        return list(self.labels.values()) if self.constant is None else [self.constant]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One labelled file (Parquet with ``text``, ``split`` and label columns) and its heads."""

    __pydantic_config__ = _NO_OTHER_KEYS

    file: str
    heads: dict[str, HeadMapping] = field(default_factory=dict)
    auxiliary: str | None = None  # a column whose own classes get an auxiliary head, not shipped
    licence: str = "not stated"  # of the data, as its source says
    train_split: str = "train"  # another one for a set whose train file is not to be had
    limit: PositiveInt | None = None  # rows drawn anew each epoch
    repeat: NonNegativeInt = 1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training run; kept in the run's record."""

    __pydantic_config__ = _NO_OTHER_KEYS

    name: str
    base: str
    max_tokens: Annotated[int, Field(ge=LENGTHS[0], le=LENGTHS[-1])]
    epochs: PositiveFloat
    tokens_per_batch: PositiveInt
    learning_rate: PositiveFloat
    head_learning_rate: PositiveFloat
    layer_decay: PositiveFloat
    weight_decay: NonNegativeFloat
    warmup_share: Share
    dropout: Share
    seed: NonNegativeInt
    min_piece_count: NonNegativeInt
    min_emote_count: PositiveInt
    encoder_dropout: Share = 0.0  # inside the encoder
    hide_share: Share = 0.0  # of a text's tokens, hidden anew each time it is learnt from
    vocabulary_texts: tuple[str, ...] = ()
    corpus_repeat: NonNegativeInt = 0  # 0: the written corpus is left out altogether
    corpus_weight: NonNegativeFloat = 1.0
    corpus_held_out_share: Share = 0.1
    annotations_repeat: NonNegativeInt = 0  # labels of real comments; 0 leaves them out
    annotations_weight: NonNegativeFloat = 1.0
    annotations_dumps: str = "dumps"  # folder of the data folder that holds their texts
    sources: tuple[Source, ...] = ()
    starts_from: str | None = None  # the recipe whose run's last weights this one goes on from
    base_licence: str = "not stated"
    unlabelled: tuple[str, ...] = ()  # folders of dumps: texts to adapt to or to distil on
    unlabelled_limit: PositiveInt = 100_000
    mask_share: Share = 0.0  # above 0: masked language modelling on the unlabelled texts alone
    distill_teachers: tuple[str, ...] = ()  # runs beside this one
    distill_weight: NonNegativeFloat = 1.0
    distill_temperature: PositiveFloat = 2.0
    average_with: str | None = None  # a run beside this one, to average the best weights with
    average_weight: Share = 0.3  # its share
    refit_heads: tuple[HeadName, ...] = ()
    wide_bits: Annotated[int, Field(ge=0, le=MOST_BITS)] = 0  # 2**bits buckets; 0: no wide part
    wide_size: PositiveInt = 24  # numbers per bucket
    wide_epochs: PositiveInt = 3
    wide_rows_per_source: PositiveInt = 30_000
    accumulate: PositiveInt = 1  # batches per step of the optimiser
    evaluations: PositiveInt = 2  # per epoch
    patience: NonNegativeInt = 0  # evaluations without a better one before the run ends; 0: never
    stop_after: Annotated[float, Field(gt=0, le=1)] = 1.0  # share of the schedule's steps
    max_rows_per_source: PositiveInt | None = None  # each epoch; the corpus is not cut


def load_recipe(path: Path) -> Recipe:
    """Reads a recipe; with ``starts_from: OTHER.yaml`` it has every key of OTHER that it lacks and
    goes on from OTHER's run, with ``extends: OTHER.yaml`` it only has the keys.

    Raises:
        TrainingError: no such file, or keys, values or class names that are wrong; all are named.
    """
    if not path.is_file():
        raise TrainingError(f"expected a recipe, found no file {path}; see training/recipes/")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise TrainingError(f"{path}: expected YAML, found {error}; correct the file") from error
    return _checked(_with_parent(_flat(raw), path), str(path))


def parents_of(path: Path) -> dict[str, Path]:
    """The recipe files whose runs this one needs, by their names: its start, its teachers and
    the one that it is averaged with.
    """
    raw = _flat(yaml.safe_load(path.read_text(encoding="utf-8")))
    if not isinstance(raw, dict):
        return {}
    needed = (raw.get("starts_from"), raw.get("average_with"), *_teachers(raw))
    files = [path.parent / str(f) for f in needed if f]
    return {load_recipe(file).name: file for file in files}


def recipe_from_record(record: dict[str, Any]) -> Recipe:
    """The recipe that ``dataclasses.asdict`` turned into a run's record."""
    return _checked(record, "run.json")


def as_list(value: Any) -> list[str]:
    """The classes of a mapping's value: one name or a list of names."""
    return list(value) if isinstance(value, list) else [value]


def _with_parent(raw: Any, path: Path) -> Any:
    """With ``starts_from`` or ``extends``, every key of that recipe that this one lacks."""
    if not isinstance(raw, dict):
        return raw
    raw = dict(raw)
    if "distill_teachers" in raw:
        raw["distill_teachers"] = [load_recipe(path.parent / str(f)).name for f in _teachers(raw)]
    if raw.get("average_with"):
        raw["average_with"] = load_recipe(path.parent / str(raw["average_with"])).name
    start, like = raw.pop("starts_from", None), raw.pop("extends", None)
    if start is None and like is None:
        return raw
    parent = dataclasses.asdict(load_recipe(path.parent / str(start or like)))
    own = {"starts_from": parent["name"] if start else None} | _NOT_INHERITED
    return parent | own | raw


def _teachers(raw: dict[str, Any]) -> list[Any]:
    teachers = raw.get("distill_teachers", [])
    return teachers if isinstance(teachers, list) else [teachers]


def _flat(raw: Any) -> Any:
    """``corpus: {repeat: 4}`` becomes ``corpus_repeat: 4``; anything odd is left for the check."""
    if not isinstance(raw, dict):
        return raw
    flat: dict[str, Any] = {}
    for key, value in raw.items():
        if key in _GROUPS and isinstance(value, dict):
            flat |= {f"{key}_{inner}": v for inner, v in value.items()}
        else:
            flat[key] = value
    return flat


def _checked(raw: Any, where: str) -> Recipe:
    try:
        recipe = TypeAdapter(Recipe).validate_python(raw)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    else:
        faults = list(_label_faults(recipe))
    if faults:
        raise TrainingError(
            f"{where}: expected a recipe, found {len(faults)} faults: {'; '.join(faults)}; "
            "training/recipes/small.yaml shows the format"
        )
    return recipe


def _label_faults(recipe: Recipe) -> Iterator[str]:
    for source in recipe.sources:
        if not source.heads and not source.auxiliary:
            yield f"{source.file}: expected heads or auxiliary, found neither"
        for name, mapping in source.heads.items():
            if name not in HEAD_BY_NAME:
                yield f"{source.file}: expected heads out of {list(HEAD_BY_NAME)}, found {name}"
            elif bool(mapping.labels) == (mapping.constant is not None):
                yield f"{source.file}: {name}: expected either map or constant"
            else:
                wrong = [v for v in mapping.values if not _is_value_of(HEAD_BY_NAME[name], v)]
                yield from (
                    f"{source.file}: {name}: expected {_expected(name)}, found {v}" for v in wrong
                )


def _is_value_of(head: Head, value: Any) -> bool:
    if head.exclusive or head.name == "interest":
        return all(name in head.labels for name in as_list(value))
    return isinstance(value, dict) and all(
        name in head.labels and outcome in (0, 1) for name, outcome in value.items()
    )


def _expected(head: str) -> str:
    labels = ", ".join(HEAD_BY_NAME[head].labels)
    single = HEAD_BY_NAME[head].exclusive or head == "interest"
    return f"classes out of {labels}" if single else f"0 or 1 for some of {labels}"
