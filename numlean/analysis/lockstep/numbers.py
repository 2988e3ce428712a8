"""Single numbers of an arithmetic, for display and comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from numlean.scalar.exact import exact_of, to_mpf
from numlean.scalar.protocol import Scalar, Storage
from numlean_kernels.formats import Format

_ROUNDED_BITS: Final = 64
"""Relative errors are computed with this many bits."""


@dataclass(frozen=True)
class Number:
    """A number: its text, encoding and format.

    Attributes:
        text: The shortest decimal that rounds to the number.
        bits: The encoding; None without one.
        format: The format of the encoding.
    """

    text: str
    bits: int | None = None
    format: Format | None = None

    @classmethod
    def of(cls, scalar: Scalar, x: Storage) -> Number:
        """Return the only element of an array: a number of the Scalar, or a plain one."""
        x = np.asarray(x).reshape(1)
        if x.dtype != scalar.storage_dtype:
            return cls(str(x[0]))
        (text,) = scalar.to_string(x)
        bits = None if scalar.format is None else int(scalar.to_bits(x)[0])
        return cls(text, bits, scalar.format)

    def __str__(self) -> str:
        if self.bits is None or self.format is None:
            return self.text
        return f"{self.format.format_bits(self.bits)}   {self.text}"


def ulps_between(a: Number, b: Number) -> int | None:
    """Return the number of format steps from a up to b; None across formats, or for NaN."""
    if a.format is None or a.format != b.format or "nan" in (a.text, b.text):
        return None
    assert a.bits is not None
    assert b.bits is not None
    return _ordinal(a.format, b.bits) - _ordinal(a.format, a.bits)


def error_in_ulps(number: Number, scalar: Scalar, exact: Any) -> float | None:
    """Return number - exact in ulps of its format at the exact value; None if unknown."""
    format = number.format
    if format is None or number.bits is None or not _is_finite(exact):
        return None
    (value,) = scalar.to_exact(scalar.from_bits([number.bits]))
    if not _is_finite(value):
        return None
    from mpmath import mp

    with mp.workprec(8192):
        return float((value - exact) / mp.ldexp(1, _ulp_exponent(format, exact)))


def relative_error(scalar: Scalar, x: Storage, exact: Any) -> float | None:
    """Return (number - exact) / abs(exact); None for NaN, and for an exact result that is 0."""
    from mpmath import mp

    (value,) = scalar.to_exact(np.asarray(x).reshape(1))
    if exact == 0 or value != value or not _is_finite(exact):
        return None
    with mp.workprec(_ROUNDED_BITS):
        return float(_difference(value, exact) / abs(exact))


def closer_of(a: Any, b: Any, exact: Any) -> str | None:
    """Return which of two values is closer to a finite one: "a", "b" or "equal".

    NaNs and infinities are farther away than any number; None if both values are such.
    """
    first, second = (math.inf if x != x else abs(_difference(x, exact)) for x in (a, b))
    if first == second:
        return "equal" if first < math.inf else None
    return "a" if first < second else "b"


def _difference(value: Any, exact: Any) -> Any:
    """Return a difference without rounding, as an ``mpf``."""
    if not _is_finite(value):
        return value
    from mpmath import libmp

    return to_mpf(libmp.mpf_sub(exact_of(value), exact_of(exact)))


def _ulp_exponent(format: Format, exact: Any) -> int:
    value = exact_of(exact)
    leading = value.leading_exponent if value.significand else format.emin
    return max(min(leading, format.emax), format.emin) - format.precision + 1


def _ordinal(format: Format, bits: int) -> int:
    magnitude = bits & format.magnitude_mask
    return -magnitude if bits & format.sign_mask else magnitude


def _is_finite(value: Any) -> bool:
    return math.isfinite(value) if isinstance(value, float) else bool(abs(value) < math.inf)
