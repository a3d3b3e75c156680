"""The model's heads: which labels each one gives, in output order, and whether they exclude each
other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from data.labels import ASPECTS, EMOTIONS, FLAGS, INTERESTS, POLARITIES, RISKS, SENTIMENTS


@dataclass(frozen=True, kw_only=True)
class Head:
    """``exclusive`` heads are read with a softmax, the others with a sigmoid per label and a
    threshold each.
    """

    name: str
    labels: tuple[str, ...]
    exclusive: bool


ASPECT_LABELS: Final = tuple(f"{a}:{p}" for a in ASPECTS for p in POLARITIES)
HEADS: Final = (
    Head(name="sentiment", labels=tuple(SENTIMENTS), exclusive=True),
    Head(name="emotion", labels=tuple(EMOTIONS), exclusive=True),
    Head(name="interest", labels=tuple(k for k in INTERESTS if k != "other"), exclusive=False),
    Head(name="flags", labels=tuple(FLAGS), exclusive=False),
    Head(name="risks", labels=tuple(RISKS), exclusive=False),
    Head(name="aspects", labels=ASPECT_LABELS, exclusive=False),
)
HEAD_BY_NAME: Final = {head.name: head for head in HEADS}
OUTPUT_SIZE: Final = sum(len(head.labels) for head in HEADS)


def output_slices() -> dict[str, slice]:
    """Where each head's logits lie in the model's one output row of ``OUTPUT_SIZE`` numbers."""
    slices, start = {}, 0
    for head in HEADS:
        slices[head.name] = slice(start, start + len(head.labels))
        start += len(head.labels)
    return slices
