"""The operations of a small format on finite numbers, without the selection of NaNs and infinities.

Loops look at a block of operands first (:mod:`numlean_kernels.loops.usual_case`). Whether one is
finite is an integer comparison in its own width, which is a fraction of the work of an operation.
Results beyond the range are rounded as in :mod:`.arithmetic`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numlean_kernels.protocol import Routine, UsualCase
from numlean_kernels.widened.builder import WideBuilder
from numlean_kernels.widened.conditions import sums_are_odd
from numlean_kernels.widened.conversion import make_narrow, make_widen_finite
from numlean_kernels.widened.sums import make_nearest_sum, make_odd_sum, make_signed_zero


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
    """Return whether two operands are finite and the second is not zero."""
    is_finite, unit = (
        builder.routine(_make_is_finite),
        builder.target.unsigned(builder.format.width),
    )
    one, mask = unit(1), unit(builder.format.magnitude_mask)
    below_limit = unit(builder.format.max_finite)

    def are_usual(a: Any, b: Any) -> Any:
        return is_finite(a) & (unit(unit(unit(b) & mask) - one) < below_limit)

    return are_usual


def _three_usual(builder: WideBuilder) -> Routine:
    is_finite = builder.routine(_make_is_finite)

    def are_usual(a: Any, b: Any, c: Any) -> Any:
        return is_finite(a) & is_finite(b) & is_finite(c)

    return are_usual


def _usual_add(builder: WideBuilder) -> Routine:
    widen, sum_of = builder.routine(make_widen_finite), builder.routine(_make_usual_sum)
    word, real = builder.word, builder.real

    def add(a: Any, b: Any) -> Any:
        return sum_of(real(widen(word(a))), real(widen(word(b))))

    return add


def _usual_sub(builder: WideBuilder) -> Routine:
    widen, sum_of = builder.routine(make_widen_finite), builder.routine(_make_usual_sum)
    word, real, wide_sign = builder.word, builder.real, builder.word(builder.wide.sign_mask)

    def sub(a: Any, b: Any) -> Any:
        return sum_of(real(widen(word(a))), real(word(widen(word(b)) ^ wide_sign)))

    return sub


def _make_usual_sum(builder: WideBuilder) -> Routine:
    is_odd = sums_are_odd(builder.arithmetic, builder.wide)
    total = builder.routine(make_odd_sum if is_odd else make_nearest_sum)
    return _usual_sum(builder, total)


def _make_usual_fused_sum(builder: WideBuilder) -> Routine:
    return _usual_sum(builder, builder.routine(make_odd_sum))


def _usual_sum(builder: WideBuilder, total: Routine) -> Routine:
    """Return ``sum_of(x, y)``: the sum of two finite wide floats, rounded once."""
    narrow, with_zeros = builder.routine(make_narrow), builder.routine(make_signed_zero)
    encoding = builder.encoding

    def sum_of(x: Any, y: Any) -> Any:
        r = total(x, y)
        return with_zeros(r, x, y, narrow(encoding(r)))

    return sum_of


def _usual_binary(name: str) -> Callable[[WideBuilder], Routine]:
    def make(builder: WideBuilder) -> Routine:
        widen, narrow = builder.routine(make_widen_finite), builder.routine(make_narrow)
        word, real, encoding = builder.word, builder.real, builder.encoding
        instruction = getattr(builder.instructions, name)

        def binary(a: Any, b: Any) -> Any:
            return narrow(encoding(instruction(real(widen(word(a))), real(widen(word(b))))))

        return binary

    return make


def _usual_sqrt(builder: WideBuilder) -> Routine:
    widen, narrow = builder.routine(make_widen_finite), builder.routine(make_narrow)
    word, real, encoding = builder.word, builder.real, builder.encoding
    root = builder.instructions.sqrt

    def sqrt(a: Any) -> Any:
        return narrow(encoding(root(real(widen(word(a))))))

    return sqrt


def _usual_fma(builder: WideBuilder) -> Routine:
    widen, sum_of = builder.routine(make_widen_finite), builder.routine(_make_usual_fused_sum)
    word, real, multiplied = builder.word, builder.real, builder.instructions.mul

    def fma(a: Any, b: Any, c: Any) -> Any:
        product = multiplied(real(widen(word(a))), real(widen(word(b))))
        return sum_of(product, real(widen(word(c))))

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
