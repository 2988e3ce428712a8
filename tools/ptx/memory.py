"""The memory of the PTX machine: elements by address."""

import numpy as np

SIZES = (1, 2, 4, 8)


class AccessError(Exception):
    """A kernel accesses memory that it must not access."""


class Cells(dict):
    """Elements by their addresses."""

    def __init__(self, size, elements=()):
        super().__init__(elements)
        self.size = size

    def __missing__(self, address):
        raise AccessError(
            f"{self.size} bytes are read at {address:#x}: no element of an array, or never written"
        )


def write(cells, address, value, permitted):
    """Write an element."""
    if address not in permitted:
        raise AccessError(f"{cells.size} bytes are written at {address:#x}: no element of an array")
    cells[address] = value


def check_aligned(address, size):
    """Return an address at which several elements are accessed at once, after checking it."""
    if address % size:
        raise AccessError(
            f"{size} bytes accessed at once at {address:#x}, which is not a multiple of {size}"
        )
    return address


def write_exclusively(cells, address, value, writers, thread):
    """Write an element of an array; no other thread may write it."""
    write(cells, address, value, cells)
    if writers.setdefault(address, thread) != thread:
        raise AccessError(
            f"threads {writers[address]} and {thread} write one element, {address:#x}"
        )


def check_disjoint(spaces):
    """Check that elements of different sizes do not overlap."""
    used = [cells for cells in spaces if cells]
    if len(used) < 2:
        return
    touched = [{a + k for a in cells for k in range(cells.size)} for cells in used]
    if len(set().union(*touched)) < sum(map(len, touched)):
        raise AccessError("elements of several sizes overlap")


class Memory:
    """The arrays of a launch at their addresses, and nothing else."""

    def __init__(self, arrays):
        self.cells = {size: Cells(size) for size in SIZES}
        self._views = [(x.view(f"u{x.itemsize}"), self._addresses(x)) for x in arrays if x.size]
        for words, addresses in self._views:
            self.cells[words.itemsize].update(zip(addresses, words.ravel().tolist(), strict=True))
        check_disjoint(self.cells.values())

    def write_back(self):
        """Copy the written elements into the arrays."""
        for words, addresses in self._views:
            cells = self.cells[words.itemsize]
            now = np.array([cells[a] for a in addresses], words.dtype).reshape(words.shape)
            if not np.array_equal(now, words):
                words[...] = now

    def __eq__(self, other):
        return self.cells == other.cells

    __hash__ = None

    def _addresses(self, array):
        address = np.full(array.shape, array.ctypes.data, np.int64)
        for axis, (extent, stride) in enumerate(zip(array.shape, array.strides, strict=True)):
            steps = np.arange(extent) * stride
            address += steps.reshape([-1 if k == axis else 1 for k in range(array.ndim)])
        return address.ravel().tolist()
