"""The parts of an array of rows that share a scale, as views with axes of their own."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import final

import numpy as np

from numlean.precision.scaling.scaling import Granularity
from numlean.scalar.protocol import Scalar, Storage


@final
@dataclass(frozen=True)
class Regions:
    """The division of an array (..., n, k) into regions, the last of which may be cut off.

    Attributes:
        shape: The shape of the array.
        rows: The number of rows of a region.
        terms: The number of consecutive k of a region.
    """

    shape: tuple[int, ...]
    rows: int
    terms: int

    @classmethod
    def of(cls, granularity: Granularity, shape: tuple[int, ...]) -> Regions:
        """Return the regions of an array that is not empty; a tensor is one, with its batch."""
        if granularity.is_tensor:
            rows = prod(shape[:-1])
            return cls((rows, shape[-1]), rows, shape[-1])
        rows, terms = granularity.rows or 1, granularity.terms or shape[-1]
        return cls(shape, min(rows, shape[-2]), min(terms, shape[-1]))

    @property
    def _counts(self) -> tuple[int, int]:
        return -(-self.shape[-2] // self.rows), -(-self.shape[-1] // self.terms)

    def split(self, scalar: Scalar, x: Storage) -> Storage:
        """Return numbers with the axes (..., n blocks, rows, k blocks, terms), padded by +0."""
        down, across = self._counts
        whole = (*self.shape[:-2], down * self.rows, across * self.terms)
        x = contiguous(scalar, x).reshape(self.shape)
        if whole != self.shape:
            x = scalar.pad(x, whole, tuple(slice(extent) for extent in self.shape))
        return x.reshape(*self.shape[:-2], down, self.rows, across, self.terms)

    def join(self, x: Storage, shape: tuple[int, ...]) -> Storage:
        """Return numbers that ``split`` returned, in the shape that the array had."""
        down, across = self._counts
        whole = x.reshape(*self.shape[:-2], down * self.rows, across * self.terms)
        if whole.shape == self.shape:
            return whole.reshape(shape)
        return whole[..., : self.shape[-2], : self.shape[-1]]

    def amax(self, scalar: Scalar, magnitudes: Storage) -> Storage:
        """Return the greatest of the magnitudes of each region, with the axes of ``split``."""
        found = scalar.max(magnitudes, -1, keepdims=True)
        return found if self.rows == 1 else scalar.max(found, -3, keepdims=True)

    def each_row(self, scalar: Scalar, values: Storage) -> Storage:
        """Return one value for each row and block of k, of shape (..., n, k blocks).

        A single value is returned with the shape (1, 1).
        """
        if values.size == 1:
            return values.reshape(1, 1)
        down, across = self._counts
        if self.rows > 1:
            spread = (*self.shape[:-2], down, self.rows, across, 1)
            values = scalar.copy(np.broadcast_to(values, spread))
        return values.reshape(*self.shape[:-2], down * self.rows, across)[..., : self.shape[-2], :]


def contiguous(scalar: Scalar, x: Storage) -> Storage:
    """Return numbers in C order."""
    return x if x.flags.carray else scalar.copy(x)
