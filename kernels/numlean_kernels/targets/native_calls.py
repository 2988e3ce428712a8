"""Calls of compiled code by its address, with arguments as 64-bit words.

A kernel is called by the code that numba compiled for launches from Python, through a *caller*,
which takes its arguments from words in memory: numba's functions take integers and addresses only,
an array as seven words and two for each axis.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from numlean_kernels.protocol import Array, Loop, Table
from numlean_kernels.targets.cache import enable_disk_cache
from numlean_kernels.targets.kernel_compiler import KernelCompiler

Compiled: TypeAlias = Callable[[Loop, Table], Any]
"""Returns numba's dispatcher of a loop."""

Layout: TypeAlias = tuple[np.dtype[Any], int]
"""The dtype of an array in C order, and the number of its axes."""

WORD_SIZE: Final = 8

_WORD: Final = ir.IntType(64)
_ENTRY: Final = types.void(types.int64)

_NO_FAILURE: Final = (0, -2)
"""What numba's functions return if they raise nothing."""


class Outcome:
    """Where kernels leave what they return, which is nothing, and whether one has failed."""

    def __init__(self) -> None:
        self._words = np.zeros(8 * 3, np.int64)
        address = int(self._words.ctypes.data)
        self.result, self.exception, self.failure = address, address + 64, address + 128

    @property
    def has_failed(self) -> bool:
        """Whether memory of a kernel could not be had."""
        return bool(self._words[16])

    def clear(self) -> None:
        """Forget that a kernel has failed."""
        self._words[16] = 0


@cache
def kernel_code(
    compiled: Compiled, loop: Loop, table: Table, layouts: tuple[Layout, ...]
) -> tuple[int, object]:
    """Return the address of a kernel for arrays of some layouts, and what keeps its code."""
    run, signature = _overload(compiled, loop, table, layouts)
    with global_compiler_lock:
        run.compile(signature)
        code = run.overloads[signature]
        return code.library.get_pointer_to_function(code.fndesc.llvm_func_name), code


def entry_point(
    compiled: Compiled, loop: Loop, table: Table, layouts: tuple[Layout, ...]
) -> Callable[..., None]:
    """Return a kernel for arrays of some layouts, called from Python, that checks no types.

    It takes the bounds as integers, and then arrays of exactly those layouts.
    """
    run, signature = _overload(compiled, loop, table, layouts)
    return run.compile(signature)  # type: ignore[no-any-return]


def _overload(
    compiled: Compiled, loop: Loop, table: Table, layouts: tuple[Layout, ...]
) -> tuple[Any, tuple[Any, ...]]:
    """Return the dispatcher of a kernel, and the types of its arguments."""
    arrays = tuple(types.Array(from_dtype(dtype), ndim, "C") for dtype, ndim in layouts)
    run = compiled(loop, table)
    return run, signature_of(run, loop.rank, arrays)


def signature_of(run: Any, rank: int, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """Return the types with which numba compiles a kernel for the types of its arrays."""
    given = (*(types.uint64,) * (2 * rank), *arrays)
    code = run.py_func.__code__
    if not code.co_flags & inspect.CO_VARARGS:
        return given
    named = code.co_argcount
    return (*given[:named], types.BaseTuple.from_types(given[named:]))


def kernel_words(
    function: int, bounds: Sequence[int], arrays: Sequence[Array], outcome: Outcome
) -> list[int]:
    """Return the words of a call of a kernel by a ``caller``."""
    words = [function, outcome.result, outcome.exception, *bounds]
    for x in arrays:
        words += array_words(x)
    return [*words, outcome.failure]


def array_words(x: Array) -> list[int]:
    """Return an array as words of a call."""
    return [0, 0, x.size, x.itemsize, x.ctypes.data, *x.shape, *x.strides]


def address_places(bounds: int, arrays: Sequence[Array]) -> list[int]:
    """Return the places of the addresses of arrays among the words of a call, behind its bounds."""
    places, start = [], FIRST_BOUND + bounds
    for x in arrays:
        places.append(start + 4)
        start += 5 + 2 * x.ndim
    return places


FIRST_BOUND: Final = 3
"""The place of the bounds of a domain among the words of a call."""


@cache
def caller(count: int) -> tuple[int, object]:
    """Return ``call(address)``: it calls the function in the first word with the words behind it.

    The last word is the address of a word that becomes 1 if the function fails.

    Args:
        count: The number of words.
    """
    with global_compiler_lock:
        return _compiled_caller(f"numlean.call.{count}", count)


def _compiled_caller(name: str, count: int) -> tuple[int, object]:
    library = cpu_target.target_context.codegen().create_library(name)
    module = library.create_ir_module(name)
    made = ir.Function(module, ir.FunctionType(ir.VoidType(), [_WORD]), name)
    builder = ir.IRBuilder(made.append_basic_block())
    block = builder.inttoptr(made.args[0], _WORD.as_pointer())
    words = [builder.load(builder.gep(block, [_WORD(k)])) for k in range(count)]
    function, *arguments, failure = words
    status = ir.IntType(32)
    kind = ir.FunctionType(status, [_WORD] * len(arguments))
    found = builder.call(builder.inttoptr(function, kind.as_pointer()), arguments)
    fine = [builder.icmp_signed("==", found, status(each)) for each in _NO_FAILURE]
    with builder.if_then(builder.not_(builder.or_(*fine)), likely=False):
        builder.store(_WORD(1), builder.inttoptr(failure, _WORD.as_pointer()))
    builder.ret_void()
    library.add_ir_module(module)
    library.finalize()
    return library.get_pointer_to_function(name), library


def compiled_entry(entry: Callable[[int], None], key: str) -> Any:
    """Compile a function of an address, or load it from the disk, for calls from native code."""
    from numba.core.ccallback import CFunc

    signature = _ENTRY.args, _ENTRY.return_type
    made = CFunc(entry, signature, locals={}, options={}, pipeline_class=KernelCompiler)
    enable_disk_cache(made, entry, key)
    made.compile()
    return made


@intrinsic  # type: ignore[untyped-decorator]
def call(typing_context: Any, function: Any, address: Any) -> Any:
    """Call the function at one address with the words at another."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [_WORD])
        builder.call(builder.inttoptr(given[0], kind.as_pointer()), [given[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate
