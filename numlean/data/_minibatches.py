"""An endless stream of shuffled minibatches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from numlean.arguments import checked
from numlean.data.dataset import Batch, Dataset
from numlean.errors import DataError
from numlean.rng import UniformStream, permutation

Order: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.intp]]


@checked
def minibatches(dataset: Dataset, batch_size: int, *, seed: int, start: int = 0) -> Iterator[Batch]:
    """Return an endless stream of batches: each epoch in a new order, its last batch maybe smaller.

    The order of an epoch depends on the seed and the epoch's number only, so the stream can begin
    at batch ``start`` without computing the batches before it.

    Raises:
        DataError: The dataset is empty, the batch size is not positive or ``start`` is negative.
    """
    orders = batch_orders(dataset, batch_size, seed=seed, start=start)
    return (dataset.batch(rows) for order in orders for rows in order)


def batch_orders(
    dataset: Dataset, batch_size: int, *, seed: int, start: int = 0
) -> Iterator[Order]:
    """Return an endless stream of the indices of batches, as ``minibatches`` takes them.

    Each array has the batches of an epoch that are full, or its smaller last one, of shape
    (batches, samples of a batch).

    Raises:
        DataError: The dataset is empty, the batch size is not positive or ``start`` is negative.
    """
    if dataset.size == 0:
        raise DataError("minibatches needs a dataset with samples, got an empty one")
    if batch_size < 1:
        raise DataError(f"batch_size must be at least 1, got {batch_size}")
    if start < 0:
        raise DataError(f"start must not be negative, got {start}")
    return _generate(dataset.size, batch_size, seed, start)


def _generate(size: int, batch_size: int, seed: int, start: int) -> Iterator[Order]:
    epoch, skipped = divmod(start, -(-size // batch_size))
    full = size // batch_size * batch_size
    while True:
        order = permutation(size, UniformStream(seed, epoch))
        first = skipped * batch_size
        if first < full:
            yield order[first:full].reshape(-1, batch_size)
        if full < size:
            yield order[full:].reshape(1, -1)
        epoch, skipped = epoch + 1, 0
