"""What first phases of elementary functions have in common: how they begin and how they end.

Points at which rounding may turn, of all directions, are the multiples of half a unit in the last
place. Where none lies within the error of an approximation, the result is settled.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.flags import INEXACT
from numlean_kernels.ieee.rounding import make_increment
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

DIGITS: Final = 24
"""Bits of an operand's significand; those of narrower formats are followed by zeros."""


def with_fast_phase(make: Maker, make_fast: Maker) -> Maker:
    """The maker of a function of one operand with a first phase ``quick(a) -> (settled, z)``."""

    def make_both(builder: RoutineBuilder) -> Routine:
        fast, whole, inexact = (
            builder.routine(make_fast),
            builder.routine(make),
            builder.word(INEXACT),
        )

        def f(a: Any) -> Any:
            certain, z = fast(a)
            if certain:
                return z, inexact
            return whole(a)

        return f

    return make_both


def make_settle(builder: RoutineBuilder) -> Routine:
    """Return ``settle(sign, e, m, doubt) -> (settled, z)``: a real off by less than doubt, rounded.

    It must be a normal number's. With doubt of half of what is rounded off it never settles.
    """
    word, signed, increment = builder.word, builder.signed, builder.routine(make_increment)
    guard_bits, trailing_bits = word(builder.guard_bits), word(builder.format.trailing_bits)
    below_bias, zero, one = signed(builder.format.bias - 1), word(0), word(1)
    between = word((1 << (63 - builder.format.precision)) - 1)

    def settle(sign: Any, e: Any, m: Any, error_bound: Any) -> Any:
        sig = word(word(m >> one) | one)
        kept = word(word(sig + increment(sign, sig, zero)) >> guard_bits)
        z = word(sign | word(word(word(signed(e + below_bias)) << trailing_bits) + kept))
        return word(word(m + error_bound) & between) >= word(error_bound << one), z

    return settle


def make_digits(builder: RoutineBuilder) -> Routine:
    """Return ``digits(a) -> (e, d)``: a normal number, d * 2**(e - 23)."""
    word, signed, format = builder.word, builder.signed, builder.format
    trailing_mask, implicit_bit = builder.words("trailing_mask", "implicit_bit")
    trailing_bits, up = word(format.trailing_bits), word(DIGITS - format.precision)
    field_mask, bias = word(format.exponent_limit), signed(format.bias)

    def digits(a: Any) -> Any:
        e = signed(signed(word(word(a) >> trailing_bits) & field_mask) - bias)
        return e, word(word(word(a & trailing_mask) | implicit_bit) << up)

    return digits
