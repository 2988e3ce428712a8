"""Copies on the device of what a program reads and the host may write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import final

import numpy as np

from numlean_kernels.protocol import Array
from numlean_kernels.targets.cuda.managed_memory import ManagedMemoryPool
from numlean_kernels.targets.dead_code import memory_of, owner_of


@final
class DeviceMirror:
    """A copy, where kernels reach it, of an array that the host may change between replays."""

    def __init__(self, array: Array, there: Array) -> None:
        self.there = there
        self._array = array
        self._known = array.tobytes()

    def refresh(self) -> None:
        """Copy it anew, if its bits have changed. Compared on the host: the copy is not fetched."""
        bits = self._array.tobytes()
        if bits != self._known:
            self._known = bits
            self.there[...] = self._array


@final
class StagingCopies:
    """Copies on the device of arrays in exchange, made anew in each stretch that reads them."""

    def __init__(self, exchange: ManagedMemoryPool, empty: Callable[..., Array]) -> None:
        self._exchange = exchange
        self._empty = empty
        self._copies: dict[int, Array] = {}
        self._fresh: set[int] = set()

    def are_stale(self) -> None:
        """The host may have written the arrays."""
        self._fresh.clear()

    def are_written(self, arrays: Sequence[Array]) -> None:
        """Kernels have written some."""
        self._fresh -= set(map(memory_of, arrays))

    def to_be_copied(self, arrays: Sequence[Array]) -> Iterator[tuple[Array, Array]]:
        """Whole arrays and their copies, of those that were not copied since they were stale."""
        for owner in map(owner_of, filter(self._exchange.has, arrays)):
            if id(owner) not in self._copies:
                self._copies[id(owner)] = self._empty(owner.shape, owner.dtype)
            if id(owner) not in self._fresh:
                self._fresh.add(id(owner))
                yield owner, self._copies[id(owner)]

    def copy_of(self, array: Array) -> Array:
        """The same view of a copy; an array that is not in exchange, as it is."""
        if not self._exchange.has(array):
            return array
        owner = owner_of(array)
        offset = array.ctypes.data - owner.ctypes.data
        copy = self._copies[id(owner)]
        return np.ndarray(array.shape, array.dtype, copy, offset, array.strides)
