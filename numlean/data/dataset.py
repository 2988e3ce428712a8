"""Finite, ordered collections of samples, in binary64 until a Scalar takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from numlean.autograd.tensor import Tensor
from numlean.errors import DataError

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


@dataclass(frozen=True)
class Dataset:
    """Samples in order, stacked: inputs of shape (n, ...) and targets of shape (n, ...).

    Made by ``of_arrays`` and ``of_list``, which check the data; or of tensors, whose numbers are
    those of a Scalar already.
    """

    x: Floats | Tensor
    y: Floats | Tensor

    @classmethod
    def of_arrays(cls, x: ArrayLike, y: ArrayLike) -> Dataset:
        """Stacked inputs and targets.

        Raises:
            DataError: The two differ in length, or a number is not finite; the message says where.
        """
        inputs, targets = _finite("input", x), _finite("target", y)
        if len(inputs) != len(targets):
            raise DataError(f"there are {len(inputs)} inputs but {len(targets)} targets")
        return cls(inputs, targets)

    @classmethod
    def of_list(cls, samples: Sequence[tuple[ArrayLike, ArrayLike]]) -> Dataset:
        """Samples one by one, all of the same shapes.

        Raises:
            DataError: The list is empty, shapes differ, or a number is not finite.
        """
        if not samples:
            raise DataError("a list of samples must not be empty: its shapes would be unknown")
        xs, ys = zip(*samples, strict=True)
        return cls.of_arrays(_stack("input", xs), _stack("target", ys))

    @property
    def size(self) -> int:
        """The number of samples."""
        return int(self.x.shape[0])

    def get(self, index: int) -> Sample:
        """One sample, without a batch axis.

        Raises:
            DataError: There is no such sample.
        """
        if not 0 <= index < self.size:
            raise DataError(f"there is no sample {index} among {self.size}")
        return Sample(_rows(self.x, index), _rows(self.y, index))

    def batch(self, indices: Places | slice) -> Batch:
        """Return the samples of some indices, in their order, as a batch."""
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
            raise DataError(f"a batch has at least one sample: batch size {size}")
        return [self.batch(range(self.size)[k : k + size]) for k in range(0, self.size, size)]

    def map(self, function: Callable[[Sample], tuple[ArrayLike, ArrayLike]]) -> Dataset:
        """The dataset of a function's values."""
        return Dataset.of_list([function(sample) for sample in self])

    def append(self, other: Dataset) -> Dataset:
        """These samples, then the other's.

        Raises:
            DataError: Their shapes differ, or only one holds numbers of a Scalar.
        """
        for ours, theirs in ((self.x, other.x), (self.y, other.y)):
            if ours.shape[1:] != theirs.shape[1:]:
                raise DataError(
                    f"samples of shape {theirs.shape[1:]} cannot follow those of {ours.shape[1:]}"
                )
        return Dataset(_joined(self.x, other.x), _joined(self.y, other.y))

    def split_at(self, index: int) -> tuple[Dataset, Dataset]:
        """The first ``index`` samples, and the rest.

        Raises:
            DataError: ``index`` is negative.
        """
        if index < 0:
            raise DataError(f"a dataset is split at a sample, not at {index}")
        first, rest = slice(index), slice(index, None)
        return Dataset(*self.batch(first)), Dataset(*self.batch(rest))

    def __iter__(self) -> Iterator[Sample]:
        return (self.get(index) for index in range(self.size))


def _rows(values: Floats | Tensor, index: int | slice | Places) -> Any:
    if isinstance(values, Tensor):
        return Tensor(values.scalar, values.data[index])
    return values[index]


def _joined(a: Floats | Tensor, b: Floats | Tensor) -> Floats | Tensor:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return Tensor(a.scalar, a.scalar.concat([a.data, b.data], 0))
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        raise DataError("numbers of a Scalar and binary64 numbers are not put in one dataset")
    return np.concatenate([a, b])


def _stack(what: str, values: Sequence[ArrayLike]) -> Floats:
    shapes = sorted({np.shape(value) for value in values})
    if len(shapes) > 1:
        raise DataError(f"{what}s must be of one shape; got {shapes[0]} and {shapes[1]}")
    return np.stack([np.asarray(value, dtype=np.float64) for value in values])


def _finite(what: str, values: ArrayLike) -> Floats:
    try:
        array = np.array(values, dtype=np.float64)  # a copy: what is checked stays so
    except (TypeError, ValueError) as error:
        raise DataError(f"{what}s must be numbers in an array of one shape: {error}") from None
    if array.ndim == 0:
        raise DataError(f"{what}s need a leading axis of samples; got the number {array}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, *columns = (int(k) for k in bad[0])
        where = f", column {', '.join(map(str, columns))}" if columns else ""
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise DataError(
            f"{what} {array[tuple(bad[0])]} at row {row}{where}{more}: data must be finite"
        )
    return array
