"""Steps of a program as calls of native code: kernels, and copies of numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, final

import numpy as np
from numba import carray, types
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from numlean_kernels.protocol import Array, CopyCall, KernelCall, ProgramStep
from numlean_kernels.targets.axes import AXES, padded_axes, split_to_axes
from numlean_kernels.targets.native_calls import (
    Compiled,
    Outcome,
    caller,
    compiled_entry,
    kernel_code,
    kernel_words,
)
from numlean_kernels.targets.parallel.partition import cut, cut_axis, split


@final
@dataclass(frozen=True)
class NativeCall:
    """Work as calls of a function of one address, the address of words.

    Attributes:
        function: The address of the function.
        parts: Returns the words of at most so many calls, which together do the work, in any order.
        kept: What keeps the code.
    """

    function: int
    parts: Callable[[int], list[list[int]]]
    kept: object


def calls_of(operation: ProgramStep, compiled: Compiled, outcome: Outcome) -> Iterator[NativeCall]:
    """Yield the calls that do what a step does."""
    if isinstance(operation, KernelCall):
        yield _kernel_call(operation, compiled, outcome)
    elif isinstance(operation, CopyCall) and operation.source.size:
        itemsize = operation.source.itemsize
        for source, destination in split_to_axes(operation.source, operation.destination):
            entry = copy_entry(itemsize)
            yield NativeCall(entry.address, partial(_copy_parts, source, destination), entry)


def _kernel_call(operation: KernelCall, compiled: Compiled, outcome: Outcome) -> NativeCall:
    arrays, loop, table = operation.arrays, operation.loop.source, operation.table
    layouts = tuple((array.dtype, array.ndim) for array in arrays)
    function, code = kernel_code(compiled, loop, table, layouts)

    def parts(count: int) -> list[list[int]]:
        bounds = split(loop, table, operation.domain, count)
        return [kernel_words(function, each, arrays, outcome) for each in bounds]

    entry, kept = caller(len(parts(1)[0]))
    return NativeCall(entry, parts, (code, kept))


def _copy_parts(source: Array, destination: Array, count: int) -> list[list[int]]:
    """Return the words of copies of parts of two views, cut along the first long axis."""
    axes = padded_axes(source, destination)
    extents = [extent for extent, _, _ in axes]
    chosen = cut_axis(extents, count)
    extent, *steps = axes[chosen]
    places = [x.ctypes.data for x in (source, destination)]
    found = []
    for start, stop in cut(extent, count):
        axes[chosen] = (stop - start, steps[0], steps[1])
        starts = [
            place + start * step * source.itemsize
            for place, step in zip(places, steps, strict=True)
        ]
        found.append(copy_words(starts, axes))
    return found


def copy_words(starts: Sequence[int], axes: Sequence[tuple[int, int, int]]) -> list[int]:
    """Return the words of a copy: the addresses of both views, and their axes."""
    return [*starts, *(n % (1 << 64) for axis in axes for n in axis)]


def make_pointer(element: Any) -> Any:
    """Return ``pointer(address)``, for native code: a pointer to elements of a type of numba."""

    @intrinsic  # type: ignore[untyped-decorator]
    def pointer(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return builder.inttoptr(given[0], context.get_value_type(signature.return_type))

        return types.CPointer(element)(types.int64), generate

    return pointer


word_pointer = make_pointer(types.int64)
"""Returns an address as a pointer to words, in native code."""


_SIDE: Final = 8
"""The rows and columns of a square that is copied at a time where one side is not in order."""


@cache
def copy_entry(itemsize: int) -> Any:
    """Return the entry of a copy of elements of some size: addresses, extents and strides."""
    element = np.dtype(f"u{itemsize}")
    pointer, side = make_pointer(from_dtype(element)), _SIDE

    def entry(address: int) -> None:
        words = carray(word_pointer(address), 2 + 3 * AXES)
        n0, s0, d0, n1, s1, d1 = words[2], words[3], words[4], words[5], words[6], words[7]
        n2, s2, d2, n3, s3, d3 = words[8], words[9], words[10], words[11], words[12], words[13]
        for i in range(n0):
            for j in range(n1):
                x_start = words[0] + itemsize * (i * s0 + j * s1)
                z_start = words[1] + itemsize * (i * d0 + j * d1)
                if d3 == 1 and s3 in (0, 1):
                    for k in range(n2):
                        z = carray(pointer(z_start + itemsize * k * d2), n3)
                        x = carray(pointer(x_start + itemsize * k * s2), n3 if s3 == 1 else 1)
                        if s3 == 1:
                            for m in range(n3):
                                z[m] = x[m]
                        else:
                            value = x[0]
                            for m in range(n3):
                                z[m] = value
                else:
                    # In squares whose lines stay in the first cache, on both sides.
                    for k_start in range(0, n2, side):
                        for m_start in range(0, n3, side):
                            for k in range(k_start, min(k_start + side, n2)):
                                for m in range(m_start, min(m_start + side, n3)):
                                    x = carray(pointer(x_start + itemsize * (k * s2 + m * s3)), 1)
                                    z = carray(pointer(z_start + itemsize * (k * d2 + m * d3)), 1)
                                    z[0] = x[0]

    return compiled_entry(entry, f"copy {itemsize}")


def copy_job(itemsize: int) -> Callable[[], object]:
    """Return what compiles the copy of elements of some size."""
    return partial(copy_entry, itemsize)
