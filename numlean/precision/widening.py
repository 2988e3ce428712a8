"""Numbers of one Scalar in another that may have all of them."""

from __future__ import annotations

from typing import Final

from numlean.scalar.exact import exact_of
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar

_FAR: Final = 1 << 2000
"""A power of two beyond every format of a bounded exponent."""


def widens(narrow: Scalar, wide: Scalar) -> bool:
    """Return whether a Scalar has every number of another one.

    Of arithmetics without a format, only those with unbounded exponents have numbers of others.
    """
    if narrow == wide:
        return True
    if wide.format is not None:
        return narrow.format is not None and wide.format.contains(narrow.format)
    return _is_unbounded(wide) and precision_of(narrow) <= precision_of(wide)


def _is_unbounded(scalar: Scalar) -> bool:
    """Return whether exponents are unbounded."""
    (value,) = scalar.to_exact(scalar.from_exact([_FAR]))
    return exact_of(value).leading_exponent == _FAR.bit_length() - 1
