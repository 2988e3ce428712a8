"""Copies on the device of arrays that a program reads and the host may write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import final

import numpy as np

from numlean_kernels.protocol import Array
from numlean_kernels.targets.cuda.managed_memory import ManagedMemoryPool
from numlean_kernels.targets.dead_code import memory_of, owner_of


@final
class DeviceMirror:
    """A copy on the device of an array that the host may change between replays."""

    def __init__(self, array: Array, copy: Array) -> None:
        self.copy = copy
        self._array = array
        self._bits = array.tobytes()

    def refresh(self) -> None:
        """Copy the array if its bits changed.

        They are compared on the host, without reading the copy.
        """
        bits = self._array.tobytes()
        if bits != self._bits:
            self._bits = bits
            self.copy[...] = self._array


@final
class StagingCopies:
    """Copies on the device of host-visible arrays, made once per segment that reads them."""

    def __init__(self, exchange: ManagedMemoryPool, empty: Callable[..., Array]) -> None:
        self._exchange = exchange
        self._empty = empty
        self._copies: dict[int, Array] = {}
        self._fresh: set[int] = set()

    def invalidate_all(self) -> None:
        """Mark all copies as outdated, after the host may have written the arrays."""
        self._fresh.clear()

    def invalidate(self, arrays: Sequence[Array]) -> None:
        """Mark the copies of arrays as outdated that kernels have written."""
        self._fresh -= set(map(memory_of, arrays))

    def stale_copies(self, arrays: Sequence[Array]) -> Iterator[tuple[Array, Array]]:
        """Yield arrays with their copies, for each copy that is outdated.

        They then count as current.
        """
        for owner in map(owner_of, filter(self._exchange.has, arrays)):
            if id(owner) not in self._copies:
                self._copies[id(owner)] = self._empty(owner.shape, owner.dtype)
            if id(owner) not in self._fresh:
                self._fresh.add(id(owner))
                yield owner, self._copies[id(owner)]

    def copy_of(self, array: Array) -> Array:
        """Return the same view of the copy.

        An array that is not host-visible is returned unchanged.
        """
        if not self._exchange.has(array):
            return array
        owner = owner_of(array)
        offset = array.ctypes.data - owner.ctypes.data
        copy = self._copies[id(owner)]
        return np.ndarray(array.shape, array.dtype, copy, offset, array.strides)
