"""Conversion to integers (clause 5.8)."""

from __future__ import annotations

from functools import cache
from typing import Any

from numlean_kernels.flags import INEXACT, INVALID
from numlean_kernels.formats import BINARY64
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.ieee.convert import BINARY64_EXACTLY, make_to_binary64
from numlean_kernels.ieee.fields import make_unpack
from numlean_kernels.ieee.integral import round_to_integral
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder, routine_builder
from numlean_kernels.protocol import Routine


@cache
def to_int(width: int, rounding: Rounding) -> Maker:
    """Return the maker of ``to_int(a) -> (n, flags)``: a rounded to an integer of ``width`` bits.

    A number beyond the range gives the nearest limit, a NaN gives 0, and both are invalid (clause
    5.8). Otherwise the conversion is inexact if a is not an integer.
    """

    def make(builder: RoutineBuilder) -> Routine:
        # Binary64 holds the integers to which numbers of narrow formats are rounded.
        long = routine_builder(BINARY64_EXACTLY, builder.target)
        to_binary64 = builder.routine(make_to_binary64)
        whole_of, unpack = long.routine(round_to_integral(rounding)), long.routine(make_unpack)
        word, signed, signed_long = long.word, long.signed, builder.target.signed(64)
        magnitude_mask, max_number, sign_mask = long.words(
            "magnitude_mask", "max_number", "sign_mask"
        )
        zero_long = signed_long(0)
        bias, top, zero = signed(BINARY64.bias), signed(63), signed(0)
        most, least = word((1 << (width - 1)) - 1), word(1 << (width - 1))
        no_flag, inexact_flag, invalid_flag = (
            builder.word(0),
            builder.word(INEXACT),
            builder.word(INVALID),
        )

        def to_int(a: Any) -> Any:
            exact, _ = to_binary64(a)
            whole, _ = whole_of(exact)
            magnitude, negative = word(whole & magnitude_mask), (whole & sign_mask) != 0
            exp, sig = unpack(magnitude)
            below = signed(top - signed(exp - bias))
            far = below < zero
            distance = below if below > zero else zero
            count = word(sig >> word(distance if distance < top else top))
            limit = least if negative else most
            beyond = (magnitude != 0) & (far | (count > limit))
            count = limit if beyond else (word(0) if magnitude == 0 else count)
            n = signed_long(zero_long - signed_long(count)) if negative else signed_long(count)
            is_nan = magnitude > max_number
            inexact = inexact_flag if whole != exact else no_flag
            return (
                zero_long if is_nan else n,
                invalid_flag if beyond | is_nan else inexact,
            )

        return to_int

    return make
