"""A pool of memory that a device and the host both access, in reusable blocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from math import prod
from threading import Lock
from typing import Any, Final, final

import numpy as np

from numlean_kernels.protocol import Array
from numlean_kernels.targets.dead_code import owner_of

_MIN_BLOCK: Final = 256
"""Bytes of the smallest block; every block is aligned for any number."""

_SLAB: Final = 1 << 21
"""The minimum number of bytes of an allocation; smaller blocks are cut from a slab."""


@final
class ManagedMemoryPool:
    """Returns arrays in blocks made by ``allocate``, and reuses blocks whose arrays are gone.

    Allocation is slow on a device, and the number of allocations is limited. So a block, whose size
    is a power of two, is kept when its array and all views of it are gone, and given to the next
    array of about that size; small blocks are cut from slabs. The caller must ensure that no
    running kernel still uses the block then.
    """

    def __init__(self, allocate: Callable[[int], Array]) -> None:
        self._allocate = allocate
        self._free: defaultdict[int, list[Array]] = defaultdict(list)
        self._uncut = np.empty(0, np.uint8)
        self._lock = Lock()

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Return a new array with arbitrary contents.

        Raises:
            MemoryError: The memory is full.
        """
        extents = (shape,) if isinstance(shape, int | np.integer) else shape
        element = np.dtype(dtype)
        size = max(_MIN_BLOCK, 1 << (prod(extents) * element.itemsize - 1).bit_length())
        free = self._free[size]
        with self._lock:
            block = free.pop() if free else self._new_block(size)
        return np.asarray(_Lease(self, block, free, tuple(map(int, extents)), element))

    def to_device(self, array: Array) -> Array:
        """Return the array if it belongs to the pool, else a copy that does."""
        if self.has(array):
            return array
        copy = self.empty(array.shape, array.dtype)
        copy[...] = array
        return copy

    def has(self, array: Array) -> bool:
        """Return whether an array is one of the pool, or a view of one."""
        lease = owner_of(array).base
        return isinstance(lease, _Lease) and lease.memory is self

    def _new_block(self, size: int) -> Array:
        if size >= _SLAB:
            return self._allocated(size)
        if self._uncut.size < size:
            self._keep_rest(self._uncut)
            self._uncut = self._allocated(_SLAB)
        block, self._uncut = self._uncut[:size], self._uncut[size:]
        return block

    def _keep_rest(self, rest: Array) -> None:
        """Make the rest of a slab available for smaller arrays."""
        while rest.size:
            size = 1 << rest.size.bit_length() - 1
            self._free[size].append(rest[-size:])
            rest = rest[:-size]

    def _allocated(self, size: int) -> Array:
        try:
            return self._allocate(size)
        except MemoryError:
            self._free.clear()
            self._uncut = np.empty(0, np.uint8)
        return self._allocate(size)


class _Lease:
    """A block in use by an array; numpy holds it as the owner of the array's memory."""

    def __init__(
        self,
        memory: ManagedMemoryPool,
        block: Array,
        free: list[Array],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self.memory = memory
        self._block = block
        self._free = free
        self.__array_interface__ = {
            "shape": shape,
            "typestr": dtype.str,
            "data": (block.ctypes.data, False),
            "version": 3,
        }

    def __del__(self) -> None:
        self._free.append(self._block)
