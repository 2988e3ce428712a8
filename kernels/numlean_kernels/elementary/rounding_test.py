"""The common parts of fast phases of elementary functions: reading operands, and the rounding test.

Rounding can change only at multiples of half a unit in the last place, in all directions. If no
such multiple lies within the error bound of an approximation, its rounded value is certain.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.flags import INEXACT
from numlean_kernels.ieee.rounding import make_increment
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

DIGITS: Final = 24
"""Bits of the significand of an operand; those of narrower formats are followed by zeros."""


def with_fast_phase(make: Maker, make_fast: Maker) -> Maker:
    """Return the maker of a function of one operand that tries its fast phase first."""

    def make_both(builder: RoutineBuilder) -> Routine:
        fast, accurate, inexact = (
            builder.routine(make_fast),
            builder.routine(make),
            builder.word(INEXACT),
        )

        def f(a: Any) -> Any:
            certain, z = fast(a)
            if certain:
                return z, inexact
            return accurate(a)

        return f

    return make_both


def make_rounding_test(builder: RoutineBuilder) -> Routine:
    """Return ``rounding_test(sign, e, m, error_bound) -> (certain, z)``: a real, rounded.

    The real is off by less than ``error_bound`` units and in the range of normal numbers. With a
    bound of half the rounded-off range, no result is certain.
    """
    word, signed, increment = builder.word, builder.signed, builder.routine(make_increment)
    guard_bits, trailing_bits = word(builder.guard_bits), word(builder.format.trailing_bits)
    below_bias, one = signed(builder.format.bias - 1), word(1)
    between = word((1 << (63 - builder.format.precision)) - 1)

    def rounding_test(sign: Any, e: Any, m: Any, error_bound: Any) -> Any:
        sig = word(word(m >> one) | one)
        kept = word(word(sig + increment(sign, sig)) >> guard_bits)
        z = word(sign | word(word(word(signed(e + below_bias)) << trailing_bits) + kept))
        return word(word(m + error_bound) & between) >= word(error_bound << one), z

    return rounding_test


def make_digits(builder: RoutineBuilder) -> Routine:
    """Return ``digits(a) -> (e, d)``: a normal number d * 2**(e - 23)."""
    word, signed, format = builder.word, builder.signed, builder.format
    trailing_mask, implicit_bit = builder.words("trailing_mask", "implicit_bit")
    trailing_bits, up = word(format.trailing_bits), word(DIGITS - format.precision)
    field_mask, bias = word(format.exponent_limit), signed(format.bias)

    def digits(a: Any) -> Any:
        e = signed(signed(word(word(a) >> trailing_bits) & field_mask) - bias)
        return e, word(word(word(a & trailing_mask) | implicit_bit) << up)

    return digits
