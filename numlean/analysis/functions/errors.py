"""The distances of numbers from exact values."""

from __future__ import annotations

from math import inf, nan
from typing import Any, TypeAlias

import numpy as np

from numlean.scalar.exact import Exact, exact_of
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar, Storage

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

_BITS = 64
"""Differences are rounded to this many bits, far more than are shown."""


def errors_in_ulps(scalar: Scalar, x: Storage, exact: Storage, scale: Any = None) -> Floats:
    """Return x - exact in ulps of the arithmetic at the exact values.

    For equal infinities, and for two NaNs, it is 0; if only one is a NaN, it is NaN.

    Args:
        scalar: The arithmetic.
        x: Numbers of it.
        exact: As many ``mpmath.mpf``.
        scale: The number at which an ulp is measured where the exact one is 0; by default 0.
    """
    precision, format = precision_of(scalar), scalar.format
    ends = (None, None) if format is None else (format.emin, format.emax)

    def ulps(difference: Exact, value: Exact) -> float:
        from mpmath import libmp

        at = value if value[1] or scale is None else exact_of(scale)
        exponent = _exponent(at, *ends)
        if exponent is None:
            return -inf if difference[0] else inf
        return float(libmp.to_float(libmp.mpf_shift(difference, precision - 1 - exponent)))

    return _measure(scalar.to_exact(x), exact, ulps)


def relative_errors(scalar: Scalar, x: Storage, exact: Storage) -> Floats:
    """Return x - exact divided by the magnitudes of the exact values; infinite at zero."""

    def relative(difference: Exact, value: Exact) -> float:
        from mpmath import libmp

        if value == libmp.fzero:
            return -inf if difference[0] else inf
        return float(libmp.to_float(libmp.mpf_div(difference, libmp.mpf_abs(value), _BITS, "n")))

    return _measure(scalar.to_exact(x), exact, relative)


def agreeing_bits(x: Storage, y: Storage, most: int) -> int:
    """Return the least number of leading bits in which values agree; ``most`` if equal."""
    from mpmath import libmp

    least = most
    for a, b in zip(_raw(x), _raw(y), strict=True):
        if libmp.mpf_eq(a, b) or a == b:
            continue
        if not a.is_finite or not b.is_finite or libmp.fzero in (a, b):
            return 0
        difference = Exact(*libmp.mpf_sub(a, b, _BITS, "n"))
        least = min(least, b.leading_exponent - difference.leading_exponent - 1)
    return max(least, 0)


def equals_rounded(scalar: Scalar, x: Storage, exact: Storage) -> np.ndarray[Any, Any]:
    """Return where numbers are the exact values rounded once."""
    rounded = scalar.from_exact(exact)
    both_nan = ~scalar.eq(x, x) & ~scalar.eq(rounded, rounded)
    return np.asarray(scalar.eq(x, rounded) | both_nan)


def worst(errors: Floats) -> float:
    """Return the greatest magnitude; NaN if there is one, 0 for an empty array."""
    return float(np.max(np.abs(errors), initial=0.0))


def _measure(found: Storage, exact: Storage, measure: Any) -> Floats:
    from mpmath import libmp

    def error(a: Exact, b: Exact) -> float:
        if a == b or libmp.mpf_eq(a, b):
            return 0.0
        if libmp.fnan in (a, b):
            return nan
        if not a.is_finite or not b.is_finite:
            return inf if libmp.mpf_gt(a, b) else -inf
        return float(measure(libmp.mpf_sub(a, b, _BITS, "n"), b))

    errors = [error(a, b) for a, b in zip(_raw(found), _raw(exact), strict=True)]
    return np.array(errors, np.float64).reshape(found.shape)


def _raw(x: Storage) -> list[Exact]:
    return [exact_of(value) for value in x.ravel().tolist()]


def _exponent(value: Exact, emin: int | None, emax: int | None) -> int | None:
    """Return the exponent of numbers near a value; None for zero with unbounded exponents."""
    if emin is None or emax is None:
        return value.leading_exponent if value.significand else None
    return max(min(value.leading_exponent, emax), emin) if value.significand else emin
