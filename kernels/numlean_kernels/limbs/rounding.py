"""Words rounded to a number: to nearest even, at any precision up to that of the limbs."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean_kernels.limbs import layout
from numlean_kernels.limbs.fractions import ERROR, is_certain
from numlean_kernels.limbs.word_literals import FINITE, KIND, W0, W1, W2, W6, W63
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.intrinsics import count_leading_zeros

_TOP: Final = np.uint64(1 << 63)
_MOST: Final = np.int64(layout.MOST_EXPONENT)


@InlinedRoutine
def put_special(z: Any, zo: Any, n: Any, header: Any) -> None:
    """Write a zero, an infinity or a NaN of n limbs."""
    z[zo] = header
    for k in range(n + W1):
        z[zo + W1 + k] = W0


@InlinedRoutine
def put_one(z: Any, zo: Any, n: Any, sign: Any) -> Any:
    """Write one, or minus one."""
    put_special(z, zo, n, FINITE | sign)
    z[zo + W1] = W1
    z[zo + W1 + n] = _TOP


@InlinedRoutine
def put_copy(x: Any, xo: Any, z: Any, zo: Any, n: Any, flip: Any) -> None:
    """Write a number of n limbs; ``flip`` is the bit of the sign if it is changed, else zero."""
    header = x[xo]
    has_sign = (header & KIND) - FINITE < W2  # finite or infinite
    z[zo] = header ^ flip if has_sign else header
    for k in range(n + W1):
        z[zo + W1 + k] = x[xo + W1 + k]


@InlinedRoutine
def put_rounded(
    z: Any,
    zo: Any,
    sign: Any,
    exponent: Any,
    t: Any,
    to: Any,
    length: Any,
    lost: Any,
    n: Any,
    precision: Any,
) -> Any:
    """Write +-0.T * 2**exponent, T being words of t, rounded to a number of n limbs.

    Args:
        z: Where the number is written, from place ``zo``.
        zo: The place.
        sign: The bit of the sign, or zero.
        exponent: The exponent.
        t: The words.
        to: Their place.
        length: How many there are, at least n.
        lost: Zero if there is nothing below the words. If there is, their top two are not zero.
        n: The limbs.
        precision: The bits.

    Return 1 if the exponent is out of range, else 0.
    """
    top = length - W1
    while t[to + top] == W0:
        if top == W0:
            put_special(z, zo, n, W0)
            return W0
        top -= W1
    shift = count_leading_zeros(t[to + top])
    back = W63 - shift
    # The limbs, from the highest down; the words below the lowest are zero.
    word = t[to + top]
    for k in range(n):
        below = t[to + top - k - W1] if top > k else W0
        z[zo + W1 + n - k] = word << shift | (below >> W1) >> back
        word = below
    below = t[to + top - n - W1] if top > n else W0
    rest = word << shift | (below >> W1) >> back
    unused = (n << W6) - precision
    lowest = z[zo + W2]
    unit = W1 << unused
    if unused == W0:
        half, part = _TOP, rest
    else:
        half, part = unit >> W1, lowest & (unit - W1)
        lost |= rest
        lowest -= part
    grows = part > half
    if part == half:
        if lowest & unit == W0:  # a tie stays, unless something is below
            lost |= below << shift
            if top > n:
                for k in range(top - n - W1):
                    lost |= t[to + k]
            grows = lost != W0
        else:
            grows = True
    carry = unit if grows else W0
    lowest += carry
    z[zo + W2] = lowest
    if lowest < carry:
        for k in range(W1, n):
            total = z[zo + W2 + k] + W1
            z[zo + W2 + k] = total
            carry = W1 if total == W0 else W0
            if carry == W0:
                break
        if carry != W0:
            z[zo + W1 + n] = _TOP
            exponent += np.int64(1)
    exponent -= np.int64(((length - W1 - top) << W6) + shift)
    z[zo] = FINITE | sign
    z[zo + W1] = np.uint64(exponent)
    return W0 if -_MOST <= exponent <= _MOST else W1


@InlinedRoutine
def put_if_certain(
    z: Any,
    zo: Any,
    sign: Any,
    exponent: Any,
    t: Any,
    to: Any,
    length: Any,
    n: Any,
    precision: Any,
) -> Any:
    """Write +-0.T * 2**exponent, as :func:`put_rounded` does, if its rounding is certain.

    T may be wrong by ``ERROR`` units. Return 1 if it is not certain, or as ``put_rounded`` does.
    """
    if not is_certain(t, to, length, precision, ERROR):
        return W1
    return put_rounded(z, zo, sign, exponent, t, to, length, W0, n, precision)
