"""Arctangents of numbers in limbs, correctly rounded.

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
    put_difference,
    put_half,
    put_product,
    put_quotient,
    put_shifted,
    subtract_from,
)
from numlean_kernels.limbs.rounding import put_copy, put_if_certain
from numlean_kernels.limbs.word_literals import (
    FINITE,
    KIND,
    MINUS,
    NAN,
    ONES,
    W0,
    W1,
    W2,
    W3,
    W4,
    W6,
    W63,
    ZERO,
)
from numlean_kernels.limbs.words import multiply_add
from numlean_kernels.targets.inlined import InlinedRoutine

_QUARTER_PI: Final = np.uint64(constants.QUARTER_PI)
_ARCTANGENTS: Final = np.uint64(constants.ARCTANGENTS)
_SERIES: Final = np.uint64(constants.ANGLE_SERIES)
_ANGLE_BITS: Final = np.uint64(constants.ANGLE_BITS)


@InlinedRoutine
def put_multiple(x: Any, xo: Any, i: Any, z: Any, zo: Any, m: Any) -> None:
    """Write i / 2**8 of m words and one of integers, for i up to 2**8."""
    carry = W0
    for j in range(m + W1):
        z[zo + j], carry = multiply_add(x[xo + j], i, carry, W0)
    for j in range(m + W1):
        above = z[zo + j + W1] if j < m else carry
        z[zo + j] = z[zo + j] >> np.uint64(8) | above << np.uint64(56)


@InlinedRoutine
def put_small_arctangent(t: Any, u: Any, m: Any, c: Any, row: Any, work: Any) -> None:
    """Replace m words U, up to 2**-8, by the arctangent: u - u**3/3 + u**5/5 - ..."""
    s, q, p = work + W1, work + m + W2, work + m + m + W3
    put_product(t, u, t, u, m, t, s)
    for j in range(m):
        t[q + j] = W0
    terms = (row << W6) // _ANGLE_BITS + W2
    zeros = max(leading_zeros(t, s, m), _ANGLE_BITS)
    last = (m << W6) // zeros + W1
    for step in range(last):
        k = last - step
        skipped = (k - W1) * zeros >> W6
        used = m if skipped < W2 else m - skipped + W1
        o = m - used
        multiply_by(t, q + o, t, s + o, used, t, p + o)
        put_difference(t, q + o, c, (_SERIES + terms + k - W1) * row + row - used, used)
    put_product(t, q, t, s, m, t, p)
    put_product(t, p, t, u, m, t, q)
    subtract_from(t, u, t, q, m)


@InlinedRoutine
def atan(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write atan(x), of x or of 1 / x: that of a multiple of 2**-8 and of a small rest."""
    header, exponent = x[xo], np.int64(x[xo + W1])
    kind, sign = header & KIND, header & MINUS
    is_tiny = kind == FINITE and exponent < -np.int64(precision >> W1) - np.int64(2)
    if kind in (ZERO, NAN) or is_tiny:
        put_copy(x, xo, z, zo, n, W0)
        return W0
    if kind != FINITE:
        return W1
    is_inverse, is_minus = exponent > np.int64(0), False
    m = n + W2 + (W0 if is_inverse else (np.uint64(-exponent) + W63) >> W6)
    v, w, d, u = W0, m + W2, m + m + W4, W4 * m + W6
    q, work = u + m + W3, u + m + m + W6
    # v: x, or the fraction of x; w: one, or two to the power that is missing.
    shift = np.int64(0) if is_inverse else exponent
    put_shifted(x, xo + W2, n, shift + np.int64((m - n) << W6), t, v, m + W1)
    for j in range(m + W1):
        t[w + j] = W0
    if not is_inverse:
        t[w + m] = W1
    elif exponent <= np.int64(m << W6):
        place = (m << W6) - np.uint64(exponent)
        t[w + (place >> W6)] = W1 << (place & W63)
    # Swap, so that v is less than w; then v / w is i / 2**8 and a rest.
    if is_inverse:
        v, w = w, v
    high, above = t[v + m - W1], t[w + m - W1]
    y = float(high) * 2.0**-64 / (float(t[w + m]) + float(above) * 2.0**-64)
    i = np.uint64(256.0 * y + 0.5)
    if i == W0 and not is_inverse:
        for j in range(m):
            t[u + j] = t[v + j]
    else:
        # The rest has the tangent (v - w * i) / (w + v * i).
        put_multiple(t, v, i, t, d, m)
        t[d + m] += t[w + m] + add_to(t, d, t, w, m)
        put_multiple(t, w, i, t, u, m)
        is_minus = subtract_from(t, v, t, u, m + W1) != W0
        if is_minus:
            negate(t, v, m + W1)
        if t[d + m] != W0:
            put_half(t, d, t[d + m], t, d, m)
            put_half(t, v, t[v + m], t, v, m)
        for j in range(m):
            t[u + j] = t[v + j]
        put_quotient(t, u, d, q, m)
        for j in range(m):
            t[u + j] = t[q + j]
    put_small_arctangent(t, u, m, c, row, work)
    total = d
    for j in range(m):
        t[total + j] = c[(_ARCTANGENTS + i) * row + row - m + j]
    if is_minus:
        subtract_from(t, total, t, u, m)
    else:
        add_to(t, total, t, u, m)
    t[total + m] = W0
    if is_inverse:  # pi / 2 less that
        quarter = _QUARTER_PI * row + row - m
        negate(t, total, m)
        t[total + m] = W0 if leading_zeros(t, total, m) == m << W6 else ONES
        for _ in range(2):
            t[total + m] += add_to(t, total, c, quarter, m)
    return put_if_certain(z, zo, sign, np.int64(64), t, total, m + W1, n, precision)
