"""References of posits and takums: their definitions in exact rationals, without bit fields."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import final

import numpy as np

from numlean.scalar.protocol import Scalar, Storage
from numlean.testing.reference import Number, Reference
from numlean.testing.rounding import power_of_two
from numlean_kernels.tapered.formats import Posit, TaperedFormat


def value_of(format: TaperedFormat, code: int) -> Fraction:
    """Return the value of a code that is neither zero nor NaR, read from its bits as text.

    Sources: Posit Standard 2022, section 3; the definition of linear takums, which reads a negative
    code as it is.
    """
    if isinstance(format, Posit):
        if code & format.nar:
            return -value_of(format, (1 << format.width) - code)
        return _posit_value(format, f"{code:0{format.width}b}")
    return _takum_value(f"{code:0{format.width}b}")


def _posit_value(format: Posit, bits: str) -> Fraction:
    body = bits[1:]
    run = len(body) - len(body.lstrip(body[0]))
    k = run - 1 if body[0] == "1" else -run
    rest = body[run + 1 :]
    size = format.exponent_size
    exponent = int((rest[:size] + "0" * size)[:size] or "0", 2)
    fraction = rest[size:]
    significand = 1 + Fraction(int(fraction or "0", 2), 1 << len(fraction))
    return significand * power_of_two((k << size) + exponent)


def _takum_value(bits: str) -> Fraction:
    bits = bits.ljust(12, "0")
    sign, direction, regime = int(bits[0]), int(bits[1]), int(bits[2:5], 2)
    r = regime if direction else 7 - regime
    exponent, fraction = int(bits[5 : 5 + r] or "0", 2), bits[5 + r :]
    c = exponent + (1 << r) - 1 if direction else exponent + 1 - (1 << (r + 1))
    f = Fraction(int(fraction or "0", 2), 1 << len(fraction))
    return (1 - 3 * sign + f) * power_of_two((c + sign) * (-1 if sign else 1))


@final
class TaperedReference(Reference):
    """The reference of a tapered format: the code whose interval contains a number.

    The boundary between neighbouring codes is the value of the code of one bit more between them.
    """

    has_infinity = False
    has_signed_zero = False
    nan_is_ordered = True

    def __init__(self, scalar: Scalar, format: TaperedFormat) -> None:
        super().__init__(scalar, format.precision)
        self.format = format

    def rounded(self, q: Fraction, sign_of_zero: float = 1.0) -> Number:
        """Return the nearest number by the order of codes; never zero unless q is."""
        if q == 0:
            return 0.0
        size = self._rounded(abs(q))
        return -size if q < 0 else size

    def _rounded(self, q: Fraction) -> Fraction:
        format = self.format
        code = self._below(q)
        if code in (0, format.greatest):
            return value_of(format, max(code, 1))
        boundary = value_of(replace(format, width=format.width + 1), 2 * code + 1)
        if q > boundary or (q == boundary and code & 1):
            code += 1
        return value_of(format, code)

    def _below(self, q: Fraction) -> int:
        """Return the greatest code whose value is at most q; 0 if there is none."""
        low, high = 0, self.format.greatest + 1
        while high - low > 1:
            middle = (low + high) // 2
            if value_of(self.format, middle) <= q:
                low = middle
            else:
                high = middle
        return low

    def infinite(self, sign: float) -> Number:
        """Return a NaN, for NaR."""
        return math.nan

    def edges(self) -> Storage:
        """Return codes at both ends, around one, zero and NaR."""
        (one,) = self.scalar.from_float([1.0]).tolist()
        greatest, nar = self.format.greatest, self.format.nar
        codes = {0, 1, 2, one - 1, one, one + 1, greatest, greatest - 1, greatest // 2}
        negative = {-code & self.format.code_mask for code in codes}
        return np.array(sorted(codes | negative | {nar}), dtype=self.scalar.storage_dtype)

    def random(self, rng: np.random.Generator, count: int) -> Storage:
        """Return random codes, half of them of numbers near one."""
        near = self.scalar.from_float(rng.standard_normal(count - count // 2))
        codes = rng.integers(0, 1 << self.format.width, count // 2, dtype=np.uint64)
        return np.concatenate([codes.astype(near.dtype), near])
