"""Arrays in memory that a device and the host both reach, taken from blocks that are used again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from math import prod
from threading import Lock
from typing import Any, Final, final

import numpy as np

from numlean_kernels.protocol import Array
from numlean_kernels.targets.dead_code import owner_of

_LEAST: Final = 256
"""Bytes of the smallest block; every block begins where any number may."""

_SLAB: Final = 1 << 21
"""Bytes that are allocated at least: smaller blocks are cut from them."""


@final
class ManagedMemoryPool:
    """Hands out arrays in blocks that ``allocate`` makes, and takes them back when nobody has them.

    To allocate is slow on a device, and a system has only so many allocations to give. So a block,
    whose size is a power of two, is kept when its array and all views of it are gone, and given to
    the next array of about that size; and small ones are cut from slabs. Whoever runs kernels sees
    to it that none is in flight then which still uses the block.
    """

    def __init__(self, allocate: Callable[[int], Array]) -> None:
        self._allocate = allocate
        self._free: defaultdict[int, list[Array]] = defaultdict(list)
        self._uncut = np.empty(0, np.uint8)
        self._lock = Lock()

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """A new array; what it holds is anything.

        Raises:
            MemoryError: There is no room for it.
        """
        extents = (shape,) if isinstance(shape, int | np.integer) else shape
        element = np.dtype(dtype)
        size = max(_LEAST, 1 << (prod(extents) * element.itemsize - 1).bit_length())
        free = self._free[size]
        with self._lock:
            block = free.pop() if free else self._new_block(size)
        return np.asarray(_Lease(self, block, free, tuple(map(int, extents)), element))

    def to_device(self, array: Array) -> Array:
        """The array, if it is one of these or a view of one, else a copy."""
        if self.has(array):
            return array
        copy = self.empty(array.shape, array.dtype)
        copy[...] = array
        return copy

    def has(self, array: Array) -> bool:
        """Whether an array is one of these, or a view of one."""
        lease = owner_of(array).base
        return isinstance(lease, _Lease) and lease.memory is self

    def _new_block(self, size: int) -> Array:
        if size >= _SLAB:
            return self._allocated(size)
        if self._uncut.size < size:
            self._keep(self._uncut)
            self._uncut = self._allocated(_SLAB)
        block, self._uncut = self._uncut[:size], self._uncut[size:]
        return block

    def _keep(self, rest: Array) -> None:
        """Have what is left of a slab used for smaller arrays."""
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
    """A block while an array has it; numpy keeps it as the owner of the array's memory."""

    def __init__(
        self,
        memory: ManagedMemoryPool,
        block: Array,
        home: list[Array],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self.memory = memory
        self._block = block
        self._home = home
        self.__array_interface__ = {
            "shape": shape,
            "typestr": dtype.str,
            "data": (block.ctypes.data, False),
            "version": 3,
        }

    def __del__(self) -> None:
        self._home.append(self._block)
