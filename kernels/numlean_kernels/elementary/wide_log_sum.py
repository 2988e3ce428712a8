"""The last step of a logarithm in two words: the sum of its constants and of a series near one."""

from __future__ import annotations

from functools import cache
from typing import Any

from numlean_kernels.elementary.constants import pairs
from numlean_kernels.elementary.reduction import WIDE
from numlean_kernels.elementary.wide import (
    make_wide_add,
    make_wide_normalise,
    make_wide_shift_right,
    make_wide_subtract,
)
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine


@cache
def wide_log_sum(
    base: int | None, *, sum_bits: int, farthest: int, series_bits: int, lead_bits: int
) -> Maker:
    """Return the maker of ``log_sum(e, index, falls, u, v) -> (negative, e, a, b)``.

    It is e times the logarithm of 2, minus that of the factor at ``index``, plus or (if ``falls``)
    minus the wide fraction (u, v) / 2**series_bits; the sum is not zero. Its magnitude is
    (a, b) * 2**(e + lead_bits), where (a, b) is a wide fraction of at least 1/2.

    Args:
        base: The base of the logarithms; None for natural ones.
        sum_bits: The constants are in units of ``2**-sum_bits``.
        farthest: An upper bound of e, of either sign.
        series_bits: Bits by which the series is scaled up.
        lead_bits: Bits of the result before the binary point.
    """

    def make(builder: RoutineBuilder) -> Routine:
        word, signed = builder.word, builder.signed
        powers, factors = WIDE.tables(base, sum_bits, farthest)
        powers_high, powers_low = pairs(powers)
        factors_high, factors_low = pairs(factors)
        add, subtract = builder.routine(make_wide_add), builder.routine(make_wide_subtract)
        normalise = builder.routine(make_wide_normalise)
        shift_right = builder.routine(make_wide_shift_right)
        sign_bit, zero, first_row = word(1 << 63), word(0), signed(farthest)
        series_exponent = signed(-series_bits - lead_bits)
        places = signed(128 + series_bits - sum_bits)
        sum_exponent = signed(128 - lead_bits - sum_bits)

        def log_sum(e: Any, index: Any, falls: Any, u: Any, v: Any) -> Any:
            row = word(signed(e + first_row))
            a, b = add(
                word(powers_high[row]),
                word(powers_low[row]),
                word(factors_high[index]),
                word(factors_low[index]),
            )
            if word(a | b) == zero:
                f, a, b = normalise(u, v)
                return falls, signed(f + series_exponent), a, b
            u, v = shift_right(u, v, places)
            if falls:
                a, b = subtract(a, b, u, v)
            else:
                a, b = add(a, b, u, v)
            negative = (a & sign_bit) != zero
            if negative:
                a, b = subtract(zero, zero, a, b)
            f, a, b = normalise(a, b)
            return negative, signed(f + sum_exponent), a, b

        return log_sum

    return make
