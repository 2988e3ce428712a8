"""What an update takes from a batch, from what its shards gave."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from numlean.autograd.primitives import maximum
from numlean.autograd.tensor import Tensor
from numlean.training.engine.shards.cutting import Shard, balanced_sum
from numlean.training.update import Gradients


def combine(parts: Sequence[Gradients], shards: Sequence[Shard], *, is_whole: bool) -> Gradients:
    """Return the loss, the gradients, the buffers and the observed magnitudes of a batch.

    Losses and gradients, which have their shares, are added by a balanced tree, in their Scalars.
    A buffer is the sum of the shards' buffers, each times its part of the samples, by the same
    tree; or that of the first shard if all have the statistics of the batch. A magnitude is the
    greatest one.

    Args:
        parts: What each shard gave.
        shards: The shards.
        is_whole: Whether buffers are those of the whole batch already.
    """
    names = parts[0].buffers
    return Gradients(
        balanced_sum([each.loss for each in parts]),
        [balanced_sum(same) for same in zip(*(each.gradients for each in parts), strict=True)],
        {
            name: parts[0].buffers[name]
            if is_whole
            else _mean([p.buffers[name] for p in parts], shards)
            for name in names
        },
        {key: reduce(maximum, [each.amaxes[key] for each in parts]) for key in parts[0].amaxes},
    )


def _mean(buffers: Sequence[Tensor], shards: Sequence[Shard]) -> Tensor:
    weighted = [x * float(shard.samples) for x, shard in zip(buffers, shards, strict=True)]
    return balanced_sum(weighted)
