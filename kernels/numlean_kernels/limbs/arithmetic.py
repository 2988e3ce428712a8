"""Sums and products of numbers in limbs, each rounded once.

A routine reads numbers at places of arrays of words, writes one to another place, and returns 1 if
its exponent is out of range, else 0. ``t`` is memory for ``WORK(n)`` words.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean_kernels.limbs.rounding import put_copy, put_rounded, put_special
from numlean_kernels.limbs.word_literals import (
    FINITE,
    INFINITE,
    KIND,
    MINUS,
    NAN,
    ONES,
    W0,
    W1,
    W2,
    W63,
    ZERO,
)
from numlean_kernels.limbs.words import multiply, order_of, shifted_sum
from numlean_kernels.targets.inlined import InlinedRoutine


@InlinedRoutine
def mul(x: Any, xo: Any, y: Any, yo: Any, z: Any, zo: Any, n: Any, precision: Any, t: Any) -> Any:
    """Write x * y; zero times infinity is a NaN."""
    a, b = x[xo], y[yo]
    sign = (a ^ b) & MINUS
    if (a & b & KIND) == FINITE and ((a | b) & KIND) == FINITE:
        multiply(x, xo + W2, y, yo + W2, n, t, W0)
        exponent = np.int64(x[xo + W1]) + np.int64(y[yo + W1])
        return put_rounded(z, zo, sign, exponent, t, W0, n + n, W0, n, precision)
    a, b = a & KIND, b & KIND
    header = sign | INFINITE
    if a == NAN or b == NAN:
        header = NAN
    elif a == ZERO or b == ZERO:
        header = NAN if a == INFINITE or b == INFINITE else ZERO
    put_special(z, zo, n, header)
    return W0


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
            put_special(z, zo, n, ZERO)
            return W0
        is_less = order < 0
    shift = np.uint64(-distance if distance < np.int64(0) else distance)
    flip = W0 if a == b else ONES
    sign, exponent = (b, b_exponent) if is_less else (a, a_exponent)
    large, large_at = (y, yo) if is_less else (x, xo)
    small, small_at = (x, xo) if is_less else (y, yo)
    lost = shifted_sum(large, large_at, small, small_at, shift, flip, length, t, to)
    exponent += np.int64(1)
    return put_rounded(z, zo, sign, exponent, t, to, length + W1, lost, n, precision)


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
    if (a & b & KIND) == FINITE and ((a | b) & KIND) == FINITE:
        a, b = a & MINUS, (b ^ flip) & MINUS
        i, j = np.int64(x[xo + W1]), np.int64(y[yo + W1])
        return add_words(x, xo + W2, a, i, y, yo + W2, b, j, n, z, zo, n, precision, t, W0)
    put_sum_of_specials(x, xo, y, yo, flip, z, zo, n)
    return W0


@InlinedRoutine
def put_sum_of_specials(
    x: Any, xo: Any, y: Any, yo: Any, flip: Any, z: Any, zo: Any, n: Any
) -> None:
    """Write x + y, or x - y, where not both are finite and nonzero."""
    a, b = x[xo] & KIND, y[yo] & KIND
    if a == NAN or b == NAN or (a == b == INFINITE and x[xo] != y[yo] ^ flip):
        put_special(z, zo, n, NAN)
    elif b == ZERO or a == INFINITE:
        put_copy(x, xo, z, zo, n, W0)
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
    if (a & b & KIND) != FINITE or ((a | b) & KIND) != FINITE:
        product = n << W2  # its place in t
        mul(x, xo, y, yo, t, product, n, precision, t)
        put_sum_of_specials(t, product, c, co, W0, z, zo, n)
        return W0
    whole = n + n
    multiply(x, xo + W2, y, yo + W2, n, t, W0)
    sign = (a ^ b) & MINUS
    exponent = np.int64(x[xo + W1]) + np.int64(y[yo + W1])
    kind = c[co] & KIND
    if kind == ZERO:
        return put_rounded(z, zo, sign, exponent, t, W0, whole, W0, n, precision)
    if kind != FINITE:
        put_copy(c, co, z, zo, n, W0)
        return W0
    if t[whole - W1] >> W63 == W0:
        carry = W0
        for k in range(whole):
            word = t[k]
            t[k] = word << W1 | carry
            carry = word >> W63
        exponent -= np.int64(1)
    for k in range(n):
        t[whole + k] = W0
        t[whole + n + k] = c[co + W2 + k]
    other, minus = np.int64(c[co + W1]), c[co] & MINUS
    two = whole + whole
    return add_words(
        t, W0, sign, exponent, t, whole, minus, other, whole, z, zo, n, precision, t, two
    )
