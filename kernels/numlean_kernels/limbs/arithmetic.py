"""Sums and products of numbers in limbs, each rounded once.

A routine reads numbers at places of arrays of words, writes one to another place, and returns 1 if
its exponent is out of range, else 0. ``t`` is memory for ``WORK(n)`` words.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean_kernels.limbs import layout
from numlean_kernels.limbs.rounding import put_copy, put_rounded, put_special
from numlean_kernels.limbs.words import multiply, order_of, shifted_sum
from numlean_kernels.targets.inlined import InlinedRoutine

_0: Final = np.uint64(0)
_1: Final = np.uint64(1)
_2: Final = np.uint64(2)
_63: Final = np.uint64(63)
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_KIND: Final = np.uint64(layout.KIND)
_MINUS: Final = np.uint64(layout.MINUS)
_ZERO: Final = np.uint64(layout.ZERO)
_FINITE: Final = np.uint64(layout.FINITE)
_INFINITE: Final = np.uint64(layout.INFINITE)
_NAN: Final = np.uint64(layout.NAN)


@InlinedRoutine
def mul(x: Any, xo: Any, y: Any, yo: Any, z: Any, zo: Any, n: Any, precision: Any, t: Any) -> Any:
    """Write x * y; zero times infinity is a NaN."""
    a, b = x[xo], y[yo]
    sign = (a ^ b) & _MINUS
    if (a & b & _KIND) == _FINITE and ((a | b) & _KIND) == _FINITE:
        multiply(x, xo + _2, y, yo + _2, n, t, _0)
        exponent = np.int64(x[xo + _1]) + np.int64(y[yo + _1])
        return put_rounded(z, zo, sign, exponent, t, _0, n + n, _0, n, precision)
    a, b = a & _KIND, b & _KIND
    header = sign | _INFINITE
    if a == _NAN or b == _NAN:
        header = _NAN
    elif a == _ZERO or b == _ZERO:
        header = _NAN if a == _INFINITE or b == _INFINITE else _ZERO
    put_special(z, zo, n, header)
    return _0


@InlinedRoutine
def add_words(
    x: Any,
    xo: Any,
    a: Any,
    a_exponent: Any,
    y: Any,
    yo: Any,
    b: Any,
    b_exponent: Any,
    length: Any,
    z: Any,
    zo: Any,
    n: Any,
    precision: Any,
    t: Any,
    to: Any,
) -> Any:
    """Write the sum of two numbers whose significands are ``length`` words at xo and yo.

    ``a`` and ``b`` are the bits of their signs; their top bits are set.
    """
    distance = a_exponent - b_exponent
    is_less = distance < np.int64(0)
    if distance == np.int64(0) and a != b:
        order = order_of(x, xo, y, yo, length)
        if order == 0:
            put_special(z, zo, n, _ZERO)
            return _0
        is_less = order < 0
    shift = np.uint64(-distance if distance < np.int64(0) else distance)
    flip = _0 if a == b else _ALL
    sign, exponent = (b, b_exponent) if is_less else (a, a_exponent)
    large, large_at = (y, yo) if is_less else (x, xo)
    small, small_at = (x, xo) if is_less else (y, yo)
    lost = shifted_sum(large, large_at, small, small_at, shift, flip, length, t, to)
    exponent += np.int64(1)
    return put_rounded(z, zo, sign, exponent, t, to, length + _1, lost, n, precision)


@InlinedRoutine
def add(
    x: Any,
    xo: Any,
    y: Any,
    yo: Any,
    flip: Any,
    z: Any,
    zo: Any,
    n: Any,
    precision: Any,
    t: Any,
) -> Any:
    """Write x + y, or x - y if ``flip`` is the bit of the sign; z may be x or y."""
    a, b = x[xo], y[yo]
    if (a & b & _KIND) == _FINITE and ((a | b) & _KIND) == _FINITE:
        a, b = a & _MINUS, (b ^ flip) & _MINUS
        i, j = np.int64(x[xo + _1]), np.int64(y[yo + _1])
        return add_words(x, xo + _2, a, i, y, yo + _2, b, j, n, z, zo, n, precision, t, _0)
    put_sum_of_specials(x, xo, y, yo, flip, z, zo, n)
    return _0


@InlinedRoutine
def put_sum_of_specials(
    x: Any, xo: Any, y: Any, yo: Any, flip: Any, z: Any, zo: Any, n: Any
) -> None:
    """Write x + y, or x - y, where not both are finite and nonzero."""
    a, b = x[xo] & _KIND, y[yo] & _KIND
    if a == _NAN or b == _NAN or (a == b == _INFINITE and x[xo] != y[yo] ^ flip):
        put_special(z, zo, n, _NAN)
    elif b == _ZERO or a == _INFINITE:
        put_copy(x, xo, z, zo, n, _0)
    else:
        put_copy(y, yo, z, zo, n, flip)


@InlinedRoutine
def fma(
    x: Any,
    xo: Any,
    y: Any,
    yo: Any,
    c: Any,
    co: Any,
    z: Any,
    zo: Any,
    n: Any,
    precision: Any,
    t: Any,
) -> Any:
    """Write x * y + c, rounded once; z may be c."""
    a, b = x[xo], y[yo]
    if (a & b & _KIND) != _FINITE or ((a | b) & _KIND) != _FINITE:
        product = n << _2  # its place in t
        mul(x, xo, y, yo, t, product, n, precision, t)
        put_sum_of_specials(t, product, c, co, _0, z, zo, n)
        return _0
    whole = n + n
    multiply(x, xo + _2, y, yo + _2, n, t, _0)
    sign = (a ^ b) & _MINUS
    exponent = np.int64(x[xo + _1]) + np.int64(y[yo + _1])
    kind = c[co] & _KIND
    if kind == _ZERO:
        return put_rounded(z, zo, sign, exponent, t, _0, whole, _0, n, precision)
    if kind != _FINITE:
        put_copy(c, co, z, zo, n, _0)
        return _0
    if t[whole - _1] >> _63 == _0:
        carry = _0
        for k in range(whole):
            word = t[k]
            t[k] = word << _1 | carry
            carry = word >> _63
        exponent -= np.int64(1)
    for k in range(n):
        t[whole + k] = _0
        t[whole + n + k] = c[co + _2 + k]
    other, minus = np.int64(c[co + _1]), c[co] & _MINUS
    two = whole + whole
    return add_words(
        t, _0, sign, exponent, t, whole, minus, other, whole, z, zo, n, precision, t, two
    )
