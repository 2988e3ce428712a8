"""The operations of a small format on finite numbers, without the selection of NaNs and infinities.

Loops look at a block of operands first (:mod:`numlean_kernels.loops.usual_case`). Whether one is
finite is an integer comparison in its own width, which is a fraction of the work of an operation.
Results beyond the range are rounded as in :mod:`.arithmetic`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from numlean_kernels.formats import BINARY16, BINARY32
from numlean_kernels.ieee.arithmetic import Arithmetic, Overflow, Rounding, Subnormal
from numlean_kernels.protocol import Routine, UsualCase
from numlean_kernels.widened.builder import WideBuilder
from numlean_kernels.widened.conditions import sums_are_odd
from numlean_kernels.widened.conversion import make_narrow, make_widen_finite
from numlean_kernels.widened.sums import make_nearest_sum, make_odd_sum, make_signed_zero


def _make_enter(builder: WideBuilder) -> Routine:
    """Return ``enter(a)``: a finite number as a wide float."""
    half = _half_conversions(builder)
    if half is not None:
        return _called(half[0])
    word, real, widen = builder.word, builder.real, builder.routine(make_widen_finite)

    def enter(a: Any) -> Any:
        return real(widen(word(a)))

    return enter


def _make_leave(builder: WideBuilder) -> Routine:
    """Return ``leave(x)``: the encoding of a wide float, rounded once."""
    half = _half_conversions(builder)
    if half is not None:
        return _called(half[1])
    if _is_rounded_with_sign(builder):
        return _leave_with_sign(builder)
    encoding, narrow = builder.encoding, builder.routine(make_narrow)

    def leave(x: Any) -> Any:
        return narrow(encoding(x))

    return leave


def _called(instruction: Routine) -> Routine:
    def convert(a: Any) -> Any:
        return instruction(a)

    return convert


def _half_conversions(builder: WideBuilder) -> tuple[Routine, Routine] | None:
    """Return the processor's conversions, if the arithmetic is the usual one of binary16."""
    usual = Arithmetic(BINARY16)
    own = builder.arithmetic
    is_usual = own == replace(usual, nan=own.nan, tininess=own.tininess)
    return builder.target.half_conversions if is_usual and builder.wide == BINARY32 else None


def _is_rounded_with_sign(builder: WideBuilder) -> bool:
    """Return whether results are rounded as integers: the carry ends at infinity."""
    arithmetic = builder.arithmetic
    return (
        builder.is_prefix
        and arithmetic.rounding is Rounding.TIES_TO_EVEN
        and arithmetic.overflow is Overflow.INFINITE
        and arithmetic.subnormal is Subnormal.KEEP
    )


def _leave_with_sign(builder: WideBuilder) -> Routine:
    word, encoding, down = builder.word, builder.encoding, builder.word(builder.guard_bits)
    below_half, one = word((1 << (builder.guard_bits - 1)) - 1), word(1)

    def leave(x: Any) -> Any:
        a = encoding(x)
        return word(word(a + word(below_half + word(word(a >> down) & one))) >> down)

    return leave


def make_usual(builder: WideBuilder, name: str) -> UsualCase:
    """Return an operation on finite numbers; of a quotient, by one that is not zero.

    Roots are of numbers without a sign.
    """
    is_usual = builder.target.routine(_USUAL_OPERANDS[name](builder))
    routine = builder.target.routine(_USUAL[name](builder))
    return UsualCase(routine, is_usual, makes_nans=False)


def _stored_word(builder: WideBuilder) -> Callable[[Any], Any]:
    """Return the word in which an encoding is stored."""
    return builder.target.unsigned(8 * builder.format.storage_dtype.itemsize)


def _make_is_finite(builder: WideBuilder) -> Routine:
    """Return ``is_finite(a)``, of an encoding as it is stored."""
    unit = _stored_word(builder)
    mask, limit = unit(builder.format.magnitude_mask), unit(builder.format.max_finite)

    def is_finite(a: Any) -> Any:
        return unit(unit(a) & mask) <= limit

    return is_finite


def _one_usual(builder: WideBuilder) -> Routine:
    """Return whether an operand of a root is finite and has no sign."""
    unit = _stored_word(builder)
    limit = unit(builder.format.max_finite)

    def is_usual(a: Any) -> Any:
        return unit(a) <= limit

    return is_usual


def _two_usual(builder: WideBuilder) -> Routine:
    is_finite = builder.routine(_make_is_finite)

    def are_usual(a: Any, b: Any) -> Any:
        return is_finite(a) & is_finite(b)

    return are_usual


def _two_of_quotient(builder: WideBuilder) -> Routine:
    """Return whether two operands are finite and the second does not count as zero."""
    is_finite, unit = builder.routine(_make_is_finite), _stored_word(builder)
    flushes = builder.arithmetic.subnormal is Subnormal.FLUSH
    first, limit = (builder.format.implicit_bit if flushes else 1), builder.format.max_finite
    least, count, mask = unit(first), unit(limit + 1 - first), unit(builder.format.magnitude_mask)

    def are_usual(a: Any, b: Any) -> Any:
        return is_finite(a) & (unit(unit(unit(b) & mask) - least) < count)

    return are_usual


def _three_usual(builder: WideBuilder) -> Routine:
    is_finite = builder.routine(_make_is_finite)

    def are_usual(a: Any, b: Any, c: Any) -> Any:
        return is_finite(a) & is_finite(b) & is_finite(c)

    return are_usual


def _usual_add(builder: WideBuilder) -> Routine:
    enter, sum_of = builder.routine(_make_enter), builder.routine(_make_sum)

    def add(a: Any, b: Any) -> Any:
        return sum_of(enter(a), enter(b))

    return add


def _usual_sub(builder: WideBuilder) -> Routine:
    enter, sum_of = builder.routine(_make_enter), builder.routine(_make_sum)

    def sub(a: Any, b: Any) -> Any:
        return sum_of(enter(a), -enter(b))

    return sub


def _make_sum(builder: WideBuilder) -> Routine:
    is_odd = sums_are_odd(builder.arithmetic, builder.wide)
    return _rounded_sum(builder, builder.routine(make_odd_sum if is_odd else make_nearest_sum))


def _make_fused_sum(builder: WideBuilder) -> Routine:
    return _rounded_sum(builder, builder.routine(make_odd_sum))


def _rounded_sum(builder: WideBuilder, total: Routine) -> Routine:
    """Return ``sum_of(x, y)``: the sum of two finite wide floats, rounded once."""
    leave, with_zeros = builder.routine(_make_leave), builder.routine(make_signed_zero)

    def sum_of(x: Any, y: Any) -> Any:
        r = total(x, y)
        return with_zeros(r, x, y, leave(r))

    return sum_of


def _usual_binary(name: str) -> Callable[[WideBuilder], Routine]:
    def make(builder: WideBuilder) -> Routine:
        enter, leave = builder.routine(_make_enter), builder.routine(_make_leave)
        instruction = getattr(builder.instructions, name)

        def binary(a: Any, b: Any) -> Any:
            return leave(instruction(enter(a), enter(b)))

        return binary

    return make


def _usual_sqrt(builder: WideBuilder) -> Routine:
    enter, leave = builder.routine(_make_enter), builder.routine(_make_leave)
    root = builder.instructions.sqrt

    def sqrt(a: Any) -> Any:
        return leave(root(enter(a)))

    return sqrt


def _usual_fma(builder: WideBuilder) -> Routine:
    enter, sum_of = builder.routine(_make_enter), builder.routine(_make_fused_sum)
    multiplied = builder.instructions.mul

    def fma(a: Any, b: Any, c: Any) -> Any:
        return sum_of(multiplied(enter(a), enter(b)), enter(c))

    return fma


_USUAL: Final = {
    "add": _usual_add,
    "sub": _usual_sub,
    "mul": _usual_binary("mul"),
    "div": _usual_binary("div"),
    "sqrt": _usual_sqrt,
    "fma": _usual_fma,
}
_USUAL_OPERANDS: Final = {
    "add": _two_usual,
    "sub": _two_usual,
    "mul": _two_usual,
    "div": _two_of_quotient,
    "sqrt": _one_usual,
    "fma": _three_usual,
}
