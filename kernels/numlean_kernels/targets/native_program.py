"""A sequence of kernels on fixed arrays as native code, without Python between them.

A program is a table of functions and addresses, and a loop that calls one after the other. A
kernel is called by the code that numba compiled for launches from Python, through a *caller*, which
takes its arguments from 64-bit words: numba's functions take integers and addresses only, an array
as seven words and two for each axis.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import groupby
from typing import Any, Final, TypeAlias, final

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from numlean_kernels.protocol import (
    Array,
    CopyCall,
    KernelCall,
    Loop,
    ProgramStep,
    Repeat,
    Repeatable,
    StepArrays,
    Table,
)
from numlean_kernels.targets.axes import AXES, padded_axes, split_to_axes
from numlean_kernels.targets.cache import enable_disk_cache

Compiled: TypeAlias = Callable[[Loop, Table], Any]
"""Returns numba's dispatcher of a loop."""

_WORD: Final = ir.IntType(64)
_ENTRY: Final = types.void(types.int64)
_WORD_SIZE: Final = 8


def native_program(
    operations: Sequence[ProgramStep],
    compiled: Compiled,
    bind: Callable[[ProgramStep], Callable[[], None]],
) -> Callable[[], None]:
    """Return a function that runs all steps again, in order, on the same arrays.

    ``bind`` returns a function that runs a step which is not native.
    """
    segments: list[Callable[[], None]] = []
    for together, several in groupby(operations, is_native):
        if together:
            segments.append(NativeProgram(list(several), compiled))
        else:
            segments.extend(map(bind, several))
    if len(segments) == 1:
        return segments[0]

    def run() -> None:
        for segment in segments:
            segment()

    return run


def is_native(operation: ProgramStep) -> bool:
    """Return whether native code can call a step: a kernel, or a copy of numbers of one word.

    Python counts the references to objects, so only Python copies them.
    """
    if isinstance(operation, KernelCall):
        return operation.table.kernels is None
    if not isinstance(operation, CopyCall) or operation.source.dtype.hasobject:
        return False
    return int(operation.source.itemsize) <= _WORD_SIZE


@final
class NativeProgram(Repeatable):
    """Consecutive kernels and copies as one call."""

    def __init__(self, operations: list[ProgramStep], compiled: Compiled) -> None:
        functions: list[int] = []
        words: list[int] = []
        starts: list[int] = []
        kept: list[object] = []
        for operation in operations:
            for function, arguments, code in _calls(operation, compiled):
                functions.append(function)
                starts.append(len(words))
                words.extend(arguments)
                kept.append(code)
        # The returned value and the exception of a kernel: it has none, but writes to both places.
        self._ignored = np.zeros(2, np.int64)
        block = np.array(words, np.uint64).view(np.int64)
        block[block == _RESULT] = self._ignored.ctypes.data
        block[block == _EXCEPTION] = self._ignored.ctypes.data + _WORD_SIZE
        self._functions = np.array(functions, np.int64)
        self._addresses = block.ctypes.data + _WORD_SIZE * np.array(starts, np.int64)
        self._kept = kept, block, operations

    def __call__(self) -> None:
        """Run all steps."""
        _run_all(self._functions, self._addresses)

    def repeater(self, arrays: StepArrays) -> Repeat:
        """Return a function that runs the program many times; see :class:`StepArrays`."""
        checked = [x for x in arrays.finite if x.size]
        pairs = [_as_bytes(x) for pair in arrays.rows for x in pair]
        value, result = _as_bytes(arrays.value), _as_bytes(arrays.result)
        addresses = np.array([x.ctypes.data for x in checked], np.int64)
        counts = np.array([x.size for x in checked], np.int64)
        word = _WORDS[arrays.result.itemsize]
        mask, limit = word(arrays.mask), word(arrays.limit)

        def repeat(order: Array, values: Array, results: Array) -> int:
            series = _as_bytes(values), value, _as_bytes(results), result
            finite = addresses, counts, mask, limit
            return int(
                _repeat_all(self._functions, self._addresses, order, *pairs, *series, *finite)
            )

        return repeat


_RESULT, _EXCEPTION = -1, -2
"""The places in a block of words for the two addresses that no kernel uses."""

_WORDS: Final = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def _as_bytes(x: Array) -> Array:
    """Return an array in C order as rows of bytes."""
    return x.reshape(x.shape[0] if x.ndim else 1, -1).view(np.uint8)


def _calls(operation: ProgramStep, compiled: Compiled) -> Iterator[tuple[int, list[int], object]]:
    """Yield functions of one address, the words there, and what keeps their code."""
    if isinstance(operation, KernelCall):
        yield _kernel_call(operation, compiled)
    elif isinstance(operation, CopyCall) and operation.source.size:
        itemsize = operation.source.itemsize
        for source, destination in split_to_axes(operation.source, operation.destination):
            entry = _copy_entry(itemsize)
            yield entry.address, _copy_arguments(source, destination), entry


def _copy_arguments(source: Array, destination: Array) -> list[int]:
    axes = padded_axes(source, destination)
    flat = [number for axis in axes for number in axis]
    return [source.ctypes.data, destination.ctypes.data, *(n % (1 << 64) for n in flat)]


def _kernel_call(operation: KernelCall, compiled: Compiled) -> tuple[int, list[int], object]:
    arrays, loop = operation.arrays, operation.loop.source
    layout = tuple((array.dtype, array.ndim) for array in arrays)
    function, code = _kernel_code(compiled, loop, operation.table, layout)
    words = [bound for extent in operation.domain for bound in (0, extent)]
    for array in arrays:
        words += [0, 0, array.size, array.itemsize, array.ctypes.data, *array.shape, *array.strides]
    caller, kept = _caller(len(words) + 2)
    ignored = [each % (1 << 64) for each in (_RESULT, _EXCEPTION)]
    return caller, [function, *ignored, *words], (code, kept)


@cache
def _kernel_code(
    compiled: Compiled, loop: Loop, table: Table, layout: tuple[tuple[np.dtype[Any], int], ...]
) -> tuple[int, object]:
    """Return the code of a kernel for arrays of some dtypes and numbers of axes, in C order."""
    arrays = tuple(types.Array(from_dtype(dtype), ndim, "C") for dtype, ndim in layout)
    run = compiled(loop, table)
    signature = signature_of(run, loop.rank, arrays)
    with global_compiler_lock:
        run.compile(signature)
        code = run.overloads[signature]
        return code.library.get_pointer_to_function(code.fndesc.llvm_func_name), code


def signature_of(run: Any, rank: int, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """Return the types with which numba compiles a kernel for the types of its arrays."""
    given = (*(types.uint64,) * (2 * rank), *arrays)
    code = run.py_func.__code__
    if not code.co_flags & inspect.CO_VARARGS:
        return given
    named = code.co_argcount
    return (*given[:named], types.BaseTuple.from_types(given[named:]))


@cache
def _caller(count: int) -> tuple[int, object]:
    """Return ``call(address)``: it calls the function in the first word with further words.

    Args:
        count: The number of arguments.
    """
    with global_compiler_lock:
        return _compiled_caller(f"numlean.call.{count}", count)


def _compiled_caller(name: str, count: int) -> tuple[int, object]:
    library = cpu_target.target_context.codegen().create_library(name)
    module = library.create_ir_module(name)
    made = ir.Function(module, ir.FunctionType(ir.VoidType(), [_WORD]), name)
    builder = ir.IRBuilder(made.append_basic_block())
    block = builder.inttoptr(made.args[0], _WORD.as_pointer())
    function, *arguments = (builder.load(builder.gep(block, [_WORD(k)])) for k in range(count + 1))
    kind = ir.FunctionType(ir.IntType(32), [_WORD] * count)
    builder.call(builder.inttoptr(function, kind.as_pointer()), arguments)
    builder.ret_void()
    library.add_ir_module(module)
    library.finalize()
    return library.get_pointer_to_function(name), library


def _compiled_entry(entry: Callable[[int], None], key: str) -> Any:
    from numba.core.ccallback import CFunc

    made = CFunc(entry, (_ENTRY.args, _ENTRY.return_type), locals={}, options={})
    enable_disk_cache(made, entry, key)
    made.compile()
    return made


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


def copy_job(itemsize: int) -> Callable[[], object]:
    """Return what compiles the copy of elements of some size."""
    return partial(_copy_entry, itemsize)


def loop_jobs(operations: Sequence[ProgramStep]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what compiles the loops of a program, and their names."""
    words = types.Array(types.int64, 1, "C")
    yield "run_all", partial(_run_all.compile, (words, words))
    sizes = {array.itemsize for step in operations for array in step.written}
    for size in sizes & _WORDS.keys():
        word, order = from_dtype(np.dtype(_WORDS[size])), types.Array(types.intp, 2, "C")
        rows = (types.Array(types.uint8, 2, "C"),) * 8
        signature = words, words, order, *rows, words, words, word, word
        yield f"repeat_all {size}", partial(_repeat_all.compile, signature)


def _make_pointer(element: Any) -> Any:
    @intrinsic  # type: ignore[untyped-decorator]
    def pointer(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return builder.inttoptr(given[0], context.get_value_type(signature.return_type))

        return types.CPointer(element)(types.int64), generate

    return pointer


_word_pointer = _make_pointer(types.int64)


@intrinsic  # type: ignore[untyped-decorator]
def _pointer_like(typing_context: Any, address: Any, element: Any) -> Any:
    """Return an address as a pointer to elements of the type of a number."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.inttoptr(given[0], context.get_value_type(signature.return_type))

    return types.CPointer(element)(types.int64, element), generate


@intrinsic  # type: ignore[untyped-decorator]
def _call(typing_context: Any, function: Any, address: Any) -> Any:
    """Call the function at one address with the words at another."""

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


def _call_repeatedly(
    functions: Any,
    addresses: Any,
    order: Any,
    x_rows: Any,
    x_place: Any,
    y_rows: Any,
    y_place: Any,
    values: Any,
    value_place: Any,
    results: Any,
    result_place: Any,
    checked: Any,
    counts: Any,
    mask: Any,
    limit: Any,
) -> Any:
    """Run a program for each row of ``order``; stop after a step with a greater magnitude."""
    for step in range(order.shape[0]):
        for k in range(order.shape[1]):
            row = order[step, k]
            for i in range(x_rows.shape[1]):
                x_place[k, i] = x_rows[row, i]
            for i in range(y_rows.shape[1]):
                y_place[k, i] = y_rows[row, i]
        for i in range(values.shape[1]):
            value_place[0, i] = values[step, i]
        for k in range(functions.shape[0]):
            _call(functions[k], addresses[k])
        for i in range(results.shape[1]):
            results[step, i] = result_place[0, i]
        greatest = mask & limit
        for k in range(checked.shape[0]):
            numbers = carray(_pointer_like(checked[k], mask), counts[k])
            for i in range(counts[k]):
                magnitude = numbers[i] & mask
                greatest = magnitude if magnitude > greatest else greatest
        if greatest > limit:
            return step + 1
    return order.shape[0]


_repeat_all = njit(nogil=True)(_call_repeatedly)
enable_disk_cache(_repeat_all, _call_repeatedly, "repeat_all")
