"""Words that several threads read and write, as numba's functions see them: by their address."""

from __future__ import annotations

import platform
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_WORD: Final = ir.IntType(64)
_ALIGNMENT: Final = 8
_ORDER: Final = "seq_cst"

_PAUSES: Final = {
    "x86_64": "llvm.x86.sse2.pause",
    "AMD64": "llvm.x86.sse2.pause",
}
"""The instruction that tells a processor that a loop waits for another one."""


def _place(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, _WORD.as_pointer())


@intrinsic  # type: ignore[untyped-decorator]
def load(typing_context: Any, address: Any) -> Any:
    """Return the word at an address."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load_atomic(_place(builder, given[0]), _ORDER, _ALIGNMENT)

    return types.int64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def store(typing_context: Any, address: Any, value: Any) -> Any:
    """Write the word at an address."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store_atomic(given[1], _place(builder, given[0]), _ORDER, _ALIGNMENT)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def add(typing_context: Any, address: Any, value: Any) -> Any:
    """Add to the word at an address."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.atomic_rmw("add", _place(builder, given[0]), given[1], _ORDER)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def exchange(typing_context: Any, address: Any, expected: Any, value: Any) -> Any:
    """Write the word at an address if it is the expected one; return whether it was."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        address, expected, value = given
        pair = builder.cmpxchg(_place(builder, address), expected, value, _ORDER, _ORDER)
        return builder.extract_value(pair, 1)

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def pause(typing_context: Any) -> Any:
    """Wait for some cycles, for the sake of the other thread of a core."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        name = _PAUSES.get(platform.machine())
        if name is not None:
            kind = ir.FunctionType(ir.VoidType(), [])
            function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
            builder.call(function, [])
        return context.get_dummy_value()

    return types.void(), generate


def _function(name: str, count: int) -> Any:
    """Return a function of the C library that takes addresses and returns nothing of interest."""
    arguments = [types.int64] * count

    def typed(*given: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            kind = ir.FunctionType(ir.IntType(32), [_WORD] * count)
            functions = builder.module.globals
            builder.call(functions.get(name) or ir.Function(builder.module, kind, name), values)
            return context.get_dummy_value()

        return types.void(*arguments), generate

    if count == 0:

        @intrinsic  # type: ignore[untyped-decorator]
        def none(typing_context: Any) -> Any:
            return typed()

        return none
    if count == 1:

        @intrinsic  # type: ignore[untyped-decorator]
        def one(typing_context: Any, x: Any) -> Any:
            return typed(x)

        return one

    @intrinsic  # type: ignore[untyped-decorator]
    def two(typing_context: Any, x: Any, y: Any) -> Any:
        return typed(x, y)

    return two


mutex_lock: Final = _function("pthread_mutex_lock", 1)
mutex_unlock: Final = _function("pthread_mutex_unlock", 1)
condition_wait: Final = _function("pthread_cond_wait", 2)
condition_broadcast: Final = _function("pthread_cond_broadcast", 1)
yield_processor: Final = _function("sched_yield", 0)
