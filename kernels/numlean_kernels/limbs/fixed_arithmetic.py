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
from numlean_kernels.limbs.word_literals import FINITE, KIND, MINUS, ONES, W0, W1, W2, W64, ZERO
from numlean_kernels.limbs.words import order_of
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.intrinsics import count_leading_zeros

_MOST: Final = np.int64(layout.MOST_EXPONENT)


@cache
def make_mul(limbs: int) -> Any:
    """Return ``mul(x, xo, y, yo, z, zo, precision, work)`` for numbers of so many limbs."""
    n, put_limbs, general = np.uint64(limbs), put_rounded_product(limbs), arithmetic.mul

    @InlinedRoutine
    def mul(x: Any, xo: Any, y: Any, yo: Any, z: Any, zo: Any, precision: Any, work: Any) -> Any:
        a, b = x[xo], y[yo]
        if (a & b & KIND) != FINITE or ((a | b) & KIND) != FINITE:
            return general(x, xo, y, yo, z, zo, n, precision, work)
        exponent = np.int64(x[xo + W1]) + np.int64(y[yo + W1])
        unused = W64 * n - precision
        exponent -= put_limbs(x, xo + W2, y, yo + W2, z, zo + W2, unused)
        z[zo] = FINITE | ((a ^ b) & MINUS)
        z[zo + W1] = np.uint64(exponent)
        return W0 if -_MOST <= exponent <= _MOST else W1

    return mul


@cache
def make_add(limbs: int) -> Any:
    """Return ``add(x, xo, y, yo, flip, z, zo, precision, t, work)`` for numbers of so many limbs.

    ``t`` is memory for 2 * limbs + 4 words, the first ``limbs + 1`` of which are zero; ``work`` is
    memory for the general routine.
    """
    n, general = np.uint64(limbs), arithmetic.add
    put_words, put_limbs = put_sum(limbs), put_rounded_words(limbs)
    lowest = n + W1

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
        i, j = np.int64(x[xo + W1]), np.int64(y[yo + W1])
        distance = i - j
        if (
            (a & b & KIND) != FINITE
            or ((a | b) & KIND) != FINITE
            or not -np.int64(64) < distance < np.int64(64)
        ):
            return general(x, xo, y, yo, flip, z, zo, n, precision, work)
        a, b = a & MINUS, (b ^ flip) & MINUS
        is_less = distance < np.int64(0)
        if distance == np.int64(0) and a != b:
            is_less = order_of(x, xo + W2, y, yo + W2, n) < 0
        bits = np.uint64(-distance if distance < np.int64(0) else distance)
        sign, exponent = (b, j) if is_less else (a, i)
        large, large_at = (y, yo) if is_less else (x, xo)
        small, small_at = (x, xo) if is_less else (y, yo)
        put_words(
            large, large_at + W2, small, small_at + W2, bits, W0 if a == b else ONES, t, lowest
        )
        top = lowest + n + (W1 if t[lowest + n + W1] != W0 else W0)
        while t[top] == W0:
            if top == lowest:
                put_special(z, zo, n, ZERO)
                return W0
            top -= W1
        shift = count_leading_zeros(t[top])
        exponent += np.int64((top - lowest - n) << np.uint64(6)) - np.int64(shift)
        exponent += np.int64(put_limbs(t, top, shift, z, zo + W2, W64 * n - precision))
        z[zo] = FINITE | sign
        z[zo + W1] = np.uint64(exponent)
        return W0 if -_MOST <= exponent <= _MOST else W1

    return add
