"""Logarithms of numbers in limbs, correctly rounded.

Routines of functions return what those of :mod:`.exponentials` do.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean_kernels.limbs import constants
from numlean_kernels.limbs.fractions import (
    add_to,
    leading_zeros,
    multiply_by,
    negate,
    put_product,
    put_quotient,
    put_shifted,
    subtract_from,
)
from numlean_kernels.limbs.rounding import put_copy, put_if_certain, put_special
from numlean_kernels.limbs.word_literals import (
    FINITE,
    INFINITE,
    KIND,
    MINUS,
    NAN,
    W0,
    W1,
    W2,
    W6,
    W10,
    W63,
    ZERO,
)
from numlean_kernels.limbs.words import multiply_add
from numlean_kernels.targets.inlined import InlinedRoutine

_LN2: Final = np.uint64(constants.LN2)
_FIRST: Final = np.uint64(constants.FIRST_FACTORS)
_FIRST_LEAST: Final = np.uint64(constants.FIRST_LEAST)
_SECOND: Final = np.uint64(constants.SECOND_FACTORS)
_SECOND_LEAST: Final = np.uint64(constants.SECOND_LEAST)
_SECOND_ONE: Final = np.uint64(constants.SECOND_ONE)
_SERIES: Final = np.uint64(constants.SERIES)
_EXP_BITS: Final = np.uint64(constants.EXP_BITS)
_LOG_BITS: Final = np.uint64(constants.LOG_BITS)
_PER_LN2: Final = np.uint64(constants.PER_LN2)
_PER_LN10: Final = np.uint64(constants.PER_LN10)
_ROOT_HALF: Final = np.uint64(0xB504F333F9DE6484)

LOG: Final = np.uint64(1)
"""Where :func:`put_log` writes."""


@InlinedRoutine
def put_log(x: Any, xo: Any, n: Any, e: Any, least: Any, c: Any, row: Any, t: Any) -> Any:
    """Write the magnitude of the logarithm of X * 2**e, for n words X whose top bit is set.

    It is that of y, y * 2**e = X * 2**e with y near one, by two factors and a series.

    Args:
        x: The words, a fraction.
        xo: Their place.
        n: How many.
        e: The exponent.
        least: The words of the fraction of the result, if it is not small.
        c: The constants.
        row: The words of each.
        t: Where m words of a fraction and one of an integer are written, from place ``LOG``.

    Return m and the bit of the sign. There are as many words more than ``least`` as the result has
    leading zeros. An m of zero says that the logarithm is zero.
    """
    top = x[xo + n - W1]
    is_low = top < _ROOT_HALF  # y = 2 * fraction, from one to the root of two
    e -= np.int64(1) if is_low else np.int64(0)
    m = least
    if e == np.int64(0):
        # abs(y - 1), a fraction of n words.
        if is_low:
            put_shifted(x, xo, n, np.int64(1), t, W0, n)
        else:
            for j in range(n):
                t[j] = x[xo + j]
            negate(t, W0, n)
        near = leading_zeros(t, W0, n)
        if near == n << W6:
            return W0, W0
        m += (near + W63) >> W6
    # y in m words and one for integers, times a / 2**9 and b / 2**17.
    y = float(top) * (2.0**-63 if is_low else 2.0**-64)
    a = np.uint64(512.0 / y + 0.5)
    b = np.uint64(67108864.0 / (y * float(a)) + 0.5)
    u = m + m + W2
    put_shifted(x, xo, n, np.int64(m << W6) - np.int64(n << W6) + np.int64(is_low), t, u, m + W1)
    carry, factor = W0, a * b
    for j in range(m + W1):
        low, carry = multiply_add(t[u + j], factor, carry, W0)
        t[u + j] = low
    v = u + m + W2
    put_shifted(t, u, m + W1, np.int64(-26), t, v, m + W1)
    is_minus = t[v + m] == W0
    if is_minus:
        negate(t, v, m)
    t[v + m] = W0
    # w = v / (2 + v), by a divisor of 1/2 to 1: (2 + v) / 4 or (2 - abs(v)) / 2.
    d = W0
    for j in range(m):
        t[d + j] = t[v + j]
    if is_minus:
        negate(t, d, m)
        t[d + m] = W1 if leading_zeros(t, d, m) == m << W6 else W0  # 2 - abs(v) = 1 + (1 - abs(v))
        one = t[d + m]
        for j in range(m):
            above = t[d + j + W1] if j + W1 < m else W1 + one
            t[d + j] = t[d + j] >> W1 | above << W63
    else:
        for j in range(m):
            above = t[d + j + W1] if j + W1 < m else W2
            t[d + j] = t[d + j] >> W2 | above << np.uint64(62)
    w = v + m + W2
    put_quotient(t, v, d, w, m)
    put_shifted(t, w, m, np.int64(-1) if is_minus else np.int64(-2), t, v, m)
    # v now is w: L = 2 * (w + w * s * (1/3 + s/5 + ...)), s = w**2.
    s, q, p = W1, w, w + m + W1
    put_product(t, v, t, v, m, t, s)
    for j in range(m):
        t[q + j] = W0
    terms = ((row << W6) // _EXP_BITS) + W2
    zeros = leading_zeros(t, s, m)
    last = (m << W6) // max(zeros, _LOG_BITS) + W1
    for step in range(last):
        k = last - step
        skipped = ((k - W1) * zeros) >> W6
        used = m if skipped < W2 else m - skipped + W1
        o = m - used
        multiply_by(t, q + o, t, s + o, used, t, p + o)
        add_to(t, q + o, c, (_SERIES + terms + k - W1) * row + row - used, used)
    put_product(t, q, t, s, m, t, p)
    put_product(t, p, t, v, m, t, q)
    add_to(t, v, t, q, m)
    # The sum, with a word of integers: e * log(2) + L - log(a / 2**9) - log(b / 2**17).
    total = W1
    size = np.uint64(-e) if e < np.int64(0) else np.uint64(e)
    longer = m + W1
    ln2 = _LN2 * row + row - longer
    carry = W0
    for j in range(longer):
        low, carry = multiply_add(c[ln2 + j], size, carry, W0)
        t[total - W1 + j] = low
    t[total + m] = carry
    if e < np.int64(0):
        negate(t, total, m + W1)
    for _ in range(2):
        if is_minus:
            t[total + m] -= subtract_from(t, total, t, v, m)
        else:
            t[total + m] += add_to(t, total, t, v, m)
    at = (_FIRST + a - _FIRST_LEAST) * row + row - m
    if a < np.uint64(512):
        t[total + m] += add_to(t, total, c, at, m)
    else:
        t[total + m] -= subtract_from(t, total, c, at, m)
    at = (_SECOND + b - _SECOND_LEAST) * row + row - m
    if b < _SECOND_ONE:
        t[total + m] += add_to(t, total, c, at, m)
    else:
        t[total + m] -= subtract_from(t, total, c, at, m)
    sign = W0
    if t[total + m] >> W63 != W0:
        sign = MINUS
        negate(t, total, m + W1)
    return m, sign


@InlinedRoutine
def put_special_log(x: Any, xo: Any, z: Any, zo: Any, n: Any) -> None:
    """Write the logarithm of a number that is not finite, negative or zero."""
    header = x[xo]
    kind = header & KIND
    if kind == ZERO:
        header = INFINITE | MINUS
    elif kind == NAN or header & MINUS != W0:
        header = NAN
    put_special(z, zo, n, header)


@InlinedRoutine
def log(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write log(x)."""
    if x[xo] != FINITE:
        put_special_log(x, xo, z, zo, n)
        return W0
    m, sign = put_log(x, xo + W2, n, np.int64(x[xo + W1]), n + W1, c, row, t)
    if m == W0:
        put_special(z, zo, n, W0)
        return W0
    return put_if_certain(z, zo, sign, np.int64(64), t, LOG, m + W1, n, precision)


@InlinedRoutine
def log_to(
    base: Any, x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any
) -> Any:
    """Write the logarithm of x to the base 2 or 10: log(x) times a constant."""
    if x[xo] != FINITE:
        put_special_log(x, xo, z, zo, n)
        return W0
    m, sign = put_log(x, xo + W2, n, np.int64(x[xo + W1]), n + W1, c, row, t)
    if m == W0:
        put_special(z, zo, n, W0)
        return W0
    longer = m + W1
    product = longer + W2
    constant = _PER_LN2 if base == W2 else _PER_LN10
    put_product(t, LOG, c, constant * row + row - longer, longer, t, product)
    if base == W2:  # the constant is that fraction and one
        add_to(t, product, t, LOG, longer)
    return put_if_certain(z, zo, sign, np.int64(64), t, product, longer, n, precision)


@InlinedRoutine
def log2(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write the logarithm of x to the base 2."""
    return log_to(W2, x, xo, z, zo, n, precision, c, row, t)


@InlinedRoutine
def log10(
    x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any
) -> Any:
    """Write the logarithm of x to the base 10."""
    return log_to(W10, x, xo, z, zo, n, precision, c, row, t)


@InlinedRoutine
def put_one_more(x: Any, xo: Any, n: Any, power: Any, is_minus: Any, t: Any, to: Any) -> Any:
    """Write 1 + X * 2**power or 1 - X * 2**power, exactly, for n words X as an integer.

    The result is a fraction of words from place ``to``, its top bit set. Return their number, none
    for zero, and the exponent. X * 2**power is below one if it is subtracted, else below 2**64
    times the greatest power of two that the words hold.
    """
    below = np.uint64(-power + np.int64(63)) >> W6 if power < np.int64(0) else W0
    high = power + np.int64(n << W6)
    above = (np.uint64(high) + W63 >> W6 if high > np.int64(0) else W0) + W1
    length = below + above
    put_shifted(x, xo, n, power + np.int64(below << W6), t, to, length)
    if is_minus:
        negate(t, to, length)
    t[to + length] = W1
    for j in range(below, length):
        word = t[to + j] + t[to + length]
        t[to + length] = W1 if word < t[to + length] else W0
        t[to + j] = word
    zeros = leading_zeros(t, to, length)
    if zeros == length << W6:
        return W0, np.int64(0)
    # In place: words move up, from the highest.
    words, bits = zeros >> W6, zeros & W63
    for j in range(length):
        at = length - W1 - j
        word = t[to + at - words] if at >= words else W0
        low = t[to + at - words - W1] if at > words else W0
        t[to + at] = word << bits | (low >> W1) >> (W63 - bits)
    return length, np.int64(above << W6) - np.int64(zeros)


@InlinedRoutine
def log1p(
    x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any
) -> Any:
    """Write log(1 + x)."""
    header, exponent = x[xo], np.int64(x[xo + W1])
    kind, is_minus = header & KIND, header & MINUS != W0
    if kind in (ZERO, NAN) or exponent < -np.int64(precision) - np.int64(2):
        put_copy(x, xo, z, zo, n, W0)
        return W0
    if is_minus and (kind == INFINITE or exponent > np.int64(0)):
        is_one = kind == FINITE and exponent == np.int64(1) and x[xo + W1 + n] == W1 << W63
        for j in range(n - W1):
            is_one = is_one and x[xo + W2 + j] == W0
        put_special(z, zo, n, (INFINITE | MINUS) if is_one else NAN)
        return W0
    if kind == INFINITE:
        put_copy(x, xo, z, zo, n, W0)
        return W0
    if exponent > np.int64((n + W2) << W6):  # the one is below what the words hold
        m, sign = put_log(x, xo + W2, n, exponent, n + W1, c, row, t)
    else:
        sum_at = np.uint64(12) * row
        power = exponent - np.int64(n << W6)
        length, exponent = put_one_more(x, xo + W2, n, power, is_minus, t, sum_at)
        m, sign = put_log(t, sum_at, length, exponent, n + W1, c, row, t)
    if m == W0:
        return W1
    return put_if_certain(z, zo, sign, np.int64(64), t, LOG, m + W1, n, precision)
