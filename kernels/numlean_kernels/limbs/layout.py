"""How a number lies in memory: a header, an exponent, and limbs of 64 bits, the lowest first.

A finite number is +-0.L * 2**exponent, where the binary fraction L is the limbs: its top bit is
set, and all bits below the precision are zero. All words of a zero are zero, and those of an
infinity or a NaN are zero but for the header, so equal numbers have equal words. There is one NaN
and no -0.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np

LIMB_BITS: Final = 64
HEAD: Final = 2
"""The words before the limbs: the header and the exponent."""

ZERO: Final = 0
FINITE: Final = 1
INFINITE: Final = 2
NAN: Final = 3
KIND: Final = 3
"""The bits of a header that hold the kind of the number."""
MINUS: Final = 4
"""The bit of a header that is set for negative numbers."""

MOST_EXPONENT: Final = 1 << 60
"""Exponents lie between this and its negative, so sums of a few of them fit a signed word."""

LONG_EXPONENT: Final = 1 << 62
"""An exponent from this on, or its negative, stands for a magnitude that is kept elsewhere: its own
exponent does not fit. Kernels do not compute on such numbers."""

MOST_PRECISION: Final = 1024
"""The most bits of numbers in limbs."""


def limbs_of(precision: int) -> int:
    """Return the number of limbs of a significand."""
    return -(-precision // LIMB_BITS)


@cache
def limb_dtype(precision: int) -> np.dtype[Any]:
    """Return the dtype of an array of numbers; the name of its first field has the precision."""
    fields = [(f"mp{precision}", "<u8"), ("exponent", "<i8")]
    fields += [(f"limb{k}", "<u8") for k in range(limbs_of(precision))]
    return np.dtype(fields)
