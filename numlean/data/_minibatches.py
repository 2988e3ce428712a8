"""An endless stream of shuffled minibatches."""

from __future__ import annotations

from collections.abc import Iterator

from numlean.arguments import checked
from numlean.data.dataset import Batch, Dataset
from numlean.errors import DataError
from numlean.rng import UniformStream, permutation


@checked
def minibatches(dataset: Dataset, batch_size: int, *, seed: int, start: int = 0) -> Iterator[Batch]:
    """Return an endless stream of batches: each epoch in a new order, its last batch maybe smaller.

    The order of an epoch depends on the seed and the epoch's number only, so the stream can begin
    at batch ``start`` without computing the batches before it.

    Raises:
        DataError: The dataset is empty, the batch size is not positive or ``start`` is negative.
    """
    if dataset.size == 0:
        raise DataError("minibatches needs a dataset with samples, got an empty one")
    if batch_size < 1:
        raise DataError(f"batch_size must be at least 1, got {batch_size}")
    if start < 0:
        raise DataError(f"start must not be negative, got {start}")
    return _generate(dataset, batch_size, seed, start)


def _generate(dataset: Dataset, batch_size: int, seed: int, start: int) -> Iterator[Batch]:
    epoch, skipped = divmod(start, -(-dataset.size // batch_size))
    while True:
        order = permutation(dataset.size, UniformStream(seed, epoch))
        for first in range(skipped * batch_size, dataset.size, batch_size):
            yield dataset.batch(order[first : first + batch_size])
        epoch, skipped = epoch + 1, 0
