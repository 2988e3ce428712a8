"""Exact values: the only module that reads the private form of mpmath's numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final, NamedTuple

_SPARE_BITS: Final = 64


class Exact(NamedTuple):
    """A real number, an infinity or a NaN: (-1)**sign * significand * 2**exponent.

    It has the form of the numbers of mpmath's kernel, whose functions (``mpmath.libmp``) take it as
    an operand. They return plain tuples of the same fields.

    Attributes:
        sign: 1 for negative numbers.
        significand: Odd; 0 for zero, infinities and NaN.
        exponent: 0 for zero; for infinities and NaN, a number that distinguishes them.
        bits: The number of bits of the significand.
    """

    sign: int
    significand: int
    exponent: int
    bits: int

    @property
    def is_finite(self) -> bool:
        """Whether it is a number, neither infinite nor a NaN."""
        return bool(self.significand) or not self.exponent

    @property
    def is_zero(self) -> bool:
        """Whether it is zero."""
        return not self.significand and not self.exponent

    @property
    def leading_exponent(self) -> int:
        """The e with 2**e <= abs(value) < 2**(e + 1), for nonzero finite values."""
        return int(self.exponent) + int(self.bits) - 1


def exact_of(value: Any) -> Exact:
    """Return the exact value of an ``mpmath.mpf``."""
    return Exact(*value._mpf_)


def is_mpf(value: Any) -> bool:
    """Return whether an object is an ``mpmath.mpf``."""
    # A gmpy2.mpfr also has an _mpf_, but of another form: it is not odd, and wrong for 0 and inf.
    return hasattr(value, "_mpf_") and hasattr(value, "context")


def to_mpf(value: tuple[int, int, int, int]) -> Any:
    """Return the ``mpmath.mpf`` of an exact value."""
    # mpmath is expensive to import, and most runs need none of this.
    from mpmath import mp

    return mp.make_mpf(tuple(value))  # of a subclass, pickle could not make it again


def from_float(value: float) -> Exact:
    """Return the exact value of a binary64 number, which may be an infinity or a NaN."""
    from mpmath import libmp

    return Exact(*libmp.from_float(value))


def with_sticky_bit(value: Fraction, bits: int) -> Exact:
    """Return a rational, or if it is longer its leading bits and a sticky bit.

    There are so many more than ``bits`` that rounding them to ``bits`` bits, or to fewer as among
    subnormal numbers, gives the rounded rational.
    """
    from mpmath import libmp

    n, d = value.numerator, value.denominator
    shift = bits + _SPARE_BITS - n.bit_length() + d.bit_length()
    quotient, rest = divmod(n << max(shift, 0), d << max(-shift, 0))
    return Exact(*libmp.from_man_exp(quotient << 1 | (rest != 0), -shift - 1))
