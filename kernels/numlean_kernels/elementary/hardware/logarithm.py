"""Fast phases of logarithms in pairs of binary64.

**Reduction.** x = 2**e * m with m in [0.704, 1.408), and a table by the upper 8 bits of m has a
factor c near 1/m, and -ln(c). r = m*c - 1 is an exact pair (r, d): m*c is an exact pair whose upper
part is near one, so that subtracting one is exact; |r| < 2**-8.9 and |d| <= u. For m from
1 - 2**-10 to 1 + 2**-9, c is one, so that nothing cancels: e and ln(c) are zero and r = m - 1.

**Sum.** ln x = e*ln 2 - ln c + r - r**2/2 + r**3/3 - ... The upper parts of ln 2 and of -ln(c) are
multiples of 2**-42, so that A = e*L - ln c is exact; it is zero or at least twice r. The pairs
A + r = (h, l), h - r**2/2 and r**2 are exact. The terms from r**3/3 < 2**-28.2 to r**9/9 are off by
4u of that, omitted ones are below 2**-92; of d*(1 - r + r**2 - ...), 2**-79 is omitted. The lower
parts are off by 2**-86. The sums of what is below 2**-28 cost 4u of it. So where A is not zero, and
the logarithm at least 2**-10, all this is below 2**-77.5: 2**-67.5 of the logarithm; as l may be
greater for logarithms of more than one, add 2u**2. Where A is zero, every error is proportional to
r: 4u * r**2/3 and u * 2**-18.6, less than 2**-69 of r.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np

from numlean_kernels.elementary.constants import Real, context
from numlean_kernels.elementary.hardware.floats import (
    INTEGERS,
    FloatBuilder,
    halves,
    make_rounding_test,
)
from numlean_kernels.protocol import Routine

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

_INDEX_BITS: Final = 8
_PIECES: Final = 1 << _INDEX_BITS
_GRID_BITS: Final = 42
"""Upper parts of logarithms are multiples of ``2**-_GRID_BITS``."""
LOG_ERROR: Final = 2.0**-66
"""The bound of relative errors of a logarithm."""
_BASE_ERROR: Final = 2.0**-65
_LEAST_ENCODING: Final = 0x3FE6880000000000
"""That of the least m, such that one is in the middle of a piece."""
_LIFT: Final = 2048
_LEAST_NORMAL: Final = 2.0**-1022
_GREATEST: Final = float(np.finfo(np.float64).max)
_TERMS: Final = (1 / 3, -1 / 4, 1 / 5, -1 / 6, 1 / 7, -1 / 8, 1 / 9)


def _factors() -> list[float]:
    """Return the factor c of each piece of [0.704, 1.408)."""
    found = []
    for index in range(_PIECES):
        bounds = [_LEAST_ENCODING + (index + k << 52 - _INDEX_BITS) for k in (0, 1)]
        low, high = (np.uint64(b).view(np.float64) for b in bounds)
        found.append(1.0 if low <= 1 <= high else float(np.float64(2 / (low + high))))
    return found


def _on_grid(value: Real) -> tuple[float, float]:
    mp = context()
    upper = mp.ldexp(mp.nint(mp.ldexp(value, _GRID_BITS)), -_GRID_BITS)
    return float(upper), float(value - upper)


@cache
def tables() -> tuple[Floats, Floats, Floats]:
    """Return the factors c, and -ln(c) as the sum of two floats, the first of them on the grid."""
    factors = _factors()
    logs = [_on_grid(-context().ln(c)) for c in factors]
    uppers, lowers = zip(*logs, strict=True)
    return np.array(factors), np.array(uppers), np.array(lowers)


@cache
def ln_two() -> tuple[float, float]:
    """Return ln(2) as the sum of two floats, the first of them on the grid."""
    return _on_grid(context().ln(2))


def make_argument(builder: FloatBuilder) -> Routine:
    """Return ``argument(x) -> (e, index, m)``: a positive normal number as m * 2**e, its piece."""
    encoding, real, word = builder.encoding, builder.real, builder.word
    least, to_index, mask = word(_LEAST_ENCODING), word(52 - _INDEX_BITS), word(_PIECES - 1)
    exponent_mask, to_exponent = word(0xFFF << 52), word(52)
    # The exponent is lifted, so that it is positive, and becomes a float as INTEGERS explains.
    lift, lift_bits = word(_LIFT << 52), int(np.float64(INTEGERS).view(np.uint64)) - _LIFT
    integers = word(lift_bits)

    def argument(x: Any) -> Any:
        bits = encoding(x)
        offset = word(bits - least)
        index = word(word(offset >> to_index) & mask)
        m = real(word(bits - word(offset & exponent_mask)))
        lifted = word(word(offset + lift) >> to_exponent)
        return real(word(integers + lifted)) - INTEGERS, index, m

    return argument


def make_natural(builder: FloatBuilder) -> Routine:
    """Return ``natural(x) -> (h, l)``: ln(x) of a positive normal number."""
    argument, fma = builder.routine(make_argument), builder.fma
    multipliers, uppers, lowers = tables()
    two_upper, two_lower = ln_two()
    c3, c4, c5, c6, c7, c8, c9 = _TERMS

    def natural(x: Any) -> Any:
        e, index, m = argument(x)
        c = multipliers[index]
        product = m * c
        d = fma(m, c, -product)
        r = product - 1.0
        a = fma(e, two_upper, uppers[index])
        h = a + r
        low = (a - h) + r
        half = -0.5 * r
        square = half * r
        rest = fma(half, r, -square)
        top = h + square
        low = low + ((h - top) + square)
        tail = fma(r, fma(r, fma(r, fma(r, fma(r, fma(r, c9, c8), c7), c6), c5), c4), c3)
        tail = fma((r * r) * r, tail, rest)
        tail = tail + fma(d, fma(r, r, -r), d)
        return top, low + (tail + fma(e, two_lower, lowers[index]))

    return natural


def _fast(base: int | None) -> Callable[[FloatBuilder], Routine]:
    """Return the maker of the fast phase of a logarithm to a base; None for natural ones.

    A factor of two floats costs less than 2**-104, and the product of lower parts below 2**-77.
    """

    def make(builder: FloatBuilder) -> Routine:
        natural, fma = builder.routine(make_natural), builder.fma
        rounding_test = builder.routine(make_rounding_test)
        upper, lower = halves(1 / context().ln(base)) if base is not None else (1.0, 0.0)

        def fast(x: Any) -> Any:
            within = (x >= _LEAST_NORMAL) & (x <= _GREATEST)
            h, low = natural(x if within else 1.0)
            certain, z = rounding_test(h, low, abs(h) * LOG_ERROR)
            return within & certain, z

        def fast_to_base(x: Any) -> Any:
            within = (x >= _LEAST_NORMAL) & (x <= _GREATEST)
            h, low = natural(x if within else 1.0)
            product = h * upper
            low = fma(h, upper, -product) + fma(h, lower, low * upper)
            certain, z = rounding_test(product, low, abs(product) * _BASE_ERROR)
            return within & certain, z

        return fast if base is None else fast_to_base

    return make


PHASES: Final = {"log": _fast(None), "log2": _fast(2), "log10": _fast(10)}
"""``fast(x) -> (certain, z)`` by the name of the function."""
