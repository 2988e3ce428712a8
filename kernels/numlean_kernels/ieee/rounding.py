"""The rounding directions: the increment and the result of an overflow in each (clause 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numlean_kernels.ieee.arithmetic import Overflow, RandomBits, Rounding
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine


def make_increment(builder: RoutineBuilder) -> Routine:
    """Return ``increment(sign, sig)``: the number added before the guard bits are dropped.

    For stochastic rounding it is ``increment(sign, sig, random_bits)``. Of the kept bits it depends
    on the last one, which decides what is even; see ``make_mark_parity``.
    """
    return _INCREMENTS[builder.arithmetic.rounding](builder)


def make_mark_parity(builder: RoutineBuilder) -> Routine:
    """Return ``mark_parity(exp, sig)``: a working significand as ``make_increment`` takes it.

    Even is a number whose *encoding* is even. The last bit kept of a significand tells, unless
    normal numbers have no trailing bits. Then that of the biased exponent does, and takes its
    place.
    """
    word, signed = builder.word, builder.signed
    guard_bits, one = word(builder.guard_bits), signed(1)
    lost_mask = word((1 << builder.guard_bits) - 1)
    first = signed(0 if builder.arithmetic.format.has_zero else 1)

    def same(exp: Any, sig: Any) -> Any:
        return sig

    def by_exponent(exp: Any, sig: Any) -> Any:
        odd = word(word(sig >> guard_bits) & word(signed(signed(exp - first) & one)))
        return word(word(sig & lost_mask) | word(odd << guard_bits))

    return same if builder.format.trailing_bits else by_exponent


def make_overflowed(builder: RoutineBuilder) -> Routine:
    """Return ``overflowed(sign)``: the encoding of a rounded result beyond the range."""
    word, infinite = builder.word, builder.routine(make_infinite)
    (max_finite,) = builder.words("max_finite")
    away_if_positive, away_if_negative = becomes_infinite(builder)

    def overflowed(sign: Any) -> Any:
        away = away_if_negative if sign != 0 else away_if_positive
        return infinite(sign) if away else word(sign | max_finite)

    return overflowed


def becomes_infinite(builder: RoutineBuilder) -> tuple[bool, bool]:
    """Return whether a positive and a negative result beyond the range are as infinities.

    Rounding to odd gives infinity if its encoding is odd, that is if that of the largest number is
    even, as in the signed formats of P3109.
    """
    rounding, overflow = builder.arithmetic.rounding, builder.arithmetic.overflow
    if overflow in (Overflow.NAN, Overflow.SATURATE_FINITE):
        return (overflow is Overflow.NAN,) * 2
    is_odd = builder.format.has_infinity and builder.arithmetic.format.infinity % 2 == 1
    if rounding is Rounding.TO_ODD and is_odd:
        return True, True
    return _AWAY_FROM_ZERO[rounding]


def make_infinite(builder: RoutineBuilder) -> Routine:
    """Return ``infinite(sign)``: infinity, or its substitute in the format and the arithmetic.

    The substitute is the default NaN if the format has no infinity, and the largest number if the
    arithmetic saturates or the format has no NaN either.
    """
    word, format, overflow = builder.word, builder.format, builder.arithmetic.overflow
    infinity, max_finite, default_nan = builder.words("infinity", "max_finite", "default_nan")

    def infinite(sign: Any) -> Any:
        return word(sign | infinity)

    def saturated(sign: Any) -> Any:
        return word(sign | max_finite)

    def undefined(sign: Any) -> Any:
        return default_nan

    def negative_or_undefined(sign: Any) -> Any:
        return word(sign | max_finite) if sign != 0 else default_nan

    if not builder.arithmetic.format.is_signed:  # what is negative has another substitute
        undefined = negative_or_undefined
    if overflow is Overflow.NAN:
        return undefined
    if overflow is Overflow.SATURATE:
        return saturated
    if format.has_infinity:
        return infinite
    keeps_none = overflow is Overflow.SATURATE_FINITE or not builder.arithmetic.format.has_nan
    return saturated if keeps_none else undefined


def make_zero_sum(builder: RoutineBuilder) -> Routine:
    """Return ``zero_sum(sign_a, sign_b)``: the sign of an exact zero sum (clause 6.3)."""
    word = builder.word

    def positive(sign_a: Any, sign_b: Any) -> Any:
        return word(sign_a & sign_b)

    def negative(sign_a: Any, sign_b: Any) -> Any:
        return word(sign_a | sign_b)

    return negative if builder.arithmetic.rounding is Rounding.TOWARD_NEGATIVE else positive


def _ties_to_even(builder: RoutineBuilder) -> Routine:
    word, guard_bits = builder.word, builder.word(builder.guard_bits)
    below_half, odd = word((1 << (builder.guard_bits - 1)) - 1), word(1)

    def increment(sign: Any, sig: Any) -> Any:
        return word(below_half + ((sig >> guard_bits) & odd))

    return increment


def _ties_to_away(builder: RoutineBuilder) -> Routine:
    half = builder.word(1 << (builder.guard_bits - 1))

    def increment(sign: Any, sig: Any) -> Any:
        return half

    return increment


def _toward_zero(builder: RoutineBuilder) -> Routine:
    zero = builder.word(0)

    def increment(sign: Any, sig: Any) -> Any:
        return zero

    return increment


def _toward_positive(builder: RoutineBuilder) -> Routine:
    zero, below_one = builder.word(0), builder.word((1 << builder.guard_bits) - 1)

    def increment(sign: Any, sig: Any) -> Any:
        return zero if sign != 0 else below_one

    return increment


def _toward_negative(builder: RoutineBuilder) -> Routine:
    zero, below_one = builder.word(0), builder.word((1 << builder.guard_bits) - 1)

    def increment(sign: Any, sig: Any) -> Any:
        return below_one if sign != 0 else zero

    return increment


def _to_odd(builder: RoutineBuilder) -> Routine:
    word, guard_bits, odd = builder.word, builder.word(builder.guard_bits), builder.word(1)
    zero, below_one = word(0), word((1 << builder.guard_bits) - 1)

    def increment(sign: Any, sig: Any) -> Any:
        # An even significand goes to the odd one above it, unless it is exact.
        return zero if word((sig >> guard_bits) & odd) != 0 else below_one

    return increment


def _away_from_zero(builder: RoutineBuilder) -> Routine:
    below_one = builder.word((1 << builder.guard_bits) - 1)

    def increment(sign: Any, sig: Any) -> Any:
        return below_one

    return increment


def _stochastic(builder: RoutineBuilder) -> Routine:
    if builder.arithmetic.random is not None:
        return _stochastic_of_few_bits(builder, builder.arithmetic.random)
    # Of 2**guard_bits equally likely increments, as many carry as the dropped bits count units.
    word, below_one = builder.word, builder.word((1 << builder.guard_bits) - 1)

    def increment(sign: Any, sig: Any, random_bits: Any) -> Any:
        return word(random_bits & below_one)

    return increment


def _stochastic_of_few_bits(builder: RoutineBuilder, random: RandomBits) -> Routine:
    word, count = builder.word, random.bits
    kept = count + 1 if random.variant == "b" else count
    below_one = word((1 << builder.guard_bits) - 1)
    down, top = word(builder.guard_bits - kept), word(builder.word_bits - count)
    half = word((1 << (builder.guard_bits - kept - 1)) - 1)
    unit, limit, zero, one = word(1 << builder.guard_bits), word(1 << kept), word(0), word(1)
    is_b, is_c = random.variant == "b", random.variant == "c"

    def increment(sign: Any, sig: Any, random_bits: Any) -> Any:
        dropped, drawn = word(sig & below_one), word(word(random_bits) >> top)
        added = word(half + word(word(dropped >> down) & one)) if is_c else zero
        part = word(word(dropped + added) >> down)
        drawn = word(word(drawn << one) | one) if is_b else drawn
        return unit if word(part + drawn) >= limit else zero

    return increment


_INCREMENTS: Final[dict[Rounding, Callable[[RoutineBuilder], Routine]]] = {
    Rounding.TIES_TO_EVEN: _ties_to_even,
    Rounding.TIES_TO_AWAY: _ties_to_away,
    Rounding.TOWARD_ZERO: _toward_zero,
    Rounding.TOWARD_POSITIVE: _toward_positive,
    Rounding.TOWARD_NEGATIVE: _toward_negative,
    Rounding.TO_ODD: _to_odd,
    Rounding.AWAY_FROM_ZERO: _away_from_zero,
    Rounding.STOCHASTIC: _stochastic,
}

_AWAY_FROM_ZERO: Final = {
    Rounding.TIES_TO_EVEN: (True, True),
    Rounding.TIES_TO_AWAY: (True, True),
    Rounding.TOWARD_ZERO: (False, False),
    Rounding.TOWARD_POSITIVE: (True, False),
    Rounding.TOWARD_NEGATIVE: (False, True),
    Rounding.TO_ODD: (False, False),
    Rounding.AWAY_FROM_ZERO: (True, True),
    Rounding.STOCHASTIC: (True, True),
}
"""Whether a positive and a negative result beyond the range become infinite (clause 7.4)."""
