"""Elementary functions of numbers in limbs, correctly rounded.

A routine returns 0, or 1 where it writes nothing: where the operand is out of range, or where its
result is so near the middle of two numbers that more words would be needed. There the caller
computes the function by enclosures. Values are transcendental at every operand that comes
here (Lindemann and Weierstrass), so none is a middle itself.

With ``m`` words, all of them at least 64 bits longer than the result, errors are below
``_ERROR`` units of the lowest word: those of the parts are in the comments.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean_kernels.limbs import constants, layout
from numlean_kernels.limbs.fractions import (
    add_to,
    is_certain,
    leading_zeros,
    multiply_by,
    negate,
    put_product,
    put_shifted,
    subtract_from,
)
from numlean_kernels.limbs.rounding import put_copy, put_one, put_rounded, put_special
from numlean_kernels.limbs.words import divide_step, multiply_add, reciprocal
from numlean_kernels.targets.inlined import InlinedRoutine

_0: Final = np.uint64(0)
_1: Final = np.uint64(1)
_2: Final = np.uint64(2)
_3: Final = np.uint64(3)
_6: Final = np.uint64(6)
_63: Final = np.uint64(63)
_KIND: Final = np.uint64(layout.KIND)
_MINUS: Final = np.uint64(layout.MINUS)
_ZERO: Final = np.uint64(layout.ZERO)
_FINITE: Final = np.uint64(layout.FINITE)
_INFINITE: Final = np.uint64(layout.INFINITE)
_NAN: Final = np.uint64(layout.NAN)

_ERROR: Final = np.uint64(1 << 12)
_LARGEST: Final = np.int64(58)
"""Operands of exponentials are below two to this power."""
_FLAT: Final = np.int64(12)
"""tanh of numbers from two to this power on rounds to one, at every precision."""
_LN2: Final = np.uint64(constants.LN2)
_EXPONENTIALS: Final = np.uint64(constants.EXPONENTIALS)
_BYTE: Final = np.uint64(constants.BYTE)
_FIRST: Final = np.uint64(constants.FIRST_FACTORS)
_FIRST_LEAST: Final = np.uint64(constants.FIRST_LEAST)
_SECOND: Final = np.uint64(constants.SECOND_FACTORS)
_SECOND_LEAST: Final = np.uint64(constants.SECOND_LEAST)
_SECOND_ONE: Final = np.uint64(constants.SECOND_ONE)
_SERIES: Final = np.uint64(constants.SERIES)
_EXP_BITS: Final = np.uint64(constants.EXP_BITS)
_LOG_BITS: Final = np.uint64(constants.LOG_BITS)
_INVERSE_LN2: Final = np.uint64(0x71547652B82FE177)
"""The fraction of 1 / log(2), rounded down."""
_ROOT_HALF: Final = np.uint64(0xB504F333F9DE6484)


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
    exponent = np.int64(x[xo + _1]) + shift
    longer = m + _1
    u = work  # the operand, with a word more below and one for integers
    put_shifted(x, xo + _2, n, exponent + np.int64((longer - n) << _6), t, u, longer + _1)
    # k is at most 3 too small.
    whole = t[u + longer]
    _, k = multiply_add(whole, _INVERSE_LN2, _0, _0)
    k += whole
    ln2 = _LN2 * row + row - longer
    carry, borrow = _0, _0
    for j in range(longer):
        low, carry = multiply_add(c[ln2 + j], k, carry, _0)
        word = t[u + j]
        rest = word - low
        under = _1 if word < low else _0
        t[u + j] = rest - borrow
        borrow = under | (_1 if rest < borrow else _0)
    t[u + longer] -= carry + borrow
    while True:
        if t[u + longer] == _0:
            is_less = True
            for j in range(longer):
                a, b = t[u + longer - _1 - j], c[ln2 + longer - _1 - j]
                if a != b:
                    is_less = a < b
                    break
            if is_less:
                break
        t[u + longer] -= subtract_from(t, u, c, ln2, longer)
        k += _1
    power = np.int64(k)
    if is_minus:
        negate(t, u, longer)
        add_to(t, u, c, ln2, longer)
        power = ~power
    # Three bytes of the rest select exponentials; the series takes what is left.
    r = u + _1
    top = t[r + m - _1]
    t[r + m - _1] = top & np.uint64((1 << 40) - 1)
    q, p = r + m + _1, r + m + m + _2
    for j in range(m):
        t[q + j] = _0
    # Terms beyond this one are below a unit. A term counts for as many words as it changes.
    last = (m << _6) // _EXP_BITS + _1
    for step in range(last - _1):
        k = last - step
        skipped = (k * _EXP_BITS) >> _6
        used = m if skipped < _2 else m - skipped + _1
        o = m - used
        multiply_by(t, q + o, t, r + o, used, t, p + o)
        add_to(t, q + o, c, (_SERIES + k - _2) * row + row - used, used)
    put_product(t, q, t, r, m, t, p)
    put_product(t, p, t, r, m, t, q)
    add_to(t, r, t, q, m)  # exp(rest) - 1
    # (1 + a) * (1 + b) = 1 + a + b + a * b, first of the constants.
    carry = _0
    factor = (_EXPONENTIALS + (top >> np.uint64(56))) * row + row - m
    for j in range(m):
        t[p + j] = c[factor + j]
    for byte in range(_1, _3):
        index = top >> (np.uint64(56) - (byte << _3)) & np.uint64(255)
        factor = (_EXPONENTIALS + byte * _BYTE + index) * row + row - m
        put_product(t, p, c, factor, m, t, q)
        carry += add_to(t, p, t, q, m) + add_to(t, p, c, factor, m)
    put_product(t, p, t, r, m, t, q)
    carry += add_to(t, p, t, r, m) + add_to(t, p, t, q, m)
    for j in range(m):
        t[to + j] = t[p + j]
    return power if carry == _0 else np.int64(1 << 62)


@InlinedRoutine
def exp(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write exp(x)."""
    header, exponent = x[xo], np.int64(x[xo + _1])
    kind = header & _KIND
    if kind == _FINITE and exponent > _LARGEST:
        return _1
    if kind == _ZERO or (kind == _FINITE and exponent < -np.int64(precision) - np.int64(2)):
        put_one(z, zo, n, _0)
        return _0
    if kind != _FINITE:
        put_special(z, zo, n, _0 if header == (_INFINITE | _MINUS) else kind)
        return _0
    m = n + _1
    is_minus = header & _MINUS != _0
    k = put_exponential(x, xo, n, np.int64(0), is_minus, m, c, row, t, _0, m + _3)
    t[m] = _1
    if k == np.int64(1 << 62) or not is_certain(t, _0, m + _1, precision, _ERROR):
        return _1
    return put_rounded(z, zo, _0, k + np.int64(64), t, _0, m + _1, _0, n, precision)


@InlinedRoutine
def put_quotient(t: Any, u: Any, d: Any, q: Any, m: Any) -> None:
    """Write the fraction of m words at d that those at u are of it, below one, to m words at q.

    The top bit at d is set. There are m words below u, and one above its words; u is lost.
    """
    for j in range(m):
        t[u - m + j] = _0
    t[u + m] = _0
    inverse = reciprocal(t[d + m - _1])
    for j in range(m):
        t[q + m - _1 - j] = divide_step(t, u - _1 - j, t, d, m, inverse)


@InlinedRoutine
def tanh(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write tanh(x), which is (1 - e) / (1 + e) for the e = exp(-2 * x) of a positive x."""
    header, exponent = x[xo], np.int64(x[xo + _1])
    kind, sign = header & _KIND, header & _MINUS
    is_tiny = kind == _FINITE and exponent < -np.int64(precision >> _1) - np.int64(2)
    if kind in (_ZERO, _NAN) or is_tiny:
        put_copy(x, xo, z, zo, n, _0)
        return _0
    if kind == _INFINITE or exponent > _FLAT:
        put_one(z, zo, n, sign)
        return _0
    small = np.uint64(-exponent) if exponent < np.int64(0) else _0
    m = n + _1 + ((small + _63) >> _6)
    # The words of e at m + 1, those of 1 - e at 2 * m + 2, and of half of 1 + e at 0.
    e, work = m, m + m + m + np.uint64(8)
    k = put_exponential(x, xo, n, np.int64(1), True, m, c, row, t, e, work)
    if k >= np.int64(0):  # a 1 + F of two
        return _1
    t[e + m] = _1
    d = _0
    put_shifted(t, e, m + _1, k, t, work + m, m + _1)
    at = work + m
    if leading_zeros(t, at, m) == m << _6:
        put_one(z, zo, n, sign)
        return _0
    # e is below one, so its word of integers is zero. (1 + e) / 2:
    for j in range(m):
        above = t[at + j + _1] if j + _1 < m else _1
        t[d + j] = t[at + j] >> _1 | above << _63
    negate(t, at, m)  # 1 - e
    quotient = e
    # The quotient of 1 - e by half of 1 + e, which is below two, is taken of its half.
    for j in range(m):
        above = t[at + j + _1] if j + _1 < m else _0
        t[at + j] = t[at + j] >> _1 | above << _63
    put_quotient(t, at, d, quotient, m)
    if not is_certain(t, quotient, m, precision, _ERROR):
        return _1
    return put_rounded(z, zo, sign, np.int64(0), t, quotient, m, _0, n, precision)


@InlinedRoutine
def log(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write log(x): of y, y * 2**e = x with y near one, by two factors and a series."""
    header, e = x[xo], np.int64(x[xo + _1])
    kind = header & _KIND
    if header != _FINITE:
        header = _NAN if kind == _NAN or header & _MINUS != _0 else _INFINITE
        put_special(z, zo, n, (_INFINITE | _MINUS) if kind == _ZERO else header)
        return _0
    top = x[xo + _1 + n]
    is_low = top < _ROOT_HALF  # y = 2 * fraction, from one to the root of two
    e -= np.int64(1) if is_low else np.int64(0)
    # abs(y - 1), a fraction of n words.
    for j in range(n):
        t[j] = x[xo + _2 + j]
    if is_low:
        put_shifted(x, xo + _2, n, np.int64(1), t, _0, n)
    else:
        negate(t, _0, n)
    m = n + _1
    if e == np.int64(0):
        near = leading_zeros(t, _0, n)
        if near == n << _6:
            put_special(z, zo, n, _0)
            return _0
        m += (near + _63) >> _6
    # y in m words and one for integers, times a / 2**9 and b / 2**17.
    y = float(top) * (2.0**-63 if is_low else 2.0**-64)
    a = np.uint64(512.0 / y + 0.5)
    b = np.uint64(67108864.0 / (y * float(a)) + 0.5)
    u = m + m + _2
    put_shifted(x, xo + _2, n, np.int64((m - n) << _6) + np.int64(is_low), t, u, m + _1)
    carry, factor = _0, a * b
    for j in range(m + _1):
        low, carry = multiply_add(t[u + j], factor, carry, _0)
        t[u + j] = low
    v = u + m + _2
    put_shifted(t, u, m + _1, np.int64(-26), t, v, m + _1)
    is_minus = t[v + m] == _0
    if is_minus:
        negate(t, v, m)
    t[v + m] = _0
    # w = v / (2 + v), by a divisor of 1/2 to 1: (2 + v) / 4 or (2 - abs(v)) / 2.
    d = _0
    for j in range(m):
        t[d + j] = t[v + j]
    if is_minus:
        negate(t, d, m)
        t[d + m] = _1 if leading_zeros(t, d, m) == m << _6 else _0  # 2 - abs(v) = 1 + (1 - abs(v))
        one = t[d + m]
        for j in range(m):
            above = t[d + j + _1] if j + _1 < m else _1 + one
            t[d + j] = t[d + j] >> _1 | above << _63
    else:
        for j in range(m):
            above = t[d + j + _1] if j + _1 < m else _2
            t[d + j] = t[d + j] >> _2 | above << np.uint64(62)
    w = v + m + _2
    put_quotient(t, v, d, w, m)
    put_shifted(t, w, m, np.int64(-1) if is_minus else np.int64(-2), t, v, m)
    # v now is w: L = 2 * (w + w * s * (1/3 + s/5 + ...)), s = w**2.
    s, q, p = _1, w, w + m + _1
    put_product(t, v, t, v, m, t, s)
    for j in range(m):
        t[q + j] = _0
    terms = ((row << _6) // _EXP_BITS) + _2
    zeros = leading_zeros(t, s, m)
    last = (m << _6) // max(zeros, _LOG_BITS) + _1
    for step in range(last):
        k = last - step
        skipped = ((k - _1) * zeros) >> _6
        used = m if skipped < _2 else m - skipped + _1
        o = m - used
        multiply_by(t, q + o, t, s + o, used, t, p + o)
        add_to(t, q + o, c, (_SERIES + terms + k - _1) * row + row - used, used)
    put_product(t, q, t, s, m, t, p)
    put_product(t, p, t, v, m, t, q)
    add_to(t, v, t, q, m)
    # The sum, with a word of integers: e * log(2) + L - log(a / 2**9) - log(b / 2**17).
    total = _1
    size = np.uint64(-e) if e < np.int64(0) else np.uint64(e)
    longer = m + _1
    ln2 = _LN2 * row + row - longer
    carry = _0
    for j in range(longer):
        low, carry = multiply_add(c[ln2 + j], size, carry, _0)
        t[total - _1 + j] = low
    t[total + m] = carry
    if e < np.int64(0):
        negate(t, total, m + _1)
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
    sign = _0
    if t[total + m] >> _63 != _0:
        sign = _MINUS
        negate(t, total, m + _1)
    if not is_certain(t, total, m + _1, precision, _ERROR):
        return _1
    return put_rounded(z, zo, sign, np.int64(64), t, total, m + _1, _0, n, precision)
