"""The precision of a Scalar's numbers."""

from __future__ import annotations

from numlean.scalar.exact import exact_of
from numlean.scalar.protocol import Scalar


def precision_of(scalar: Scalar) -> int:
    """Return the number of bits of a normal number's significand, including the leading one."""
    if scalar.format is not None:
        return scalar.format.precision
    # A third to nearest, of p bits, ends in a one whatever p is.
    third = scalar.div(scalar.from_float([1.0]), scalar.from_float([3.0]))
    return int(exact_of(scalar.to_exact(third)[0]).bits)
