"""A sequence of kernels on fixed arrays as native code, without Python between them.

Each kernel has an *entry*, a C function of one address, which points to its arguments as 64-bit
words: the bounds of the domain, then for each array the address of its elements and its extents. A
program is a table of entries and addresses, and a loop that calls one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import Any, Final, TypeAlias

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import from_dtype

from numlean_kernels.protocol import Array, CopyCall, HostCall, KernelCall, Loop, ProgramStep, Table
from numlean_kernels.targets.axes import AXES, padded_axes, split_to_axes
from numlean_kernels.targets.cache import enable_disk_cache

Compiled: TypeAlias = Callable[[Loop, Table], Any]
"""Returns numba's dispatcher of a loop."""

_WORD: Final = ir.IntType(64)
_ENTRY: Final = types.void(types.int64)


def native_program(operations: Sequence[ProgramStep], compiled: Compiled) -> Callable[[], None]:
    """Return a function that runs all steps again, in order, on the same arrays."""
    segments: list[Callable[[], None]] = []
    for is_native, several in groupby(operations, _is_native):
        if is_native:
            segments.append(_segment(list(several), compiled))
        else:
            segments.extend(one.function for one in several if isinstance(one, HostCall))
    if len(segments) == 1:
        return segments[0]

    def run() -> None:
        for segment in segments:
            segment()

    return run


def _is_native(operation: ProgramStep) -> bool:
    return not isinstance(operation, HostCall)


def _segment(operations: list[ProgramStep], compiled: Compiled) -> Callable[[], None]:
    """Return consecutive kernels and copies as one call."""
    entries: list[Any] = []
    words: list[int] = []
    starts: list[int] = []
    for operation in operations:
        for entry, arguments in _calls(operation, compiled):
            entries.append(entry)
            starts.append(len(words))
            words.extend(arguments)
    block = np.array(words, np.uint64).view(np.int64)
    functions = np.array([entry.address for entry in entries], np.int64)
    addresses = block.ctypes.data + 8 * np.array(starts, np.int64)

    def run(kept: object = (entries, block, operations)) -> None:
        _run_all(functions, addresses)

    return run


def _calls(operation: ProgramStep, compiled: Compiled) -> Iterator[tuple[Any, list[int]]]:
    if isinstance(operation, KernelCall):
        arrays = operation.arrays
        layout = tuple((array.dtype, array.ndim) for array in arrays)
        bounds = [bound for extent in operation.domain for bound in (0, extent)]
        placed = [word for array in arrays for word in (array.ctypes.data, *array.shape)]
        loop = operation.loop.source
        yield _kernel_entry(compiled, loop, operation.table, layout), bounds + placed
    elif isinstance(operation, CopyCall) and operation.source.size:
        itemsize = operation.source.itemsize
        for source, destination in split_to_axes(operation.source, operation.destination):
            yield _copy_entry(itemsize), _copy_arguments(source, destination)


def _copy_arguments(source: Array, destination: Array) -> list[int]:
    axes = padded_axes(source, destination)
    flat = [number for axis in axes for number in axis]
    return [source.ctypes.data, destination.ctypes.data, *(n % (1 << 64) for n in flat)]


@cache
def _kernel_entry(
    compiled: Compiled, loop: Loop, table: Table, layout: tuple[tuple[np.dtype[Any], int], ...]
) -> Any:
    """Return the entry of a kernel for arrays of some dtypes and numbers of axes, in C order."""
    arrays = tuple(types.Array(from_dtype(dtype), ndim, "C") for dtype, ndim in layout)
    unpack = _make_unpack((types.uint64,) * (2 * loop.rank) + arrays)
    run = compiled(loop, table)

    def entry(address: int) -> None:
        run(*unpack(address))

    described = ",".join(f"{dtype}{ndim}" for dtype, ndim in layout)
    fast = "fast " if table.fast is not None else ""
    return _compiled_entry(entry, f"{fast}entry {loop.name} {table.key} {described}")


def _compiled_entry(entry: Callable[[int], None], key: str) -> Any:
    from numba.core.ccallback import CFunc

    made = CFunc(entry, (_ENTRY.args, _ENTRY.return_type), locals={}, options={})
    enable_disk_cache(made, entry, key)
    made.compile()
    return made


def _make_unpack(arguments: tuple[Any, ...]) -> Any:
    """Return ``unpack(address)``: a tuple of the arguments at an address."""

    @intrinsic  # type: ignore[untyped-decorator]
    def unpack(typing_context: Any, address: Any) -> Any:
        result = types.Tuple(arguments)

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            words = _words(builder, builder.inttoptr(given[0], _WORD.as_pointer()))
            values = [_argument(context, builder, one, words) for one in arguments]
            return context.make_tuple(builder, result, values)

        return result(address), generate

    return unpack


def _words(builder: Any, block: Any) -> Iterator[Any]:
    place = 0
    while True:
        yield builder.load(builder.gep(block, [_WORD(place)]))
        place += 1


def _argument(context: Any, builder: Any, kind: Any, words: Iterator[Any]) -> Any:
    if not isinstance(kind, types.Array):
        return next(words)
    array = make_array(kind)(context, builder)
    data = builder.inttoptr(next(words), context.get_data_type(kind.dtype).as_pointer())
    extents = [next(words) for _ in range(kind.ndim)]
    itemsize = _WORD(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    strides, stride = [], itemsize
    for extent in reversed(extents):
        strides.append(stride)
        stride = builder.mul(stride, extent)
    populate_array(
        array,
        data=data,
        shape=cgutils.pack_array(builder, extents, _WORD),
        strides=cgutils.pack_array(builder, strides[::-1], _WORD),
        itemsize=itemsize,
        meminfo=None,
    )
    return array._getvalue()


@cache
def _copy_entry(itemsize: int) -> Any:
    """Return the entry of a copy of elements of some size: addresses, extents and strides."""
    element = np.dtype(f"u{itemsize}")
    pointer = _make_pointer(from_dtype(element))

    def entry(address: int) -> None:
        words = carray(_word_pointer(address), 2 + 3 * AXES)
        n0, s0, d0, n1, s1, d1 = words[2], words[3], words[4], words[5], words[6], words[7]
        n2, s2, d2, n3, s3, d3 = words[8], words[9], words[10], words[11], words[12], words[13]
        for i in range(n0):
            for j in range(n1):
                for k in range(n2):
                    source = words[0] + itemsize * (i * s0 + j * s1 + k * s2)
                    destination = words[1] + itemsize * (i * d0 + j * d1 + k * d2)
                    if s3 == 1 and d3 == 1:
                        x, z = carray(pointer(source), n3), carray(pointer(destination), n3)
                        for m in range(n3):
                            z[m] = x[m]
                    elif s3 == 0 and d3 == 1:
                        z, value = carray(pointer(destination), n3), carray(pointer(source), 1)[0]
                        for m in range(n3):
                            z[m] = value
                    else:
                        for m in range(n3):
                            x = carray(pointer(source + itemsize * m * s3), 1)
                            z = carray(pointer(destination + itemsize * m * d3), 1)
                            z[0] = x[0]

    return _compiled_entry(entry, f"copy {itemsize}")


def _make_pointer(element: Any) -> Any:
    @intrinsic  # type: ignore[untyped-decorator]
    def pointer(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return builder.inttoptr(given[0], context.get_value_type(signature.return_type))

        return types.CPointer(element)(types.int64), generate

    return pointer


_word_pointer = _make_pointer(types.int64)


@intrinsic  # type: ignore[untyped-decorator]
def _call(typing_context: Any, function: Any, address: Any) -> Any:
    """Call the entry at one address with the arguments at another."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [_WORD])
        builder.call(builder.inttoptr(given[0], kind.as_pointer()), [given[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


def _call_all(functions: Any, addresses: Any) -> None:
    for k in range(functions.shape[0]):
        _call(functions[k], addresses[k])


_run_all = njit(nogil=True)(_call_all)
enable_disk_cache(_run_all, _call_all, "run_all")
