"""The blocks of an array: rows of numbers that are cut into blocks, or squares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np

from numlean.errors import NumleanError, ShapeError

Array = np.ndarray[Any, Any]


def in_blocks(x: Array, rows: int, terms: int) -> Array:
    """Return an array (..., n, k) as its blocks of rows and terms, (blocks, rows * terms).

    The last block of an axis is padded with zeros.
    """
    *batch, n, k = x.shape
    padded = np.pad(x, [(0, 0)] * len(batch) + [(0, -n % rows), (0, -k % terms)])
    parts = padded.reshape(*batch, -(-n // rows), rows, -(-k // terms), terms)
    count = math.prod(parts.shape) // (rows * terms)
    return np.ascontiguousarray(parts.swapaxes(-3, -2)).reshape(count, rows * terms)


@final
@dataclass(frozen=True)
class Blocks:
    """The way from an array to rows (rows, n), of which blocks are consecutive parts, and back.

    Attributes:
        shape: The shape of the array.
        axes: One axis along which blocks lie, or two axes of square blocks; both from 0.
        size: The numbers of a block along each of the axes.
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    size: int

    @classmethod
    def of(cls, shape: tuple[int, ...], axis: int | tuple[int, int], size: int) -> Self:
        """Return the blocks of an array of a shape.

        Raises:
            ShapeError: The array lacks an axis.
            NumleanError: Two axes are the same one.
        """
        given = (axis,) if isinstance(axis, int) else tuple(axis)
        if not all(-len(shape) <= each < len(shape) for each in given):
            raise ShapeError(f"axis {axis} is not one of an array of shape {shape}")
        axes = tuple(each % len(shape) for each in given)
        if len(set(axes)) < len(axes):
            raise NumleanError(f"axis={axis} names one axis twice; square blocks have two")
        return cls(shape, axes, size)

    @property
    def is_square(self) -> bool:
        """Whether blocks are squares."""
        return len(self.axes) == 2

    @property
    def numbers(self) -> int:
        """The numbers of a block."""
        return math.prod(self.size for _ in self.axes)

    @property
    def counts(self) -> tuple[int, ...]:
        """The shape of the scales."""
        return tuple(
            -(-n // self.size) if axis in self.axes else n for axis, n in enumerate(self.shape)
        )

    def rows(self, x: Array) -> Array:
        """Return an array's numbers as rows, in C order; squares are padded with zeros."""
        moved = np.moveaxis(x, self.axes, self._last)
        if not self.is_square:
            count = math.prod(moved.shape[:-1])
            return np.ascontiguousarray(moved).reshape(count, moved.shape[-1])
        return in_blocks(moved, self.size, self.size)

    def array(self, rows: Array) -> Array:
        """Return rows as an array again; what was padded is dropped."""
        lengths = [self.shape[axis] for axis in self.axes]
        batch = [n for axis, n in enumerate(self.shape) if axis not in self.axes]
        if self.is_square:
            size, (n, m) = self.size, lengths
            split = rows.reshape(*batch, -(-n // size), -(-m // size), size, size)
            whole = split.swapaxes(-3, -2).reshape(
                *batch, -(-n // size) * size, -(-m // size) * size
            )
            moved = whole[..., :n, :m]
        else:
            moved = rows.reshape(*batch, *lengths)
        return np.ascontiguousarray(np.moveaxis(moved, self._last, self.axes))

    def scales(self, codes: Array) -> Array:
        """Return the codes of all blocks in the shape of the scales."""
        batch = [n for axis, n in enumerate(self.counts) if axis not in self.axes]
        along = [self.counts[axis] for axis in self.axes]
        return np.ascontiguousarray(
            np.moveaxis(codes.reshape(*batch, *along), self._last, self.axes)
        )

    def matrices(self, x: Array) -> Array:
        """Return an array, or its scales, as (..., n, k) with the quantised axes last.

        Of rows, the other axes are one.
        """
        moved = np.moveaxis(x, self.axes, self._last)
        if self.is_square:
            return moved
        return moved.reshape(math.prod(moved.shape[:-1]), moved.shape[-1])

    def place(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """Return the index in the array of a number that ``matrices`` has at an index."""
        others = [axis for axis in range(len(self.shape)) if axis not in self.axes]
        if not self.is_square:
            row, k = index
            index = (*map(int, np.unravel_index(row, [self.shape[axis] for axis in others])), k)
        at = dict(zip((*others, *self.axes), index, strict=True))
        return tuple(at[axis] for axis in range(len(self.shape)))

    def each(self, scales: Array) -> Array:
        """Return the scale of each number of the array."""
        for axis in self.axes:
            scales = np.repeat(scales, self.size, axis).take(range(self.shape[axis]), axis)
        return scales

    @property
    def _last(self) -> tuple[int, ...]:
        return tuple(range(-len(self.axes), 0))
