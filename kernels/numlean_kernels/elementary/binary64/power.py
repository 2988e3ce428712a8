"""Powers of binary64, by :mod:`numlean_kernels.elementary.power`.

Near one, the power is 1 + t with t = u + u**2/2 + u**3/6 for the logarithm u, a double word.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.elementary.binary64.double_word import SMALL
from numlean_kernels.elementary.binary64.exponential import SMALL_EXPM1
from numlean_kernels.elementary.constants import context, units
from numlean_kernels.elementary.extended_floats import ONE
from numlean_kernels.elementary.power import Limits, power_of_number
from numlean_kernels.elementary.wide import (
    make_wide_multiply,
    make_wide_normalise,
    make_wide_shift_right,
    make_wide_subtract,
)
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine


def _make_near_one(builder: RoutineBuilder) -> Routine:
    """Return ``near_one(falls, e, a, b) -> (e, m)``: 2**+-f, f = (a, b) * 2**e below 2**-40.

    The power is not a number of 64 bits.
    """
    word, signed = builder.word, builder.signed
    multiply, normalise = builder.routine(make_wide_multiply), builder.routine(make_wide_normalise)
    subtract, shift_right = (
        builder.routine(make_wide_subtract),
        builder.routine(make_wide_shift_right),
    )
    small = builder.routine(SMALL_EXPM1)
    factor = units(context().ln(2), 128)
    factor_high, factor_low = word(factor >> 64), word(factor % (1 << 64))
    half, zero_word, one_word, top = word(ONE), word(0), word(1), word(63)
    zero, one, below = signed(0), signed(1), signed(-1)

    def near_one(falls: Any, e: Any, a: Any, b: Any) -> Any:
        a, b = multiply(a, b, factor_high, factor_low)
        f, a, b = normalise(a, b)
        e, a, b = small(falls, signed(signed(e + f) - one), a, b)
        a, b = shift_right(a, b, signed(-e))
        if not falls:
            return zero, word(half + a)
        # One more unit stands for the bits that were cut.
        a, b = subtract(half, zero_word, a, b)
        a, b = subtract(a, b, zero_word, one_word)
        return below, word(word(a << one_word) | word(b >> top))

    return near_one


_LIMITS: Final = Limits(
    precision=53,
    greatest=11,
    farthest=1100,
    sum_bits=116,
    close=1 << 18,
    near=SMALL,
    near_one=_make_near_one,
)

CORES: Final[dict[str, Maker]] = {"pow": power_of_number(_LIMITS)}
"""``power(ea, ma, is_negative, eb, mb) -> (kind, e, m)`` by the name of the function."""
