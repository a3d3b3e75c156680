"""Token n-grams as a module: hashed to buckets, summed, one linear layer.

Engines may count in 32-bit floats, which know whole numbers up to 2**24 exactly: no step of the
hash goes beyond, and its remainders are by powers of two.
"""

from __future__ import annotations

from typing import Final, cast

import torch
from torch import nn

from nlp.heads import OUTPUT_SIZE

IDS: Final = 32_768  # ids are taken modulo this
MOST_BITS: Final = 19  # of a bucket's number
FACTOR: Final = 31  # FACTOR x 2**MOST_BITS is below 2**24


class NGrams(nn.Module):
    """``forward(ids, mask) -> logits``: (rows, tokens) twice in, (rows, outputs) out.

    A text is the sum of its n-grams' rows over the root of their number.
    """

    def __init__(self, buckets: int, size: int, outputs: int = OUTPUT_SIZE) -> None:
        """``buckets`` is a power of two up to ``2**MOST_BITS``."""
        super().__init__()
        self.buckets = buckets
        self.rows: nn.Module = nn.Embedding(buckets, size)  # ``export`` packs it
        self.out = nn.Linear(size, outputs)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Logits of padded rows of ids."""
        one, two, three = hashes(ids, self.buckets)
        here = mask.float()
        pair = here * _following(here)
        counted = torch.cat([here, pair, pair * _following(_following(here))], dim=1)
        found = self.rows(torch.cat([one, two, three], dim=1))
        total = (counted.unsqueeze(1) @ found).squeeze(1)
        logits: torch.Tensor = self.out(total / counted.sum(1, keepdim=True).sqrt())
        return logits

    def of_bags(
        self, buckets: torch.Tensor, starts: torch.Tensor, counts: torch.Tensor
    ) -> torch.Tensor:
        """The same of bags end to end, (all n-grams,); only the rows met get a gradient."""
        total = nn.functional.embedding_bag(buckets, self.table, starts, mode="sum", sparse=True)
        logits: torch.Tensor = self.out(total / counts.sqrt().unsqueeze(1))
        return logits

    @property
    def table(self) -> nn.Parameter:
        """(buckets, size), before it is packed."""
        return cast(nn.Parameter, self.rows.weight)

    def without_auxiliary(self) -> NGrams:
        """Only the outputs that are shipped."""
        kept = NGrams(1, self.table.shape[1])
        kept.buckets, kept.rows = self.buckets, self.rows
        kept.out.weight.data = self.out.weight.data[:OUTPUT_SIZE].clone()
        kept.out.bias.data = self.out.bias.data[:OUTPUT_SIZE].clone()
        return kept


def ngrams(ids: torch.Tensor, buckets: int) -> torch.Tensor:
    """Buckets of all n-grams of one text's ids, (tokens,); 3 x tokens - 3 of them."""
    one, two, three = hashes(ids.unsqueeze(0), buckets)
    return torch.cat([one[0], two[0, :-1], three[0, :-2]])


def hashes(ids: torch.Tensor, buckets: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Buckets of the one, two and three tokens that start at each place, (rows, tokens) each.

    At the end of a row they hold what is not there and must be left out.
    """
    ids = ids % IDS
    second = _following(ids)
    one = _turned(ids, buckets, times=4)
    two = _turned(one + second, buckets, times=3)
    return one, two, _turned(two + _following(second), buckets, times=2)


def _turned(values: torch.Tensor, buckets: int, *, times: int) -> torch.Tensor:
    """Times ``FACTOR`` over and over, modulo the buckets: neighbours come to lie far apart."""
    values = values % buckets
    for _ in range(times):
        values = values * FACTOR % buckets
    return values


def _following(values: torch.Tensor) -> torch.Tensor:
    """What stands one place to the right; 0 at the end."""
    return torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)
