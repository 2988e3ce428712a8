"""Train/test splits, and standardisation of their data."""

from __future__ import annotations

import numpy as np

from numlean.autograd.tensor import Tensor
from numlean.data import Dataset
from numlean.data.dataset import Floats
from numlean.data.standardise import standardise, standardise_in_scalar, statistics
from numlean.rng import UniformStream, permutation
from numlean.scalar.protocol import Scalar
from numlean.tasks.named import Split


def train_test_split(inputs: Floats, targets: Floats, *, test_size: int, seed: int) -> Split:
    """Shuffle samples with a seed, and hold out the first ones for testing."""
    order = permutation(len(inputs), UniformStream(seed))
    test, train = Dataset.of_arrays(inputs[order], targets[order]).split_at(test_size)
    return Split(train=train, test=test)


def standardise_before(split: Split, *, targets: bool) -> Split:
    """Standardise the inputs, and on request the targets, in binary64.

    The statistics are those of the training data; ``numlean.data.standardise`` states the formula
    and the order of its operations.
    """
    x_train, x_test = _standardise_split(split.train.x, split.test.x)
    if not targets:
        return Split(Dataset(x_train, split.train.y), Dataset(x_test, split.test.y))
    y_train, y_test = _standardise_split(split.train.y, split.test.y)
    return Split(Dataset(x_train, y_train), Dataset(x_test, y_test))


def standardise_within(split: Split, scalar: Scalar, *, targets: bool) -> Split:
    """Standardise with the operations of a Scalar, which also compute the statistics."""
    x_train, x_test = _standardise_split_in(scalar, split.train.x, split.test.x)
    if not targets:
        return Split(Dataset(x_train, split.train.y), Dataset(x_test, split.test.y))
    y_train, y_test = _standardise_split_in(scalar, split.train.y, split.test.y)
    return Split(Dataset(x_train, y_train), Dataset(x_test, y_test))


def _standardise_split(train: Floats | Tensor, test: Floats | Tensor) -> tuple[Floats, Floats]:
    known, unknown = np.asarray(train), np.asarray(test)
    mean, deviation = statistics(known)
    return standardise(known, mean, deviation), standardise(unknown, mean, deviation)


def _standardise_split_in(
    scalar: Scalar, train: Floats | Tensor, test: Floats | Tensor
) -> tuple[Tensor, Tensor]:
    known, unknown = Tensor.of(scalar, np.asarray(train)), Tensor.of(scalar, np.asarray(test))
    return standardise_in_scalar(known, known), standardise_in_scalar(known, unknown)
