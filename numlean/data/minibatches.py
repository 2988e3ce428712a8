"""The order in which samples are seen."""

from __future__ import annotations

from collections.abc import Iterator

from numlean.data.dataset import Dataset, Sample
from numlean.errors import DataError
from numlean.streams import UniformStream, permutation


def minibatches(dataset: Dataset, batch_size: int, *, seed: int) -> Iterator[Sample]:
    """Endless batches: every epoch in a new order, its last batch possibly smaller.

    The order of an epoch depends on the seed and the epoch's number only.

    Raises:
        DataError: The dataset is empty or the batch size is not positive.
    """
    if dataset.size == 0:
        raise DataError("there is nothing to train on: the dataset is empty")
    if batch_size < 1:
        raise DataError(f"a batch has at least one sample: batch size {batch_size}")
    return _generate(dataset, batch_size, seed)


def _generate(dataset: Dataset, batch_size: int, seed: int) -> Iterator[Sample]:
    epoch = 0
    while True:
        order = permutation(dataset.size, UniformStream(seed, epoch))
        for start in range(0, dataset.size, batch_size):
            yield dataset.batch(order[start : start + batch_size])
        epoch += 1
