"""Stochastically rounded results, known from the result to nearest in a wider hardware format.

A routine returns ``(z, is_known)``. :mod:`.conditions` proves that z is what the routine in
integers returns for the same random word, if it is known. Loops compute all others by that routine
(:func:`numlean_kernels.protocol.known_results_of`): NaNs, infinities, and one result in about
2**(P - p - 1), where bits below the precision of the wide format decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from numlean_kernels.formats import BINARY32, Format
from numlean_kernels.ieee.arithmetic import Arithmetic, RandomBits, Rounding, Subnormal
from numlean_kernels.ieee.rounding import make_overflowed
from numlean_kernels.ieee.stored import make_read_stored
from numlean_kernels.protocol import Routine
from numlean_kernels.widened.builder import WideBuilder, wide_builder
from numlean_kernels.widened.casts import make_uncarry
from numlean_kernels.widened.conditions import sums_are_exact
from numlean_kernels.widened.conversion import make_widen

_RANDOM_BITS: Final = 64
_KEPT_BITS: Final = 63
"""The bits of a working significand, of which the last is sticky."""


def make_round(builder: WideBuilder) -> Routine:
    """Return ``round_number(x, is_exact, random_bits) -> (z, is_known)``: an encoding.

    x is the exact result rounded to nearest in the wide format, and ``is_exact`` tells whether it
    is the exact result; False if that is not known. Only with few random bits it matters.
    """
    word, encoding, wide = builder.word, builder.encoding, builder.wide
    draw, overflowed = builder.routine(_make_draw), builder.routine(make_overflowed)
    sign_mask, max_finite = builder.words("sign_mask", "max_finite")
    down, down_sign = word(builder.guard_bits), word(wide.width - builder.format.width)
    rebias, least = word(builder.rebias), word(builder.least_normal)
    wide_magnitude, infinity = word(wide.magnitude_mask), word(wide.infinity)

    def round_number(x: Any, is_exact: Any, random_bits: Any) -> Any:
        a = encoding(x)
        sign, magnitude = word(word(a >> down_sign) & sign_mask), word(a & wide_magnitude)
        is_tiny, drawn, is_known = draw(magnitude, is_exact, random_bits)
        z = word(word(drawn - (least if is_tiny else rebias)) >> down)
        z = overflowed(sign) if z > max_finite else word(sign | z)
        return z, is_known & (magnitude < infinity)

    return round_number


def make_round_carried(builder: WideBuilder) -> Routine:
    """Return ``round_number(x, is_exact, random_bits) -> (z, is_known)``: a wide float.

    The same as ``make_round``, but results beyond the range are unknown.
    """
    word, encoding, real, wide = builder.word, builder.encoding, builder.real, builder.wide
    draw, subtracted = builder.routine(_make_draw), builder.instructions.sub
    least, wide_magnitude = word(builder.least_normal), word(wide.magnitude_mask)
    wide_sign, below_one = word(wide.sign_mask), (1 << builder.guard_bits) - 1
    kept_mask = word((1 << wide.width) - 1 - below_one)
    greatest = word((builder.format.max_finite << builder.guard_bits) + builder.rebias)

    def round_number(x: Any, is_exact: Any, random_bits: Any) -> Any:
        a = encoding(x)
        is_tiny, drawn, is_known = draw(word(a & wide_magnitude), is_exact, random_bits)
        kept = word(drawn & kept_mask)
        lowered = encoding(subtracted(real(kept), real(least)))
        z = word((lowered if is_tiny else kept) | word(a & wide_sign))
        return real(z), is_known & (kept <= greatest)

    return round_number


def _make_draw(builder: WideBuilder) -> Routine:
    """Return ``draw(magnitude, is_exact, random_bits) -> (is_tiny, drawn, is_known)``.

    ``drawn`` is the magnitude, and the least normal number if it is below that, with the number
    drawn in addition. Its bits above the guard bits are the result.
    """
    word, encoding, real = builder.word, builder.encoding, builder.real
    added, subtracted = builder.instructions.add, builder.instructions.sub
    units_of, least = builder.routine(_make_units), word(builder.least_normal)
    below_one, zero, one = word((1 << builder.guard_bits) - 1), word(0), word(1)
    flushes = builder.arithmetic.subnormal is Subnormal.FLUSH
    has_few = builder.arithmetic.random is not None

    def draw(magnitude: Any, is_exact: Any, random_bits: Any) -> Any:
        is_tiny = magnitude < least
        # Below the normal range, the sum with the least normal number has the same last bit.
        raised = encoding(added(real(magnitude), real(least)))
        y = raised if is_tiny else magnitude
        drawn = word(y + units_of(random_bits))
        is_known = word(word(drawn + one) & below_one) > one
        if has_few:
            is_same = encoding(subtracted(real(y), real(least))) == magnitude
            is_known = is_known | (is_exact & ((not is_tiny) | is_same))
        if flushes:
            is_known = is_known & ((magnitude > least) | (magnitude == zero))
        return is_tiny, drawn, is_known

    return draw


def _make_units(builder: WideBuilder) -> Routine:
    """Return ``units_of(random_bits)``: what is added, in units of the wide format."""
    random = builder.arithmetic.random
    return _of_all_bits(builder) if random is None else _of_few_bits(builder, random)


def _of_all_bits(builder: WideBuilder) -> Routine:
    word, down = builder.word, builder.word(_KEPT_BITS - builder.wide.precision)
    below_one = word((1 << builder.guard_bits) - 1)

    def units_of(random_bits: Any) -> Any:
        return word(word(word(random_bits) >> down) & below_one)

    return units_of


def _of_few_bits(builder: WideBuilder, random: RandomBits) -> Routine:
    word, top, below = (
        builder.word,
        builder.word(_RANDOM_BITS - random.bits),
        builder.guard_bits - random.bits,
    )
    up, up_to_half, half, one = word(below), word(below - 1), word(1 << (below - 1)), word(1)

    def of_a(random_bits: Any) -> Any:
        return word(word(word(random_bits) >> top) << up)

    def of_b(random_bits: Any) -> Any:
        return word(word(word(word(word(random_bits) >> top) << one) | one) << up_to_half)

    def of_c(random_bits: Any) -> Any:
        # A tie goes up if the number drawn is even; one less stands for all bits below it.
        drawn = word(word(random_bits) >> top)
        return word(word(word(drawn << up) + half) - word(drawn & one))

    return {"a": of_a, "b": of_b, "c": of_c}[random.variant]


def make_add(builder: WideBuilder) -> Routine:
    """Return ``add(a, b, random_bits)``."""
    enter, sum_of = builder.routine(make_enter), builder.routine(_make_sum)

    def add(a: Any, b: Any, random_bits: Any) -> Any:
        return sum_of(enter(a), enter(b), random_bits)

    return add


def make_sub(builder: WideBuilder) -> Routine:
    """Return ``sub(a, b, random_bits)``."""
    enter, sum_of = builder.routine(make_enter), builder.routine(_make_sum)

    def sub(a: Any, b: Any, random_bits: Any) -> Any:
        return sum_of(enter(a), -enter(b), random_bits)

    return sub


def make_mul(builder: WideBuilder) -> Routine:
    """Return ``mul(a, b, random_bits)``; products are exact."""
    enter, round_number = builder.routine(make_enter), builder.routine(make_round)
    multiplied = builder.instructions.mul

    def mul(a: Any, b: Any, random_bits: Any) -> Any:
        return round_number(multiplied(enter(a), enter(b)), True, random_bits)

    return mul


def make_div(builder: WideBuilder) -> Routine:
    """Return ``div(a, b, random_bits)``."""
    enter, round_number = builder.routine(make_enter), builder.routine(make_round)
    divided, is_quotient = builder.instructions.div, builder.routine(_make_is_quotient)

    def div(a: Any, b: Any, random_bits: Any) -> Any:
        x, y = enter(a), enter(b)
        quotient = divided(x, y)
        return round_number(quotient, is_quotient(x, y, quotient), random_bits)

    return div


def make_sqrt(builder: WideBuilder) -> Routine:
    """Return ``sqrt(a, random_bits)``."""
    enter, round_number = builder.routine(make_enter), builder.routine(make_round)
    root, is_quotient = builder.instructions.sqrt, builder.routine(_make_is_quotient)

    def sqrt(a: Any, random_bits: Any) -> Any:
        x = enter(a)
        z = root(x)
        return round_number(z, is_quotient(x, z, z), random_bits)

    return sqrt


def make_fma(builder: WideBuilder) -> Routine:
    """Return ``fma(a, b, c, random_bits)``: the product is exact."""
    enter, sum_of = builder.routine(make_enter), builder.routine(_make_fused_sum)
    multiplied = builder.instructions.mul

    def fma(a: Any, b: Any, c: Any, random_bits: Any) -> Any:
        return sum_of(multiplied(enter(a), enter(b)), enter(c), random_bits)

    return fma


def make_from_binary64(builder: WideBuilder) -> Routine:
    """Return ``from_binary64(a, random_bits)``: a binary64 encoding rounded."""
    round_number, word, real = builder.routine(make_round), builder.word, builder.real

    def from_binary64(a: Any, random_bits: Any) -> Any:
        return round_number(real(word(a)), True, random_bits)

    return from_binary64


def make_cast(builder: WideBuilder, source: Format) -> Routine:
    """Return ``cast(a, random_bits)``: an encoding of the source, as it is stored, rounded."""
    from_source = wide_builder(Arithmetic(source), builder.target, builder.wide)
    widen, read = from_source.routine(make_widen), from_source.routine(make_read_stored)
    round_number, real = builder.routine(make_round), builder.real

    def cast(a: Any, random_bits: Any) -> Any:
        return round_number(real(widen(read(a))), True, random_bits)

    return cast


def make_enter(builder: WideBuilder) -> Routine:
    """Return ``enter(a)``: an encoding as a wide float; a NaN for a NaN."""
    own = Arithmetic(builder.format, subnormal=builder.arithmetic.subnormal)
    single = wide_builder(own, builder.target, BINARY32)
    # The processor converts binary32, of which an encoding may be the upper part.
    by_single = single.is_prefix and single.guard_bits >= 0
    source = single if by_single else builder
    widen, word, real = source.routine(make_widen), source.word, source.real

    def enter(a: Any) -> Any:
        x = real(widen(word(a)))
        return np.float64(x) if by_single else x

    return enter


def _make_sum(builder: WideBuilder) -> Routine:
    """Return ``sum_of(x, y, random_bits)``: the sum of two wide floats, rounded."""
    return _rounded_sum(builder, builder.routine(make_round), is_fused=False)


def _make_fused_sum(builder: WideBuilder) -> Routine:
    """Return the same for a product as the first number."""
    return _rounded_sum(builder, builder.routine(make_round), is_fused=True)


def _rounded_sum(builder: WideBuilder, round_number: Routine, *, is_fused: bool) -> Routine:
    added, arithmetic = builder.instructions.add, builder.arithmetic
    is_known = not is_fused and sums_are_exact(arithmetic, builder.wide)
    has_test = arithmetic.random is not None and not is_known
    is_sum: Any = builder.routine(_make_is_sum) if has_test else None

    def sum_of(x: Any, y: Any, random_bits: Any) -> Any:
        total = added(x, y)
        is_exact = is_sum(x, y, total) if has_test else True
        return round_number(total, is_exact, random_bits)

    return sum_of


def make_carried_add(builder: WideBuilder) -> Routine:
    """Return ``add(x, y, random_bits)`` of wide floats, whose result is one too."""
    return _rounded_sum(builder, builder.routine(make_round_carried), is_fused=False)


def make_carried_mul(builder: WideBuilder) -> Routine:
    """Return ``mul(x, y, random_bits)`` of wide floats, whose result is one too."""
    multiplied, round_number = builder.instructions.mul, builder.routine(make_round_carried)

    def mul(x: Any, y: Any, random_bits: Any) -> Any:
        return round_number(multiplied(x, y), True, random_bits)

    return mul


def make_carried_fma(builder: WideBuilder) -> Routine:
    """Return ``fma(x, y, z, random_bits)`` of wide floats, whose result is one too."""
    sum_of = _rounded_sum(builder, builder.routine(make_round_carried), is_fused=True)
    sum_of, multiplied = builder.target.routine(sum_of), builder.instructions.mul

    def fma(x: Any, y: Any, z: Any, random_bits: Any) -> Any:
        return sum_of(multiplied(x, y), z, random_bits)

    return fma


def make_leave(builder: WideBuilder) -> Routine:
    """Return ``leave(x)``: the encoding of a wide float that is a number of the format."""
    nearest = replace(builder.arithmetic, rounding=Rounding.TIES_TO_EVEN, random=None)
    return wide_builder(nearest, builder.target, builder.wide).routine(make_uncarry)


def _make_is_sum(builder: WideBuilder) -> Routine:
    """Return ``is_sum(x, y, total)``: whether a sum to nearest is exact.

    The difference of the sum and its greater operand is exact (Dekker).
    """
    subtracted = builder.instructions.sub

    def is_sum(x: Any, y: Any, total: Any) -> Any:
        return (subtracted(total, x) == y) & (subtracted(total, y) == x)

    return is_sum


def _make_is_quotient(builder: WideBuilder) -> Routine:
    """Return ``is_quotient(x, y, z)``: whether a quotient z = x / y is known to be exact.

    The remainder of a quotient to nearest is a wide float, which one fused operation computes.
    """
    multiplied_added: Any = builder.instructions.fma

    def unknown(x: Any, y: Any, z: Any) -> Any:
        return False

    def has_no_remainder(x: Any, y: Any, z: Any) -> Any:
        return multiplied_added(-z, y, x) == 0

    has_few = builder.arithmetic.random is not None
    return has_no_remainder if has_few and multiplied_added is not None else unknown


MAKERS: Final[dict[str, Callable[[WideBuilder], Routine]]] = {
    "add": make_add,
    "sub": make_sub,
    "mul": make_mul,
    "div": make_div,
    "sqrt": make_sqrt,
    "fma": make_fma,
    "from_binary64": make_from_binary64,
}
"""The operations whose results may be known."""

CARRIED_MAKERS: Final[dict[str, Callable[[WideBuilder], Routine]]] = {
    "enter": make_enter,
    "leave": make_leave,
    "carried add": make_carried_add,
    "carried mul": make_carried_mul,
    "carried fma": make_carried_fma,
}
"""The routines of products that carry numbers in wide floats: they tell if a result is known."""
