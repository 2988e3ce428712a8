"""Learning rates that take more than a few products, each rounded once to binary64."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from mpmath import libmp

from numlean.errors import NumleanError
from numlean.scalar.correct_rounding.ziv import rounded
from numlean.scalar.exact import Exact

_PRECISION: Final = 53
_LARGEST_EXPONENT: Final = 1100
"""Beyond it, up or down, a number is infinite or zero in binary64."""


def exponential_rate(base: float, gamma: float, n: int) -> float:
    """Return base * gamma**n for n > 64.

    Either gamma is 0 or a power of two, and the product is exact, or it has more bits than a number
    on which rounding turns.

    Raises:
        NumleanError: It is beyond the range of binary64.
    """
    first, factor = libmp.from_float(base), libmp.from_float(gamma)
    if factor[1] <= 1:
        return nearest(libmp.mpf_mul(first, libmp.mpf_pow_int(factor, n, _PRECISION)))

    def approximate(bits: int) -> Exact:
        product: Exact = libmp.mpf_mul(first, libmp.mpf_pow_int(factor, n, bits, "n"), bits, "n")
        return product

    return float(rounded(approximate, _PRECISION, nearest))


def cosine_rate(lower: float, upper: float, u: Fraction) -> float:
    """Return lower + (upper - lower) * sin(pi*u/2)**2, if the square of the sine is irrational."""
    height = libmp.mpf_sub(libmp.from_float(upper), libmp.from_float(lower))

    def approximate(bits: int) -> Exact:
        angle = libmp.from_rational(u.numerator, 2 * u.denominator, bits + 4, "n")
        sine = libmp.mpf_sin_pi(angle, bits + 4, "n")
        risen = libmp.mpf_mul(height, libmp.mpf_mul(sine, sine), bits, "n")
        total: Exact = libmp.mpf_add(libmp.from_float(lower), risen, bits, "n")
        return total

    return float(rounded(approximate, _PRECISION, nearest))


def nearest(value: Exact) -> float:
    """Return the nearest binary64 number of a finite value that is not negative.

    Raises:
        NumleanError: It is infinite.
    """
    _, significand, exponent, bits = value
    if significand == 0 or exponent + bits < -_LARGEST_EXPONENT:
        return 0.0
    try:
        if exponent + bits > _LARGEST_EXPONENT:
            raise OverflowError
        return float(int(significand) * Fraction(2) ** exponent)  # int / int is rounded once
    except OverflowError:
        raise NumleanError(
            f"a learning rate of about 2**{exponent + bits} is beyond binary64"
        ) from None
