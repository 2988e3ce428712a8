"""Train/test splits, and standardisation of their data."""

from __future__ import annotations

import numpy as np

from numlean.autograd.tensor import Tensor
from numlean.data import Dataset
from numlean.data.dataset import Floats, Places
from numlean.data.standardise import standardise, standardise_in_scalar, statistics
from numlean.rng import UniformStream, permutation
from numlean.scalar.protocol import Scalar
from numlean.tasks.named import Split


def train_test_split(inputs: Floats, targets: Floats, *, test_size: int, seed: int) -> Split:
    """Shuffle samples with a seed, and hold out the first ones for testing."""
    train, test = split_rows(len(inputs), test_size=test_size, seed=seed)
    return split_of(inputs, targets, train, test)


def split_rows(count: int, *, test_size: int, seed: int) -> tuple[Places, Places]:
    """Return the rows of the training data and of the test data, in the order of ``seed``."""
    order = permutation(count, UniformStream(seed))
    return order[test_size:], order[:test_size]


def split_of(inputs: Floats, targets: Floats, train: Places, test: Places) -> Split:
    """Return the samples of given rows as training data and test data."""
    samples = Dataset.of_arrays(inputs, targets)
    return Split(Dataset(*samples.batch(train)), Dataset(*samples.batch(test)))


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
