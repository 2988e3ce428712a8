"""Greatest magnitudes and the scales that follow from them, as operations of a Scalar.

No step depends on a value in Python, so that the operations can be recorded and replayed.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from numlean.precision.scaling.scaling import Scaling
from numlean.scalar.entering import enter
from numlean.scalar.protocol import Scalar, Storage

GREATEST_INT8: Final = 127.0
"""The magnitude to which integers of 8 bits are scaled."""

_LEAST_INT8_FACTOR: Final = 1e-12


def amax(scalar: Scalar, x: Storage) -> Storage:
    """Return the greatest magnitude of an array as an array of shape (); +0 if it is empty.

    NaNs count as 0.
    """
    if not x.size:
        return scalar.from_float(0.0)
    numbers = magnitudes(scalar, x)
    while numbers.ndim:
        numbers = scalar.max(numbers, -1)
    return numbers


def magnitudes(scalar: Scalar, x: Storage) -> Storage:
    """Return the magnitudes of numbers, +0 for NaNs."""
    return scalar.where(scalar.eq(x, x), scalar.abs(x))


def greatest_finite(scalar: Scalar) -> Storage:
    """Return the greatest finite number of a Scalar that has a format, of shape ()."""
    assert scalar.format is not None
    return scalar.from_bits(np.array(scalar.format.max_finite, scalar.format.storage_dtype))


def current_scales(scalar: Scalar, a: Storage, greatest: Storage, epsilon: float) -> Storage:
    """Return greatest / a for greatest magnitudes a, which are first raised to ``epsilon``.

    The scale is 1 if a is 0 or infinite; an infinite quotient becomes the greatest finite number.
    """
    if epsilon:
        a = scalar.maximum(a, enter(scalar, epsilon))
    zero, infinity = scalar.from_float(0.0), scalar.from_float(np.inf)
    # The quotient of ``greatest`` and itself is 1; so none is infinite but those that overflow.
    a = scalar.where(scalar.lt(zero, a), a, greatest)
    a = scalar.where(scalar.lt(a, infinity), a, greatest)
    return finite_quotients(scalar, greatest, a)


def int8_factors(scalar: Scalar, a: Storage) -> Storage:
    """Return the factors c = a / 127 of integers for greatest magnitudes a."""
    return scalar.div(a, scalar.from_float(GREATEST_INT8))


def int8_scales(scalar: Scalar, factors: Storage) -> Storage:
    """Return the scales 1 / max(c, 1e-12) of integers for their factors c."""
    least = enter(scalar, _LEAST_INT8_FACTOR)
    return scalar.div(scalar.from_float(1.0), scalar.maximum(factors, least))


def finite_quotients(scalar: Scalar, greatest: Storage, a: Storage) -> Storage:
    """Return greatest / a, the greatest finite number if that is infinite."""
    return scalar.minimum(scalar.div(greatest, a), greatest_finite(scalar))


def reduced(scalar: Scalar, scales: Storage, scaling: Scaling) -> Storage:
    """Return scales as a scaling keeps them: rounded down to powers of two if it says so."""
    return scalar.exp2(scalar.logb(scales)) if scaling.power_of_two else scales
