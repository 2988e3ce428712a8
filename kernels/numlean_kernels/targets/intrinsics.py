"""LLVM instructions that numba does not expose, shared by all targets it compiles for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

UNSIGNED: dict[int, Callable[[Any], Any]] = {
    8: np.uint8,
    16: np.uint16,
    32: np.uint32,
    64: np.uint64,
}
SIGNED: dict[int, Callable[[Any], Any]] = {32: np.int32, 64: np.int64}

_HALF = 16
_SHORT = ir.IntType(_HALF)


@intrinsic  # type: ignore[untyped-decorator]
def count_leading_zeros(typing_context: Any, word: Any) -> Any:
    """Count the leading zeros of an unsigned integer by LLVM's ctlz; the width for zero."""
    if not isinstance(word, types.Integer) or word.signed:
        raise TypingError(f"count_leading_zeros takes an unsigned integer, not {word}")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return word(word), generate


@intrinsic  # type: ignore[untyped-decorator]
def high_product(typing_context: Any, a: Any, b: Any) -> Any:
    """Return the upper half of the product of two unsigned integers of one type."""
    if not isinstance(a, types.Integer) or a.signed or a != b:
        raise TypingError(f"high_product takes two unsigned integers of one type, not {a}, {b}")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        half, whole = ir.IntType(a.bitwidth), ir.IntType(2 * a.bitwidth)
        factors = [builder.zext(argument, whole) for argument in arguments]
        return builder.trunc(builder.lshr(builder.mul(*factors), whole(a.bitwidth)), half)

    return a(a, b), generate


@intrinsic  # type: ignore[untyped-decorator]
def shift_left(typing_context: Any, word: Any, distance: Any) -> Any:
    """Shift a word left by another one of its type; zero if that is not less than the width.

    numba's own shifts are in 64 bits, and vectors of those have half as many elements.
    """
    if not isinstance(word, types.Integer) or word.signed or word != distance:
        raise TypingError(f"shift_left takes unsigned integers of one type, not {word}, {distance}")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = arguments[0].type
        is_near = builder.icmp_unsigned("<", arguments[1], kind(word.bitwidth))
        return builder.select(is_near, builder.shl(*arguments), kind(0))

    return word(word, distance), generate


@intrinsic  # type: ignore[untyped-decorator]
def fused_multiply_add(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c of hardware floats of one format, rounded once, by LLVM's fma."""
    if not isinstance(a, types.Float) or not a == b == c:
        raise TypingError(f"fused_multiply_add takes three floats of one type, not {a}, {b}, {c}")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return a(a, b, c), generate


@intrinsic  # type: ignore[untyped-decorator]
def half_to_single(typing_context: Any, a: Any) -> Any:
    """Return the binary32 float of an encoding of binary16 in an unsigned integer, by fpext."""
    if not isinstance(a, types.Integer) or a.signed:
        raise TypingError(f"half_to_single takes an unsigned integer, not {a}")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        short = arguments[0] if a.bitwidth == _HALF else builder.trunc(arguments[0], _SHORT)
        return builder.fpext(builder.bitcast(short, ir.HalfType()), ir.FloatType())

    return types.float32(a), generate


@intrinsic  # type: ignore[untyped-decorator]
def single_to_half(typing_context: Any, x: Any) -> Any:
    """Return the encoding of a binary32 float in binary16, rounded to nearest even, by fptrunc."""
    if x != types.float32:
        raise TypingError(f"single_to_half takes a float32, not {x}")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        half = builder.fptrunc(arguments[0], ir.HalfType())
        return builder.zext(builder.bitcast(half, _SHORT), ir.IntType(32))

    return types.uint32(x), generate


def _bitcast(source: Any, result: Any) -> Any:
    def reinterpret(typing_context: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(result))

        return result(source), generate

    return intrinsic(reinterpret)


ENCODING_OF: dict[int, Callable[..., Any]] = {
    32: _bitcast(types.float32, types.uint32),
    64: _bitcast(types.float64, types.uint64),
}
"""Reinterpret a hardware float as its encoding."""

REAL_OF: dict[int, Callable[..., Any]] = {
    32: _bitcast(types.uint32, types.float32),
    64: _bitcast(types.uint64, types.float64),
}
"""Reinterpret an encoding as a hardware float."""
