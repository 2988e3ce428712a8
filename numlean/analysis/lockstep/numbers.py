"""Single numbers of an arithmetic, for display and comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from numlean.scalar.exact import exact_of
from numlean.scalar.protocol import Scalar, Storage
from numlean_kernels.formats import Format


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


def _ulp_exponent(format: Format, exact: Any) -> int:
    value = exact_of(exact)
    leading = value.leading_exponent if value.significand else format.emin
    return max(min(leading, format.emax), format.emin) - format.precision + 1


def _ordinal(format: Format, bits: int) -> int:
    magnitude = bits & format.magnitude_mask
    return -magnitude if bits & format.sign_mask else magnitude


def _is_finite(value: Any) -> bool:
    return math.isfinite(value) if isinstance(value, float) else bool(abs(value) < math.inf)
