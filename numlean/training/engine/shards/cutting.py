"""Cut a batch into shards: consecutive samples, in as many parts as the run has shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import final

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.losses import Loss


@final
@dataclass(frozen=True)
class Shard:
    """A part of a batch.

    Attributes:
        index: Its position among the shards, from 0.
        x: Inputs, with a batch axis.
        y: Targets, with a batch axis.
        share: The part of the batch's loss that its own loss is multiplied by.
        samples: Its part of the samples of the batch.
        first: The position of its first sample among those of all shards.
    """

    index: int
    x: Tensor
    y: Tensor
    share: Fraction
    samples: Fraction
    first: int = 0

    @property
    def rows(self) -> Tensor:
        """The positions of its samples among those of all shards, as indices."""
        return Tensor(INDEX, np.arange(self.first, self.first + self.x.shape[0]))


def cut(x: Tensor, y: Tensor, count: int, loss: Loss) -> list[Shard]:
    """Return the shards of a batch that count, in order.

    The first shards have one sample more where the batch cannot be cut evenly. A shard has no part
    in the step if it has no samples or all its labels are ignored; if that holds for every shard,
    the first one is returned with a share of 1.

    Args:
        x: Inputs of shape (batch, ...).
        y: Targets of shape (batch, ...).
        count: The number of shards.
        loss: The loss, which says by what its mean divides.
    """
    total = x.shape[0]
    sizes = [total // count + (k < total % count) for k in range(count)]
    stops = np.cumsum(sizes)
    found: list[Shard] = []
    first = 0
    whole = loss.divisor(y)
    for k, (size, stop) in enumerate(zip(sizes, stops, strict=True)):
        rows = slice(int(stop) - size, int(stop))
        part = _rows(y, rows)
        own = loss.divisor(part)
        if size and (own is None or own):
            share = Fraction(1) if own is None or whole is None else own / whole
            found.append(Shard(k, _rows(x, rows), part, share, Fraction(size, total), first))
            first += size
    if found:
        return found
    rows = slice(0, sizes[0])
    return [Shard(0, _rows(x, rows), _rows(y, rows), Fraction(1), Fraction(1))]


def _rows(x: Tensor, rows: slice) -> Tensor:
    return x.like(np.ascontiguousarray(x.data[rows]))


def stream_index(step: int, part: int, count: int) -> int:
    """Return the number under which a part of a step draws its random numbers.

    Args:
        step: The step, from 0.
        part: The shard, or the number of shards for what follows them.
        count: The number of shards.
    """
    return step * (count + 1) + part


def balanced_sum(tensors: Sequence[Tensor]) -> Tensor:
    """Return the sum of tensors by the tree of pairwise sums.

    The sum of n tensors is that of the first 2**k plus that of the others, with 2**k the largest
    power of two below n.
    """
    if len(tensors) == 1:
        return tensors[0]
    middle = 1 << (len(tensors) - 1).bit_length() - 1
    return balanced_sum(tensors[:middle]) + balanced_sum(tensors[middle:])
