"""The rounding directions: what each adds, and what each makes of an overflow (clause 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numlean_kernels.ieee.arithmetic import Overflow, Rounding
from numlean_kernels.ieee.routine_builder import Kit
from numlean_kernels.protocol import Routine


def make_increment(kit: Kit) -> Routine:
    """Return ``increment(sign, sig, noise)``: what is added before the guard bits are dropped."""
    return _INCREMENTS[kit.arithmetic.rounding](kit)


def make_overflowed(kit: Kit) -> Routine:
    """Return ``overflowed(sign)``: the encoding of a rounded result beyond the range."""
    word, infinite = kit.word, kit.routine(make_infinite)
    (max_finite,) = kit.words("max_finite")
    away_if_positive, away_if_negative = _AWAY_FROM_ZERO[kit.arithmetic.rounding]

    def overflowed(sign: Any) -> Any:
        away = away_if_negative if sign != 0 else away_if_positive
        return infinite(sign) if away else word(sign | max_finite)

    return overflowed


def make_infinite(kit: Kit) -> Routine:
    """Return ``infinite(sign)``: infinity, or what the format and the arithmetic put in its place.

    That is the default NaN if the format has no infinity, the greatest number if it saturates.
    """
    word = kit.word
    infinity, max_finite, default_nan = kit.words("infinity", "max_finite", "default_nan")

    def infinite(sign: Any) -> Any:
        return word(sign | infinity)

    def saturated(sign: Any) -> Any:
        return word(sign | max_finite)

    def undefined(sign: Any) -> Any:
        return default_nan

    if kit.arithmetic.overflow is Overflow.SATURATE:
        return saturated
    return infinite if kit.format.has_infinity else undefined


def make_zero_sum(kit: Kit) -> Routine:
    """Return ``zero_sum(sign_a, sign_b)``: the sign of an exact zero sum (clause 6.3)."""
    word = kit.word

    def positive(sign_a: Any, sign_b: Any) -> Any:
        return word(sign_a & sign_b)

    def negative(sign_a: Any, sign_b: Any) -> Any:
        return word(sign_a | sign_b)

    return negative if kit.arithmetic.rounding is Rounding.TOWARD_NEGATIVE else positive


def _ties_to_even(kit: Kit) -> Routine:
    word, guard_bits = kit.word, kit.word(kit.guard_bits)
    below_half, odd = word((1 << (kit.guard_bits - 1)) - 1), word(1)

    def increment(sign: Any, sig: Any, noise: Any) -> Any:
        return word(below_half + ((sig >> guard_bits) & odd))

    return increment


def _ties_to_away(kit: Kit) -> Routine:
    half = kit.word(1 << (kit.guard_bits - 1))

    def increment(sign: Any, sig: Any, noise: Any) -> Any:
        return half

    return increment


def _toward_zero(kit: Kit) -> Routine:
    zero = kit.word(0)

    def increment(sign: Any, sig: Any, noise: Any) -> Any:
        return zero

    return increment


def _toward_positive(kit: Kit) -> Routine:
    zero, below_one = kit.word(0), kit.word((1 << kit.guard_bits) - 1)

    def increment(sign: Any, sig: Any, noise: Any) -> Any:
        return zero if sign != 0 else below_one

    return increment


def _toward_negative(kit: Kit) -> Routine:
    zero, below_one = kit.word(0), kit.word((1 << kit.guard_bits) - 1)

    def increment(sign: Any, sig: Any, noise: Any) -> Any:
        return below_one if sign != 0 else zero

    return increment


def _to_odd(kit: Kit) -> Routine:
    word, guard_bits, odd = kit.word, kit.word(kit.guard_bits), kit.word(1)
    zero, below_one = word(0), word((1 << kit.guard_bits) - 1)

    def increment(sign: Any, sig: Any, noise: Any) -> Any:
        # An even neighbour is left for the odd one above it, unless it is the exact result.
        return zero if word((sig >> guard_bits) & odd) != 0 else below_one

    return increment


def _stochastic(kit: Kit) -> Routine:
    # Of 2**guard_bits equally likely increments, as many carry as there are units in what is lost.
    word, below_one = kit.word, kit.word((1 << kit.guard_bits) - 1)

    def increment(sign: Any, sig: Any, noise: Any) -> Any:
        return word(noise & below_one)

    return increment


_INCREMENTS: Final[dict[Rounding, Callable[[Kit], Routine]]] = {
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
"""Whether a positive and a negative result beyond the range go to infinity (clause 7.4)."""
