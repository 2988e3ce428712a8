"""What an update takes from a batch, from what its shards gave."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from numlean.autograd.primitives import maximum
from numlean.autograd.tensor import Tensor
from numlean.training.shards.cutting import Shard, balanced_sum
from numlean.training.update import Gradients


def combine(parts: Sequence[Gradients], shards: Sequence[Shard]) -> Gradients:
    """Return the loss, the gradients, the buffers and the observed magnitudes of a batch.

    Losses and gradients, which have their shares, are added by a balanced tree, in their Scalars.
    A buffer is the sum of the shards' buffers, each times its part of the samples, by the same
    tree. A magnitude is the greatest one.
    """
    names = parts[0].buffers
    return Gradients(
        balanced_sum([each.loss for each in parts]),
        [balanced_sum(same) for same in zip(*(each.gradients for each in parts), strict=True)],
        {name: _mean([each.buffers[name] for each in parts], shards) for name in names},
        {key: reduce(maximum, [each.amaxes[key] for each in parts]) for key in parts[0].amaxes},
    )


def _mean(buffers: Sequence[Tensor], shards: Sequence[Shard]) -> Tensor:
    weighted = [x * float(shard.samples) for x, shard in zip(buffers, shards, strict=True)]
    return balanced_sum(weighted)
