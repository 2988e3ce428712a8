"""The rounding directions: the increment and the result of an overflow in each (clause 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numlean_kernels.ieee.arithmetic import Overflow, Rounding
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine


def make_increment(builder: RoutineBuilder) -> Routine:
    """Return ``increment(sign, sig)``: the number added before the guard bits are dropped.

    For stochastic rounding it is ``increment(sign, sig, random_bits)``.
    """
    return _INCREMENTS[builder.arithmetic.rounding](builder)


def make_overflowed(builder: RoutineBuilder) -> Routine:
    """Return ``overflowed(sign)``: the encoding of a rounded result beyond the range."""
    word, infinite = builder.word, builder.routine(make_infinite)
    (max_finite,) = builder.words("max_finite")
    away_if_positive, away_if_negative = _AWAY_FROM_ZERO[builder.arithmetic.rounding]

    def overflowed(sign: Any) -> Any:
        away = away_if_negative if sign != 0 else away_if_positive
        return infinite(sign) if away else word(sign | max_finite)

    return overflowed


def make_infinite(builder: RoutineBuilder) -> Routine:
    """Return ``infinite(sign)``: infinity, or its substitute in the format and the arithmetic.

    The substitute is the default NaN if the format has no infinity, and the largest number if the
    arithmetic saturates.
    """
    word = builder.word
    infinity, max_finite, default_nan = builder.words("infinity", "max_finite", "default_nan")

    def infinite(sign: Any) -> Any:
        return word(sign | infinity)

    def saturated(sign: Any) -> Any:
        return word(sign | max_finite)

    def undefined(sign: Any) -> Any:
        return default_nan

    if builder.arithmetic.overflow is Overflow.SATURATE:
        return saturated
    return infinite if builder.format.has_infinity else undefined


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


def _stochastic(builder: RoutineBuilder) -> Routine:
    # Of 2**guard_bits equally likely increments, as many carry as the dropped bits count units.
    word, below_one = builder.word, builder.word((1 << builder.guard_bits) - 1)

    def increment(sign: Any, sig: Any, random_bits: Any) -> Any:
        return word(random_bits & below_one)

    return increment


_INCREMENTS: Final[dict[Rounding, Callable[[RoutineBuilder], Routine]]] = {
    Rounding.TIES_TO_EVEN: _ties_to_even,
    Rounding.TIES_TO_AWAY: _ties_to_away,
    Rounding.TOWARD_ZERO: _toward_zero,
    Rounding.TOWARD_POSITIVE: _toward_positive,
    Rounding.TOWARD_NEGATIVE: _toward_negative,
    Rounding.TO_ODD: _to_odd,
    Rounding.STOCHASTIC: _stochastic,
}

_AWAY_FROM_ZERO: Final = {
    Rounding.TIES_TO_EVEN: (True, True),
    Rounding.TIES_TO_AWAY: (True, True),
    Rounding.TOWARD_ZERO: (False, False),
    Rounding.TOWARD_POSITIVE: (True, False),
    Rounding.TOWARD_NEGATIVE: (False, True),
    Rounding.TO_ODD: (False, False),
    Rounding.STOCHASTIC: (True, True),
}
"""Whether a positive and a negative result beyond the range become infinite (clause 7.4)."""
