"""Exponentials and hyperbolic functions of numbers in limbs, correctly rounded.

A routine of a function returns 0, or 1 where it writes nothing: where the operand is out of range,
or where its result is so near the middle of two numbers that more words would be needed. There the
caller computes the function by enclosures. Values are transcendental at almost every operand
(Lindemann and Weierstrass), and where one is a middle, no number of words decides.

With ``m`` words, all of them at least 64 bits longer than the result, errors are below
``ERROR`` units of the lowest word: those of the parts are in the comments.
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
    put_shifted,
    subtract_from,
)
from numlean_kernels.limbs.rounding import (
    put_copy,
    put_if_certain,
    put_one,
    put_special,
)
from numlean_kernels.limbs.word_literals import (
    FINITE,
    INFINITE,
    KIND,
    MINUS,
    NAN,
    W0,
    W1,
    W2,
    W3,
    W6,
    W63,
    ZERO,
)
from numlean_kernels.limbs.words import multiply_add
from numlean_kernels.targets.inlined import InlinedRoutine

LARGEST: Final = np.int64(58)
"""Operands of exponentials are below two to this power."""
BEYOND: Final = np.int64(1 << 62)
"""Stands for an exponent where the fraction of a power is not below one, as far as it is known."""
FLAT: Final = np.int64(12)
"""Numbers from two to this power on are beyond where functions level off, at every precision."""
_LN2: Final = np.uint64(constants.LN2)
_EXPONENTIALS: Final = np.uint64(constants.EXPONENTIALS)
_BYTE: Final = np.uint64(constants.BYTE)
_SERIES: Final = np.uint64(constants.SERIES)
_EXP_BITS: Final = np.uint64(constants.EXP_BITS)
_INVERSE_LN2: Final = np.uint64(0x71547652B82FE177)
"""The fraction of 1 / log(2), rounded down."""


@InlinedRoutine
def put_power(t: Any, to: Any, u: Any, m: Any, c: Any, row: Any) -> Any:
    """Write exp(U) - 1 to m words at ``to``, for a fraction U of m + 1 words at u below log(2).

    The error is below 64 units of m words. The 3 * m + 4 words from u on are lost. Return what is
    to be added above: not zero if the result is not below one.
    """
    r = u + W1
    # Three bytes of the rest select exponentials; the series takes what is left.
    top = t[r + m - W1]
    t[r + m - W1] = top & np.uint64((1 << 40) - 1)
    q, p = r + m + W1, r + m + m + W2
    for j in range(m):
        t[q + j] = W0
    # Terms beyond this one are below a unit. A term counts for as many words as it changes.
    last = (m << W6) // _EXP_BITS + W1
    for step in range(last - W1):
        k = last - step
        skipped = (k * _EXP_BITS) >> W6
        used = m if skipped < W2 else m - skipped + W1
        o = m - used
        multiply_by(t, q + o, t, r + o, used, t, p + o)
        add_to(t, q + o, c, (_SERIES + k - W2) * row + row - used, used)
    put_product(t, q, t, r, m, t, p)
    put_product(t, p, t, r, m, t, q)
    add_to(t, r, t, q, m)  # exp(rest) - 1
    # (1 + a) * (1 + b) = 1 + a + b + a * b, first of the constants.
    carry = W0
    factor = (_EXPONENTIALS + (top >> np.uint64(56))) * row + row - m
    for j in range(m):
        t[p + j] = c[factor + j]
    for byte in range(W1, W3):
        index = top >> (np.uint64(56) - (byte << W3)) & np.uint64(255)
        factor = (_EXPONENTIALS + byte * _BYTE + index) * row + row - m
        put_product(t, p, c, factor, m, t, q)
        carry += add_to(t, p, t, q, m) + add_to(t, p, c, factor, m)
    put_product(t, p, t, r, m, t, q)
    carry += add_to(t, p, t, r, m) + add_to(t, p, t, q, m)
    for j in range(m):
        t[to + j] = t[p + j]
    return carry


@InlinedRoutine
def put_exponential(
    x: Any,
    xo: Any,
    n: Any,
    shift: Any,
    is_minus: Any,
    m: Any,
    c: Any,
    row: Any,
    t: Any,
    to: Any,
    work: Any,
) -> Any:
    """Write the F of exp(+-abs(x) * 2**shift) = (1 + F) * 2**k to m words, and return k.

    F is within 64 units. ``work`` is the place of 4 * m + 8 further words of t. Where F is not
    below one, as far as its words tell, k is out of any range: 2**62.
    """
    exponent = np.int64(x[xo + W1]) + shift
    longer = m + W1
    u = work  # the operand, with a word more below and one for integers
    put_shifted(x, xo + W2, n, exponent + np.int64((longer - n) << W6), t, u, longer + W1)
    # k is at most 3 too small.
    whole = t[u + longer]
    _, k = multiply_add(whole, _INVERSE_LN2, W0, W0)
    k += whole
    ln2 = _LN2 * row + row - longer
    carry, borrow = W0, W0
    for j in range(longer):
        low, carry = multiply_add(c[ln2 + j], k, carry, W0)
        word = t[u + j]
        rest = word - low
        under = W1 if word < low else W0
        t[u + j] = rest - borrow
        borrow = under | (W1 if rest < borrow else W0)
    t[u + longer] -= carry + borrow
    while True:
        if t[u + longer] == W0:
            is_less = True
            for j in range(longer):
                a, b = t[u + longer - W1 - j], c[ln2 + longer - W1 - j]
                if a != b:
                    is_less = a < b
                    break
            if is_less:
                break
        t[u + longer] -= subtract_from(t, u, c, ln2, longer)
        k += W1
    power = np.int64(k)
    if is_minus:
        negate(t, u, longer)
        add_to(t, u, c, ln2, longer)
        power = ~power
    return power if put_power(t, to, u, m, c, row) == W0 else BEYOND


@InlinedRoutine
def exp(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write exp(x)."""
    header, exponent = x[xo], np.int64(x[xo + W1])
    kind = header & KIND
    if kind == FINITE and exponent > LARGEST:
        return W1
    if kind == ZERO or (kind == FINITE and exponent < -np.int64(precision) - np.int64(2)):
        put_one(z, zo, n, W0)
        return W0
    if kind != FINITE:
        put_special(z, zo, n, W0 if header == (INFINITE | MINUS) else kind)
        return W0
    m = n + W1
    is_minus = header & MINUS != W0
    k = put_exponential(x, xo, n, np.int64(0), is_minus, m, c, row, t, W0, m + W3)
    t[m] = W1
    if k == BEYOND:
        return W1
    return put_if_certain(z, zo, W0, k + np.int64(64), t, W0, m + W1, n, precision)


@InlinedRoutine
def exp2(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write 2**x: of an integer k and the exponential of a fraction of log(2)."""
    header, exponent = x[xo], np.int64(x[xo + W1])
    kind = header & KIND
    if kind == FINITE and exponent > LARGEST:
        return W1
    if kind == ZERO or (kind == FINITE and exponent < -np.int64(precision) - np.int64(2)):
        put_one(z, zo, n, W0)
        return W0
    if kind != FINITE:
        put_special(z, zo, n, W0 if header == (INFINITE | MINUS) else kind)
        return W0
    m = n + W1
    longer = m + W1
    f = longer + W1
    u = f + longer + W2
    put_shifted(x, xo + W2, n, exponent + np.int64((longer - n) << W6), t, f, longer + W1)
    if header & MINUS != W0:
        negate(t, f, longer + W1)
    k = np.int64(t[f + longer])
    put_product(t, f, c, _LN2 * row + row - longer, longer, t, u)
    carry = put_power(t, W0, u, m, c, row)
    t[m] = W1
    if carry != W0:
        return W1
    return put_if_certain(z, zo, W0, k + np.int64(64), t, W0, m + W1, n, precision)


@InlinedRoutine
def expm1(
    x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any
) -> Any:
    """Write exp(x) - 1."""
    header, exponent = x[xo], np.int64(x[xo + W1])
    kind, sign = header & KIND, header & MINUS
    is_tiny = kind == FINITE and exponent < -np.int64(precision) - np.int64(2)
    if kind in (ZERO, NAN) or is_tiny or header == INFINITE:
        put_copy(x, xo, z, zo, n, W0)
        return W0
    if kind == INFINITE:
        put_one(z, zo, n, MINUS)
        return W0
    if exponent > LARGEST:
        return W1
    small = np.uint64(-exponent) if exponent < np.int64(0) else W0
    m = n + W1 + ((small + W63) >> W6)
    k = put_exponential(x, xo, n, np.int64(0), sign != W0, m, c, row, t, W0, m + m + W3)
    if k == BEYOND:
        return W1
    t[m] = W1
    at, unit = W0, np.int64(m << W6)
    if sign != W0:
        # 1 - exp(x), of numbers below one.
        at = m + W1
        put_shifted(t, W0, m + W1, k, t, at, m + W1)
        negate(t, at, m)
        if leading_zeros(t, at, m) == m << W6:
            put_one(z, zo, n, MINUS)
            return W0
        k = np.int64(0)
    elif k <= unit:
        # One is a bit of the power over 2**k.
        place = np.uint64(unit - k)
        t[at + m + W1] = W1 << (place & W63)
        for j in range(place >> W6, m + W1):
            word, part = t[at + j], t[at + m + W1]
            t[at + j] = word - part
            t[at + m + W1] = W1 if word < part else W0
    return put_if_certain(z, zo, sign, k + np.int64(64), t, at, m + W1, n, precision)
