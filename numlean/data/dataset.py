"""Samples, batches, and finite ordered datasets, in binary64 until a runner converts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import DataError, NumleanError
from numlean.scalar.real_numbers import is_binary64, real_numbers

Floats: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Places: TypeAlias = Sequence[int] | np.ndarray[tuple[int], np.dtype[np.intp]]


class Sample(NamedTuple):
    """An input and its target.

    A runner also accepts stacked inputs and targets in a Sample, if the model takes samples of the
    shape without the first axis. Use :class:`Batch` to state that the first axis is the batch.
    """

    x: Floats | Tensor
    y: Floats | Tensor


class Batch(NamedTuple):
    """Inputs of shape (batch, ...) and their targets of shape (batch, ...)."""

    x: Floats | Tensor
    y: Floats | Tensor


@checked
@dataclass(frozen=True)
class Dataset:
    """A finite, ordered set of samples: inputs of shape (n, ...) and targets of shape (n, ...).

    Use ``of_arrays`` or ``of_list``, which check the data, or pass tensors, whose numbers belong to
    a Scalar already.
    """

    x: Floats | Tensor
    y: Floats | Tensor

    def __eq__(self, other: object) -> bool:
        """Return whether the samples are the same, and numbers of a Scalar bit by bit."""
        if not isinstance(other, Dataset):
            return NotImplemented
        return _are_same(self.x, other.x) and _are_same(self.y, other.y)

    @classmethod
    def of_arrays(cls, x: ArrayLike, y: ArrayLike) -> Dataset:
        """Return the dataset of stacked inputs and targets.

        Raises:
            DataError: The two differ in length, or a number is not finite or not one of binary64.
        """
        inputs, targets = _as_finite("input", x), _as_finite("target", y)
        if len(inputs) != len(targets):
            raise DataError(
                f"the number of inputs and targets must agree, got {len(inputs)} inputs but"
                f" {len(targets)} targets"
            )
        return cls(inputs, targets)

    @classmethod
    def of_list(cls, samples: Sequence[tuple[ArrayLike, ArrayLike]]) -> Dataset:
        """Return the dataset of a list of samples, all of the same shapes.

        Raises:
            DataError: The list is empty, shapes differ, or a number is not finite or not one of
                binary64.
        """
        if not samples:
            raise DataError("Dataset.of_list needs at least one sample, got an empty list")
        xs, ys = zip(*samples, strict=True)
        return cls.of_arrays(_stack("input", xs), _stack("target", ys))

    @property
    def size(self) -> int:
        """The number of samples."""
        return int(self.x.shape[0])

    def get(self, index: int) -> Sample:
        """Return one sample, without a batch axis.

        Raises:
            DataError: The index is out of range.
        """
        if not 0 <= index < self.size:
            raise DataError(f"the index is out of range: sample {index} among {self.size}")
        return Sample(_rows(self.x, index), _rows(self.y, index))

    def batch(self, indices: Places | slice) -> Batch:
        """Return the samples of some indices, in their order, as a batch.

        Raises:
            DataError: An index is out of range, or is not one.
        """
        return Batch(_rows(self.x, indices), _rows(self.y, indices))

    def stacked(self) -> Batch:
        """Return all samples as one batch."""
        return Batch(self.x, self.y)

    def minibatches(self, size: int) -> list[Batch]:
        """Return all samples, in order, as batches; the last batch may be smaller.

        Raises:
            DataError: The size is not positive.
        """
        if size < 1:
            raise DataError(f"the batch size must be at least 1, got {size}")
        return [self.batch(range(self.size)[k : k + size]) for k in range(0, self.size, size)]

    def map(self, function: Callable[[Sample], tuple[ArrayLike, ArrayLike]]) -> Dataset:
        """Return the dataset of a function's results on each sample."""
        return Dataset.of_list([function(sample) for sample in self])

    def append(self, other: Dataset) -> Dataset:
        """Return these samples followed by those of another dataset.

        Raises:
            DataError: Their shapes differ, or only one of them holds numbers of a Scalar.
        """
        for ours, theirs in ((self.x, other.x), (self.y, other.y)):
            if ours.shape[1:] != theirs.shape[1:]:
                raise DataError(
                    f"cannot append samples of shape {theirs.shape[1:]} to samples of shape"
                    f" {ours.shape[1:]}"
                )
        return Dataset(_join(self.x, other.x), _join(self.y, other.y))

    def split_at(self, index: int) -> tuple[Dataset, Dataset]:
        """Return the first ``index`` samples, and the rest.

        Raises:
            DataError: ``index`` is negative.
        """
        if index < 0:
            raise DataError(f"the index to split at must not be negative, got {index}")
        first, rest = slice(index), slice(index, None)
        return Dataset(*self.batch(first)), Dataset(*self.batch(rest))

    def __iter__(self) -> Iterator[Sample]:
        return (self.get(index) for index in range(self.size))


def _rows(values: Floats | Tensor, index: int | slice | Places) -> Any:
    array = values.data if isinstance(values, Tensor) else values
    try:
        rows = array[index]
    except (IndexError, TypeError, ValueError) as error:
        raise DataError(f"the samples are numbered 0 to {len(array) - 1}: {error}") from None
    return values.like(rows) if isinstance(values, Tensor) else rows


def _are_same(a: Floats | Tensor, b: Floats | Tensor) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        is_same_kind = a.scalar == b.scalar and a.shape == b.shape
        return is_same_kind and a.scalar.to_bytes(a.data) == b.scalar.to_bytes(b.data)
    return type(a) is type(b) and np.array_equal(np.asarray(a), np.asarray(b))


def _join(a: Floats | Tensor, b: Floats | Tensor) -> Floats | Tensor:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return Tensor(a.scalar, a.scalar.concat([a.data, b.data], 0))
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        raise DataError(
            "cannot append: one dataset holds numbers of a Scalar, the other binary64 numbers"
        )
    return np.concatenate([a, b])


def _stack(what: str, values: Sequence[ArrayLike]) -> Floats:
    shapes = sorted({np.shape(value) for value in values})
    if len(shapes) > 1:
        raise DataError(f"all {what}s must have the same shape, got {shapes[0]} and {shapes[1]}")
    return np.stack([_as_binary64(what, value) for value in values])


def _as_finite(what: str, values: ArrayLike) -> Floats:
    array = _as_binary64(what, values).copy()  # so that it stays as checked
    if array.ndim == 0:
        raise DataError(f"{what}s need a leading axis of samples, got the number {array}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, *columns = (int(k) for k in bad[0])
        where = f", column {', '.join(map(str, columns))}" if columns else ""
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise DataError(
            f"{what} {array[tuple(bad[0])]} at row {row}{where}{more}: data must be finite"
        )
    return array


def _as_binary64(what: str, values: ArrayLike) -> Floats:
    """Return numbers that are exact in binary64: a Scalar would round others a second time."""
    try:
        array = real_numbers(values, "a dataset")
    except NumleanError as error:
        raise DataError(f"{what}s must be numbers in an array of one shape: {error}") from None
    if array.dtype != np.float64:
        for number in array.flat:
            if not is_binary64(number):
                raise DataError(
                    f"{what} {number} is not a number of binary64, in which datasets keep their"
                    " numbers: round it with .astype(float), or pass a Tensor"
                )
    return array.astype(np.float64, copy=False)
