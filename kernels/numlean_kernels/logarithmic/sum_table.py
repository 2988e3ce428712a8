"""The logarithms of 1 + 2**-x and 1 - 2**-x, as far as rounding needs them."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

_BITS: Final = 120
"""Enough: none of these logarithms but the exact ones is a multiple of half a unit, or near one."""

_MARGIN: Final = 1 << 40
"""A logarithm this close to a multiple, in units of the last bit, would not be decided."""


def places(fraction_bits: int) -> int:
    """Return the d from which on the logarithms are between 0 and half a unit."""
    return (fraction_bits + 2) << fraction_bits


@cache
def sum_table(fraction_bits: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Return log2(1 + 2**-x) for x = d * 2**-F and all d, and then log2(1 - 2**-x).

    An entry is the logarithm in half units of 2**-F, rounded down. Exact are only the first one of
    d = 0 and the second one of d = 2**F. The second one of d = 0, minus infinity, is entered as 0.
    The last d stands for all that are greater. GPUs have room for 64 KiB of constants.
    """
    every = range(places(fraction_bits) + 1)
    plus = [_entry(d, fraction_bits, 1) for d in every]
    minus = [0, *(_entry(d, fraction_bits, -1) for d in every[1:])]
    return np.array([*plus, *minus], dtype=np.int16)


def _entry(d: int, fraction_bits: int, sign: int) -> int:
    # mpmath is expensive to import, and most runs need none of this.
    from mpmath import libmp

    half_units = fraction_bits + 1
    if d == 0:
        return 1 << half_units  # log2(2)
    if d == 1 << fraction_bits and sign < 0:
        return -(1 << half_units)  # log2(1/2)
    x = libmp.from_man_exp(-d, -fraction_bits)
    power = libmp.mpf_pow(libmp.ftwo, x, _BITS, "n")
    term = libmp.mpf_add(libmp.fone, power if sign > 0 else libmp.mpf_neg(power))
    value = libmp.mpf_div(libmp.mpf_log(term, _BITS, "n"), libmp.mpf_ln2(_BITS), _BITS, "n")
    scaled = int(libmp.to_int(libmp.mpf_shift(value, half_units + _BITS - 8), "f"))
    h, rest = divmod(scaled, 1 << (_BITS - 8))
    assert _MARGIN < rest < (1 << (_BITS - 8)) - _MARGIN, "a logarithm is too close to a multiple"
    return h
