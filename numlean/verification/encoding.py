"""Conversions between encodings and binary64, in numpy alone, for references."""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean.testing.rounding import goes_up_to_even
from numlean.verification.operands import Bits
from numlean_kernels.formats import Format

Floats = np.ndarray[Any, np.dtype[np.float64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]


def decode(format: Format, x: Bits) -> Floats:
    """Return the exact values of encodings of a format within binary64; NaNs are quiet."""
    word = x.astype(np.uint64)
    magnitude = word & np.uint64(format.magnitude_mask)
    if not format.has_zero:
        with np.errstate(over="ignore"):
            values = np.ldexp(1.0, magnitude.astype(np.int64) - format.bias)
        return np.where(format.is_nan(word), np.nan, values)
    field = (magnitude >> np.uint64(format.trailing_bits)).astype(np.int64)
    trailing = (magnitude & np.uint64(format.trailing_mask)).astype(np.int64)
    significand = trailing + np.where(field > 0, format.implicit_bit, 0)
    power = np.maximum(field, 1) - format.bias - format.trailing_bits
    with np.errstate(over="ignore"):  # infinities and NaNs, which are put in their places below
        values = np.ldexp(significand.astype(np.float64), power)
    values = np.where(format.is_infinite(word), np.inf, values)
    values = np.where(format.is_nan(word), np.nan, values)
    negative = (word & np.uint64(format.sign_mask)) != 0
    return np.where(negative & ~np.isnan(values), -values, values)


def encode(format: Format, values: Floats) -> Bits:
    """Return the encodings of numbers of a format; numbers beyond its range become infinite.

    In a format without infinity, they become its NaN.
    """
    finite = np.isfinite(values)
    e = _exponent(format, values)
    units = np.ldexp(np.where(finite, np.abs(values), 0.0), format.trailing_bits - e)
    binades = (e - format.emin).astype(np.uint64) << np.uint64(format.trailing_bits)
    magnitude = binades + units.astype(np.uint64)
    beyond = (magnitude > format.max_finite) | np.isinf(values)
    magnitude = np.where(beyond, np.uint64(format.infinity), magnitude)
    sign = np.where(np.signbit(values), np.uint64(format.sign_mask), np.uint64(0))
    bits = np.where(np.isnan(values), np.uint64(format.default_nan), magnitude | sign)
    return bits.astype(format.storage_dtype)


def round_to_even(format: Format, values: Floats) -> Bits:
    """Return the encodings of binary64 numbers, rounded once to a narrower format."""
    e = _exponent(format, values)
    finite = np.isfinite(values)
    scaled = np.ldexp(np.where(finite, np.abs(values), 0.0), format.trailing_bits + 2 - e)
    point = np.floor(scaled)
    kept, next_bits = np.divmod(point.astype(np.uint64), np.uint64(4))
    units = kept + goes_up_to_even(kept, next_bits, scaled != point)
    with np.errstate(over="ignore"):
        rounded = np.ldexp(units.astype(np.float64), e - format.trailing_bits)
    return encode(format, np.copysign(np.where(finite, rounded, values), values))


def _exponent(format: Format, values: Floats) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return the exponents of finite numbers, at least emin; zero has emin."""
    _, e = np.frexp(values)
    exponent: np.ndarray[Any, np.dtype[np.int32]] = np.maximum(e - 1, format.emin)
    return np.where(np.isfinite(values) & (values != 0), exponent, format.emin)


def is_nan(format: Format, x: Bits) -> Bools:
    """Return where an encoding is a NaN."""
    nan: Bools = format.is_nan(x)
    return nan


def is_signalling(format: Format, x: Bits) -> Bools:
    """Return where an encoding is a signalling NaN."""
    if format.has_single_nan:
        return np.zeros(x.shape, np.bool_)
    unquiet: Bools = (x & x.dtype.type(format.quiet_bit)) == 0
    return is_nan(format, x) & unquiet
