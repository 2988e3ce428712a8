"""Sums and products of numbers of a fixed number of limbs: the usual cases without loops.

The routines have the bits of those of :mod:`.arithmetic`, which they call for what is rare: numbers
that are zero or not finite, and sums of numbers far apart.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np

from numlean_kernels.limbs import arithmetic, layout
from numlean_kernels.limbs.fixed_words import put_rounded_product, put_rounded_words, put_sum
from numlean_kernels.limbs.rounding import put_special
from numlean_kernels.limbs.words import order_of
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.intrinsics import count_leading_zeros

_0: Final = np.uint64(0)
_1: Final = np.uint64(1)
_2: Final = np.uint64(2)
_64: Final = np.uint64(64)
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_KIND: Final = np.uint64(layout.KIND)
_MINUS: Final = np.uint64(layout.MINUS)
_ZERO: Final = np.uint64(layout.ZERO)
_FINITE: Final = np.uint64(layout.FINITE)
_MOST: Final = np.int64(layout.MOST_EXPONENT)


@cache
def make_mul(limbs: int) -> Any:
    """Return ``mul(x, xo, y, yo, z, zo, precision, work)`` for numbers of so many limbs."""
    n, put_limbs, general = np.uint64(limbs), put_rounded_product(limbs), arithmetic.mul

    @InlinedRoutine
    def mul(x: Any, xo: Any, y: Any, yo: Any, z: Any, zo: Any, precision: Any, work: Any) -> Any:
        a, b = x[xo], y[yo]
        if (a & b & _KIND) != _FINITE or ((a | b) & _KIND) != _FINITE:
            return general(x, xo, y, yo, z, zo, n, precision, work)
        exponent = np.int64(x[xo + _1]) + np.int64(y[yo + _1])
        unused = _64 * n - precision
        exponent -= put_limbs(x, xo + _2, y, yo + _2, z, zo + _2, unused)
        z[zo] = _FINITE | ((a ^ b) & _MINUS)
        z[zo + _1] = np.uint64(exponent)
        return _0 if -_MOST <= exponent <= _MOST else _1

    return mul


@cache
def make_add(limbs: int) -> Any:
    """Return ``add(x, xo, y, yo, flip, z, zo, precision, t, work)`` for numbers of so many limbs.

    ``t`` is memory for 2 * limbs + 4 words, the first ``limbs + 1`` of which are zero; ``work`` is
    memory for the general routine.
    """
    n, general = np.uint64(limbs), arithmetic.add
    put_words, put_limbs = put_sum(limbs), put_rounded_words(limbs)
    lowest = n + _1

    @InlinedRoutine
    def add(
        x: Any,
        xo: Any,
        y: Any,
        yo: Any,
        flip: Any,
        z: Any,
        zo: Any,
        precision: Any,
        t: Any,
        work: Any,
    ) -> Any:
        a, b = x[xo], y[yo]
        i, j = np.int64(x[xo + _1]), np.int64(y[yo + _1])
        distance = i - j
        if (
            (a & b & _KIND) != _FINITE
            or ((a | b) & _KIND) != _FINITE
            or not -np.int64(64) < distance < np.int64(64)
        ):
            return general(x, xo, y, yo, flip, z, zo, n, precision, work)
        a, b = a & _MINUS, (b ^ flip) & _MINUS
        is_less = distance < np.int64(0)
        if distance == np.int64(0) and a != b:
            is_less = order_of(x, xo + _2, y, yo + _2, n) < 0
        bits = np.uint64(-distance if distance < np.int64(0) else distance)
        sign, exponent = (b, j) if is_less else (a, i)
        large, large_at = (y, yo) if is_less else (x, xo)
        small, small_at = (x, xo) if is_less else (y, yo)
        put_words(
            large, large_at + _2, small, small_at + _2, bits, _0 if a == b else _ALL, t, lowest
        )
        top = lowest + n + (_1 if t[lowest + n + _1] != _0 else _0)
        while t[top] == _0:
            if top == lowest:
                put_special(z, zo, n, _ZERO)
                return _0
            top -= _1
        shift = count_leading_zeros(t[top])
        exponent += np.int64((top - lowest - n) << np.uint64(6)) - np.int64(shift)
        exponent += np.int64(put_limbs(t, top, shift, z, zo + _2, _64 * n - precision))
        z[zo] = _FINITE | sign
        z[zo + _1] = np.uint64(exponent)
        return _0 if -_MOST <= exponent <= _MOST else _1

    return add
