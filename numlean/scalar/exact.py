"""Exact values: the only module that reads the private form of mpmath's numbers."""

from __future__ import annotations

from typing import Any, NamedTuple


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
    def leading_exponent(self) -> int:
        """The e with 2**e <= abs(value) < 2**(e + 1), for nonzero finite values."""
        return int(self.exponent) + int(self.bits) - 1


def exact_of(value: Any) -> Exact:
    """Return the exact value of an ``mpmath.mpf``."""
    return Exact(*value._mpf_)


def is_mpf(value: Any) -> bool:
    """Return whether an object is an ``mpmath.mpf``."""
    return hasattr(value, "_mpf_")


def to_mpf(value: tuple[int, int, int, int]) -> Any:
    """Return the ``mpmath.mpf`` of an exact value."""
    # mpmath is expensive to import, and most runs need none of this.
    from mpmath import mp

    return mp.make_mpf(value)
