"""A loader: the batches of a dataset, epoch by epoch, optionally shuffled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from numlean.arguments import checked
from numlean.data.dataset import Batch, Dataset, Sample
from numlean.errors import DataError, UnknownNameError
from numlean.rng import UniformStream, permutation

LoaderBatch: TypeAlias = Batch | list[Sample]
"""A batch if the loader stacks, otherwise a list of samples."""

Order: TypeAlias = tuple[int, ...]
"""The indices of samples, in the order of an epoch."""

SHUFFLE_PROFILES: Final = ("torchlean", "philox")
"""The ways to draw an order."""

_MULTIPLIER: Final = 1103515245
_INCREMENT: Final = 12345
_MODULUS: Final = 1 << 31


@checked
@dataclass(frozen=True)
class DataLoader:
    """Batches of a dataset. A loader is immutable: ``epoch`` returns the loader of the next epoch.

    In the shuffle profile ``torchlean``, each epoch assigns keys to the samples in the order of the
    previous epoch: the state s, initially the seed, becomes (1103515245*s + 12345) mod 2^31 for
    each key. The samples are sorted by key, stably, and the last s becomes the seed. In the profile
    ``philox``, the order depends on the seed and the epoch's number only, as in ``minibatches``.

    Attributes:
        dataset: The samples, in their own order.
        batch_size: The number of samples per batch.
        shuffle: Whether each epoch has a new order.
        seed: The seed of the order; in the profile ``torchlean`` its current state.
        drop_last: Whether to leave out a last batch that is not full.
        shuffle_profile: The way orders are drawn.
        stack: Whether to yield each batch as one :class:`Batch`, rather than a list of samples.
        order: The order of the last epoch; None before the first.
        epochs_done: The number of epochs so far.

    Raises:
        DataError: The dataset is empty, or a count is out of range.
    """

    dataset: Dataset
    batch_size: int
    shuffle: bool = False
    seed: int = 0
    drop_last: bool = False
    shuffle_profile: str = "torchlean"
    stack: bool = False
    order: Order | None = None
    epochs_done: int = 0

    def __post_init__(self) -> None:
        if self.dataset.size == 0:
            raise DataError("DataLoader: the dataset is empty")
        if self.batch_size < 1:
            raise DataError(f"DataLoader: batch_size {self.batch_size} is not at least 1")
        if self.seed < 0:
            raise DataError(f"DataLoader: the seed must not be negative, got {self.seed}")
        if self.shuffle_profile not in SHUFFLE_PROFILES:
            raise UnknownNameError(
                "shuffle_profile of DataLoader", self.shuffle_profile, SHUFFLE_PROFILES
            )

    @property
    def updates(self) -> int:
        """The number of updates per epoch: one per batch if the loader stacks, else per sample."""
        full, rest = divmod(self.dataset.size, self.batch_size)
        last = rest > 0 and not self.drop_last
        return full + last if self.stack else full * self.batch_size + rest * last

    def after(self, epochs: int) -> DataLoader:
        """Return the loader after some more epochs."""
        loader = self
        for _ in range(epochs):
            loader = replace(loader._shuffled(), epochs_done=loader.epochs_done + 1)
        return loader

    def epoch(self) -> tuple[DataLoader, list[LoaderBatch]]:
        """Return the loader after the next epoch, and that epoch's batches."""
        after = self.after(1)
        order = after.order or tuple(range(self.dataset.size))
        firsts = range(0, len(order), self.batch_size)
        groups = [order[first : first + self.batch_size] for first in firsts]
        if self.drop_last and len(groups[-1]) < self.batch_size:
            groups.pop()
        return after, [self._batch(group) for group in groups]

    def _batch(self, group: Order) -> LoaderBatch:
        if self.stack:
            return self.dataset.batch(list(group))
        return [self.dataset.get(index) for index in group]

    def _shuffled(self) -> DataLoader:
        if not self.shuffle:
            return self
        if self.shuffle_profile == "philox":
            drawn = permutation(self.dataset.size, UniformStream(self.seed, self.epochs_done))
            return replace(self, order=tuple(drawn.tolist()))
        before = self.order or tuple(range(self.dataset.size))
        keys = _keys(self.seed, len(before))
        places = np.argsort(keys, kind="stable").tolist()
        return replace(self, order=tuple(before[k] for k in places), seed=keys[-1])


def _keys(state: int, count: int) -> list[int]:
    """Return the next states of the generator of the profile ``torchlean``."""
    keys = []
    for _ in range(count):
        state = (_MULTIPLIER * state + _INCREMENT) % _MODULUS
        keys.append(state)
    return keys
