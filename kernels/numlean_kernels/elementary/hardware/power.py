"""The fast phase of powers in pairs of binary64.

x**y = exp(y * ln x). The logarithm of :mod:`.logarithm` is within 2**-66 of itself, so the product
p, an exact one of upper parts and a rounded one of lower parts, is within 2**-65.9 of itself. As
|p| is at most 708, its lower part is below 2**-43, and exp(p) by :mod:`.exponential` is within
2**-70 beside that. An odd power of a negative number is negative.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean_kernels.elementary.hardware.exponential import make_power_of_pair, make_scaled
from numlean_kernels.elementary.hardware.floats import INTEGERS, FloatBuilder, make_rounding_test
from numlean_kernels.elementary.hardware.logarithm import make_natural
from numlean_kernels.protocol import Routine

_LEAST_NORMAL: Final = 2.0**-1022
_GREATEST: Final = float(np.finfo(np.float64).max)
_GREATEST_PRODUCT: Final = 708.0
_GREATEST_INTEGER: Final = 2.0**50
_RELATIVE_ERROR: Final = 1.1 * 2.0**-66
_ERROR: Final = 2.0**-69


def make_pow(builder: FloatBuilder) -> Routine:
    """Return ``fast(x, y) -> (certain, z)``: the fast phase of pow."""
    natural, power = builder.routine(make_natural), builder.routine(make_power_of_pair)
    scaled, rounding_test = builder.routine(make_scaled), builder.routine(make_rounding_test)
    fma, encoding, word = builder.fma, builder.encoding, builder.word
    real, last_bit, to_sign = builder.real, word(1), word(63)

    def fast(x: Any, y: Any) -> Any:
        size = abs(x)
        within = (size >= _LEAST_NORMAL) & (size <= _GREATEST) & (abs(y) <= _GREATEST)
        shifted = y + INTEGERS
        is_integer = (abs(y) <= _GREATEST_INTEGER) & (shifted - INTEGERS == y)
        within = within & ((x > 0.0) | is_integer)
        h, low = natural(size if within else 1.0)
        p = y * h
        within = within & (abs(p) <= _GREATEST_PRODUCT)
        low = fma(y, h, -p) + y * low
        upper = p + low
        low = (p - upper) + low
        exponent, top, product, rest = power(upper if within else 0.0, low if within else 0.0)
        h = top + product
        low = ((top - h) + product) + rest
        certain, z = rounding_test(h, low, fma(abs(upper), _RELATIVE_ERROR, _ERROR) * h)
        odd = word(word(encoding(shifted) & last_bit) << to_sign)
        sign = odd if x < 0.0 else word(0)
        return within & certain, real(word(encoding(scaled(z, exponent)) | sign))

    return fast


PHASES: Final = {"pow": make_pow}
"""``fast(x, y) -> (certain, z)`` by the name of the function."""
