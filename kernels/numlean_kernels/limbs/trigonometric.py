"""Sines, cosines and tangents of numbers in limbs, correctly rounded.

Routines of functions return what those of :mod:`.exponentials` do.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean_kernels.limbs import constants
from numlean_kernels.limbs.fractions import (
    ERROR,
    add_to,
    is_certain,
    leading_zeros,
    multiply_by,
    negate,
    put_difference,
    put_half,
    put_product,
    put_quotient,
    put_shifted,
    subtract_from,
)
from numlean_kernels.limbs.rounding import (
    put_copy,
    put_if_certain,
    put_one,
    put_rounded,
    put_special,
)
from numlean_kernels.limbs.word_literals import (
    FINITE,
    KIND,
    MINUS,
    NAN,
    W0,
    W1,
    W2,
    W3,
    W4,
    W6,
    W32,
    W63,
    W64,
    ZERO,
)
from numlean_kernels.limbs.words import add_multiple
from numlean_kernels.targets.inlined import InlinedRoutine

_TWO_BY_PI: Final = np.uint64(constants.TWO_BY_PI)
_QUARTER_PI: Final = np.uint64(constants.QUARTER_PI)
_SINES: Final = np.uint64(constants.SINES)
_BYTE: Final = np.uint64(constants.BYTE)
_SERIES: Final = np.uint64(constants.ANGLE_SERIES)


@InlinedRoutine
def put_angle(x: Any, xo: Any, n: Any, m: Any, c: Any, row: Any, t: Any, to: Any, work: Any) -> Any:
    """Write the rest of abs(x) after multiples of pi / 2, in magnitude, as m words.

    The rest is at most pi / 4; its error is below 4 units. Return how many multiples there are,
    modulo 4, or 4 if the constants are too short, and whether the rest is negative.
    """
    exponent = np.int64(x[xo + W1])
    if exponent < np.int64(0):
        put_shifted(x, xo + W2, n, exponent + np.int64((m - n) << W6), t, to, m)
        return W0, False
    longer = m + W1
    factor = longer + W1 + (np.uint64(exponent) + W63 >> W6)
    if factor > row:
        return W4, False
    # x times 2 / pi, then the fraction of it, in m + 1 words, and the integer.
    length = n + factor
    product, f = work, work + length
    for j in range(factor):
        t[product + j] = W0
    at = _TWO_BY_PI * row + row - factor
    for j in range(n):
        t[product + j + factor] = add_multiple(c, at, x[xo + W2 + j], t, product + j, factor)
    shift = exponent + np.int64((longer - length) << W6)
    put_shifted(t, product, length, shift, t, f, longer + W1)
    quadrant = t[f + longer]
    is_minus = t[f + m] >> W63 != W0
    if is_minus:
        negate(t, f, longer)
        quadrant += W1
    # Twice the fraction, which is up to a half, times pi / 4.
    put_shifted(t, f, longer, np.int64(1), t, f + longer, longer)
    put_product(t, f + longer, c, _QUARTER_PI * row + row - longer, longer, t, product + W1)
    for j in range(m):
        t[to + j] = t[product + W2 + j]
    return quadrant & W3, is_minus


@InlinedRoutine
def put_series(t: Any, s: Any, first: Any, q: Any, m: Any, c: Any, row: Any, p: Any) -> None:
    """Write 1/k! - S/(k+2)! + S**2/(k+4)! - ..., k being ``first``, for m words S below 2**-32."""
    for j in range(m):
        t[q + j] = W0
    last = (m << W6) // W32 + W1
    for step in range(last):
        k = last - W1 - step
        skipped = k * W32 >> W6
        used = m if skipped < W2 else m - skipped + W1
        o = m - used
        multiply_by(t, q + o, t, s + o, used, t, p + o)
        put_difference(t, q + o, c, (_SERIES + first + k + k - W2) * row + row - used, used)


@InlinedRoutine
def put_turned(t: Any, a: Any, b: Any, m: Any, c: Any, index: Any, row: Any, p: Any) -> None:
    """Replace m words at a and at b, sin(r) and 1 - cos(r), by those of r and a constant angle.

    ``index`` is the row of the sine of the angle; that of 1 - its cosine lies ``BYTE`` rows on.
    """
    sine = index * row + row - m
    cosine = (index + _BYTE) * row + row - m
    pa, pb, pc, pd = p, p + m + W1, p + m + m + W2, p + m + m + m + W3
    put_product(t, b, c, sine, m, t, pa)
    put_product(t, a, c, cosine, m, t, pb)
    put_product(t, b, c, cosine, m, t, pc)
    put_product(t, a, c, sine, m, t, pd)
    add_to(t, a, c, sine, m)
    subtract_from(t, a, t, pa, m)
    subtract_from(t, a, t, pb, m)
    add_to(t, b, c, cosine, m)
    subtract_from(t, b, t, pc, m)
    add_to(t, b, t, pd, m)


@InlinedRoutine
def put_sine_and_cosine(t: Any, r: Any, b: Any, m: Any, c: Any, row: Any, work: Any) -> None:
    """Replace m words of an angle up to pi / 4 by its sine, and write 1 - its cosine at b.

    Their errors are below 64 units. ``work`` is the place of 4 * m + 8 further words.
    """
    top = t[r + m - W1]
    t[r + m - W1] = top & np.uint64((1 << 48) - 1)
    s, q, p = work + W1, work + m + W2, work + m + m + W3
    put_product(t, r, t, r, m, t, s)
    put_series(t, s, W2, q, m, c, row, p)
    put_product(t, q, t, s, m, t, b)
    put_series(t, s, W3, q, m, c, row, p)
    put_product(t, q, t, s, m, t, p)
    put_product(t, p, t, r, m, t, q)
    subtract_from(t, r, t, q, m)
    low = _SINES + _BYTE + _BYTE + (top >> np.uint64(48) & np.uint64(255))
    put_turned(t, r, b, m, c, low, row, work + W1)
    put_turned(t, r, b, m, c, _SINES + (top >> np.uint64(56)), row, work + W1)


@InlinedRoutine
def put_of_angle(
    x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any, of: Any
) -> Any:
    """Write sin(x) (of = 0), cos(x) (1) or tan(x) (2)."""
    header, exponent = x[xo], np.int64(x[xo + W1])
    kind, sign = header & KIND, header & MINUS
    is_tiny = kind == FINITE and exponent < -np.int64(precision >> W1) - np.int64(2)
    if kind == ZERO or is_tiny:
        if of == W1:
            put_one(z, zo, n, W0)
        else:
            put_copy(x, xo, z, zo, n, W0)
        return W0
    if kind != FINITE:
        put_special(z, zo, n, NAN)
        return W0
    small = np.uint64(-exponent) if exponent < np.int64(0) else W0
    # A rest that is small, by chance, takes up to a word more.
    m = n + W2 + ((small + W63) >> W6)
    sine, cosine, work = W0, m + W2, m + m + np.uint64(4)
    quadrant, is_minus = put_angle(x, xo, n, m, c, row, t, sine, work)
    if quadrant == W4:
        return W1
    put_sine_and_cosine(t, sine, cosine, m, c, row, work)
    # The cosine, with a word of integers.
    negate(t, cosine, m)
    t[cosine + m] = W1 if leading_zeros(t, cosine, m) == m << W6 else W0
    t[sine + m] = W0
    if of == W2:
        if is_minus != (quadrant & W1 != W0):
            sign ^= MINUS
        return put_tangent(t, sine, cosine, quadrant & W1, m, sign, z, zo, n, precision, work)
    at = cosine if (quadrant & W1 != W0) == (of == W0) else sine
    if of == W0:
        is_minus = (is_minus and at == sine) != (quadrant >= W2)
    else:
        is_minus = (is_minus and at == sine) != (quadrant in (W1, W2))
        sign = W0
    if is_minus:
        sign ^= MINUS
    return put_if_certain(z, zo, sign, np.int64(64), t, at, m + W1, n, precision)


@InlinedRoutine
def put_tangent(
    t: Any,
    sine: Any,
    cosine: Any,
    is_inverse: Any,
    m: Any,
    sign: Any,
    z: Any,
    zo: Any,
    n: Any,
    precision: Any,
    work: Any,
) -> Any:
    """Write the quotient of a sine and a cosine, or its inverse, of m words and one of integers."""
    d, q, u = work, work + m, work + m + m + m
    exponent = np.int64(2)
    zeros = W0
    divisor, dividend = cosine, sine
    if is_inverse != W0:
        divisor, dividend = sine, cosine
        zeros = leading_zeros(t, sine, m)
        if zeros >= W64:
            return W1
    exponent += np.int64(zeros)
    if t[divisor + m] != W0:  # a cosine of one
        put_half(t, divisor, W1, t, d, m)
        exponent -= np.int64(1)
    else:
        put_shifted(t, divisor, m, np.int64(zeros), t, d, m)
    put_shifted(t, dividend, m + W1, np.int64(-2), t, u, m)
    put_quotient(t, u, d, q, m)
    # A small divisor has a great error: up to 2**zeros units.
    lost = W1 if is_inverse != W0 else W0
    if not is_certain(t, q + lost, m - lost, precision, ERROR):
        return W1
    return put_rounded(z, zo, sign, exponent, t, q, m, W0, n, precision)


@InlinedRoutine
def sin(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write sin(x)."""
    return put_of_angle(x, xo, z, zo, n, precision, c, row, t, W0)


@InlinedRoutine
def cos(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write cos(x)."""
    return put_of_angle(x, xo, z, zo, n, precision, c, row, t, W1)


@InlinedRoutine
def tan(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write tan(x)."""
    return put_of_angle(x, xo, z, zo, n, precision, c, row, t, W2)
