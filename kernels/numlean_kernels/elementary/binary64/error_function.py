"""The error function of binary64, like :mod:`numlean_kernels.elementary.error_function`.

Below 1/4 the series has 19 more terms, which leave less than 2**-128. Up to 6 the polynomials have
degree 21, which also leaves less than 2**-128; with cuts and rounded coefficients they are within
2**-121. From 6 on erf(x) > 1 - 2**-54, nearer to one than to the number before it. The tables begin
at 1/4: a GPU has 64 KiB for constants, which they nearly fill.
"""

from __future__ import annotations

from functools import cache
from math import factorial
from typing import Any, Final

from numlean_kernels.elementary.binary64.double_word import ONES, make_long_multiply
from numlean_kernels.elementary.constants import context, fractions, pairs, units
from numlean_kernels.elementary.error_function import STEP_BITS, taylor
from numlean_kernels.elementary.extended_floats import make_shift_right
from numlean_kernels.elementary.kept_table import Words, kept_tables
from numlean_kernels.elementary.outcome import ROUNDED
from numlean_kernels.elementary.wide import (
    make_scale,
    make_wide_add,
    make_wide_multiply,
    make_wide_normalise,
    make_wide_shift_right,
    make_wide_subtract,
    wide_series,
)
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_DEGREE: Final = 21
_TERMS: Final = 19
_HEADROOM: Final = 3
_SMALL: Final = -2
_FIRST: Final = 1 << (STEP_BITS + _SMALL)
_LIMIT: Final = 6


def _make_small(builder: RoutineBuilder) -> Routine:
    """Return ``small(e, m) -> (e, m)``, x < 1/4: x * 2/sqrt(pi) * (1 - u/3 + u**2/10 - ...)."""
    mp, word, signed = context(), builder.word, builder.signed
    square, multiply = builder.routine(make_wide_multiply), builder.routine(make_long_multiply)
    shift_right, subtract = (
        builder.routine(make_wide_shift_right),
        builder.routine(make_wide_subtract),
    )
    normalise = builder.routine(make_wide_normalise)
    terms = fractions(_TERMS, lambda k: mp.mpf(1) / (factorial(k + 1) * (2 * k + 3)), 128)
    falling = builder.routine(wide_series(terms, alternating=True))
    factor = units(2 / mp.sqrt(mp.pi), 127)
    upper, lower = word(factor >> 64), word(factor % (1 << 64))
    zero, zero_exp, below, one, low_one = word(0), signed(0), signed(-1), signed(1), word(1)

    def small(e: Any, m: Any) -> Any:
        a, b = shift_right(m, zero, signed(below - e))
        a, b = square(a, b, a, b)
        c, d = falling(a, b)
        a, b = square(a, b, c, d)
        # One minus the sum, within a unit.
        a, b = subtract(zero, zero, a, word(b | low_one))
        f, a, b = normalise(a, b)
        e, m, n = multiply(e, m, zero, zero_exp, upper, lower)
        e, m, _ = multiply(e, m, n, signed(f - one), a, b)
        return e, m

    return small


@cache
def _polynomials() -> list[Words]:
    """Return the values, and the other coefficients by rows, the highest power first."""
    count = (_LIMIT << STEP_BITS) - _FIRST

    def compute() -> list[Words]:
        polynomials = [taylor(_FIRST + k, _DEGREE) for k in range(count)]
        rows = [reversed(others) for _, others in polynomials]
        values = pairs([units(value, 128) for value, _ in polynomials])
        return [*values, *pairs([units(c, 128 + _HEADROOM) for row in rows for c in row])]

    return kept_tables("erf binary64", (count, count, *2 * (count * _DEGREE,)), compute)


def _make_erf(builder: RoutineBuilder) -> Routine:
    word, signed = builder.word, builder.signed
    small, normalise = builder.routine(_make_small), builder.routine(make_wide_normalise)
    shift_right, scale = builder.routine(make_shift_right), builder.routine(make_scale)
    add, wide_shift_right = builder.routine(make_wide_add), builder.routine(make_wide_shift_right)
    values_high, values_low, table_high, table_low = _polynomials()
    degree, row = _DEGREE, word(_DEGREE)
    lowest, below, six = signed(_SMALL), signed(-1), signed(6)
    first, last, limit = word(_FIRST), word(_LIMIT << STEP_BITS), signed(3)
    ones, zero, sign_bit = word(ONES), word(0), word(1 << 63)
    headroom, sign_fill = signed(_HEADROOM), word(((1 << _HEADROOM) - 1) << (64 - _HEADROOM))
    index_places = signed(63 - STEP_BITS)

    def times(a: Any, b: Any, t: Any) -> Any:
        c, d = scale(a, b, t)
        return word(c - (t if (a & sign_bit) != zero else zero)), d

    product = builder.target.routine(times)

    def erf(negative: Any, e: Any, m: Any) -> Any:
        if e < lowest:
            e, m = small(e, m)
            return ROUNDED, negative, e, m
        places = signed(index_places - (e if e < limit else limit))
        index = shift_right(m, places)
        if (e >= limit) | (index >= last):
            return ROUNDED, negative, below, ones
        t = word(word(m - word(index << word(places))) << word(signed(e + six)))
        entry = word(index - first)
        at = word(entry * row)
        a, b = zero, zero
        for k in range(degree):
            a, b = product(a, b, t)
            place = word(at + word(k))
            a, b = add(a, b, word(table_high[place]), word(table_low[place]))
        a, b = product(a, b, t)
        fill = sign_fill if (a & sign_bit) != zero else zero
        a, b = wide_shift_right(a, b, headroom)
        a, b = add(word(values_high[entry]), word(values_low[entry]), word(a | fill), b)
        f, a, _ = normalise(a, b)
        return ROUNDED, negative, signed(f + below), a

    return erf


CORES: Final[dict[str, Maker]] = {"erf": _make_erf}
"""``core(negative, e, m) -> outcome`` by the name of the function."""
