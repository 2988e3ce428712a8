"""Words rounded to a number: to nearest even, at any precision up to that of the limbs."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean_kernels.limbs import layout
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.intrinsics import count_leading_zeros

_0: Final = np.uint64(0)
_1: Final = np.uint64(1)
_2: Final = np.uint64(2)
_6: Final = np.uint64(6)
_63: Final = np.uint64(63)
_TOP: Final = np.uint64(1 << 63)
_KIND: Final = np.uint64(layout.KIND)
_FINITE: Final = np.uint64(layout.FINITE)
_MOST: Final = np.int64(layout.MOST_EXPONENT)


@InlinedRoutine
def put_special(z: Any, zo: Any, n: Any, header: Any) -> None:
    """Write a zero, an infinity or a NaN of n limbs."""
    z[zo] = header
    for k in range(n + _1):
        z[zo + _1 + k] = _0


@InlinedRoutine
def put_one(z: Any, zo: Any, n: Any, sign: Any) -> Any:
    """Write one, or minus one."""
    put_special(z, zo, n, _FINITE | sign)
    z[zo + _1] = _1
    z[zo + _1 + n] = _TOP


@InlinedRoutine
def put_copy(x: Any, xo: Any, z: Any, zo: Any, n: Any, flip: Any) -> None:
    """Write a number of n limbs; ``flip`` is the bit of the sign if it is changed, else zero."""
    header = x[xo]
    has_sign = (header & _KIND) - _FINITE < _2  # finite or infinite
    z[zo] = header ^ flip if has_sign else header
    for k in range(n + _1):
        z[zo + _1 + k] = x[xo + _1 + k]


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
    top = length - _1
    while t[to + top] == _0:
        if top == _0:
            put_special(z, zo, n, _0)
            return _0
        top -= _1
    shift = count_leading_zeros(t[to + top])
    back = _63 - shift
    # The limbs, from the highest down; the words below the lowest are zero.
    word = t[to + top]
    for k in range(n):
        below = t[to + top - k - _1] if top > k else _0
        z[zo + _1 + n - k] = word << shift | (below >> _1) >> back
        word = below
    below = t[to + top - n - _1] if top > n else _0
    rest = word << shift | (below >> _1) >> back
    unused = (n << _6) - precision
    lowest = z[zo + _2]
    unit = _1 << unused
    if unused == _0:
        half, part = _TOP, rest
    else:
        half, part = unit >> _1, lowest & (unit - _1)
        lost |= rest
        lowest -= part
    grows = part > half
    if part == half:
        if lowest & unit == _0:  # a tie stays, unless something is below
            lost |= below << shift
            if top > n:
                for k in range(top - n - _1):
                    lost |= t[to + k]
            grows = lost != _0
        else:
            grows = True
    carry = unit if grows else _0
    lowest += carry
    z[zo + _2] = lowest
    if lowest < carry:
        for k in range(_1, n):
            total = z[zo + _2 + k] + _1
            z[zo + _2 + k] = total
            carry = _1 if total == _0 else _0
            if carry == _0:
                break
        if carry != _0:
            z[zo + _1 + n] = _TOP
            exponent += np.int64(1)
    exponent -= np.int64(((length - _1 - top) << _6) + shift)
    z[zo] = _FINITE | sign
    z[zo + _1] = np.uint64(exponent)
    return _0 if -_MOST <= exponent <= _MOST else _1
