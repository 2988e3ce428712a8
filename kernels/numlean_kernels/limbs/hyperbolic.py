"""Hyperbolic functions and sigmoids of numbers in limbs, correctly rounded.

Routines return what those of :mod:`.exponentials` do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean_kernels.limbs.exponentials import BEYOND, FLAT, LARGEST, put_exponential
from numlean_kernels.limbs.fractions import (
    add_to,
    leading_zeros,
    negate,
    put_half,
    put_quotient,
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
from numlean_kernels.targets.inlined import InlinedRoutine


@InlinedRoutine
def tanh(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write tanh(x), which is (1 - e) / (1 + e) for the e = exp(-2 * x) of a positive x."""
    header, exponent = x[xo], np.int64(x[xo + W1])
    kind, sign = header & KIND, header & MINUS
    is_tiny = kind == FINITE and exponent < -np.int64(precision >> W1) - np.int64(2)
    if kind in (ZERO, NAN) or is_tiny:
        put_copy(x, xo, z, zo, n, W0)
        return W0
    if kind == INFINITE or exponent > FLAT:
        put_one(z, zo, n, sign)
        return W0
    small = np.uint64(-exponent) if exponent < np.int64(0) else W0
    m = n + W1 + ((small + W63) >> W6)
    # The words of e at m + 1, those of 1 - e at 2 * m + 2, and of half of 1 + e at 0.
    e, work = m, m + m + m + np.uint64(8)
    k = put_exponential(x, xo, n, np.int64(1), True, m, c, row, t, e, work)
    if k >= np.int64(0):  # a 1 + F of two
        return W1
    t[e + m] = W1
    d = W0
    put_shifted(t, e, m + W1, k, t, work + m, m + W1)
    at = work + m
    if leading_zeros(t, at, m) == m << W6:
        put_one(z, zo, n, sign)
        return W0
    # e is below one, so its word of integers is zero. (1 + e) / 2:
    put_half(t, at, W1, t, d, m)
    negate(t, at, m)  # 1 - e
    quotient = e
    # The quotient of 1 - e by half of 1 + e, which is below two, is taken of its half.
    put_half(t, at, W0, t, at, m)
    put_quotient(t, at, d, quotient, m)
    return put_if_certain(z, zo, sign, np.int64(0), t, quotient, m, n, precision)


@InlinedRoutine
def put_inverse(t: Any, f: Any, q: Any, m: Any, work: Any) -> None:
    """Write half of 1 / (1 + F) to m words at q, for m words F; ``work`` is 3 * m + 2 more."""
    d, u = work, work + m + m
    put_half(t, f, W1, t, d, m)
    for j in range(m):
        t[u + j] = W0
    t[u + m - W1] = W1 << np.uint64(62)
    put_quotient(t, u, d, q, m)


@InlinedRoutine
def put_power_and_inverse(
    x: Any, xo: Any, n: Any, is_sum: Any, m: Any, c: Any, row: Any, t: Any
) -> Any:
    """Write exp(a) + exp(-a), or -, over 2**k for a = abs(x), to m + 1 words; return k."""
    q, work = m + W2, m + m + np.uint64(4)
    k = put_exponential(x, xo, n, np.int64(0), False, m, c, row, t, W0, work)
    if k == BEYOND:
        return k
    put_inverse(t, W0, q, m, work)
    t[m] = W1
    put_shifted(t, q, m, np.int64(1) - k - k, t, work, m + W1)
    if is_sum:
        add_to(t, W0, t, work, m + W1)
    else:
        subtract_from(t, W0, t, work, m + W1)
    return k


@InlinedRoutine
def sinh(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write sinh(x)."""
    header, exponent = x[xo], np.int64(x[xo + W1])
    is_tiny = exponent < -np.int64(precision >> W1) - np.int64(2)
    if header & KIND != FINITE or is_tiny:
        put_copy(x, xo, z, zo, n, W0)
        return W0
    if exponent > LARGEST:
        return W1
    small = np.uint64(-exponent) if exponent < np.int64(0) else W0
    m = n + W1 + ((small + W63) >> W6)
    k = put_power_and_inverse(x, xo, n, False, m, c, row, t)
    if k == BEYOND:
        return W1
    return put_if_certain(z, zo, header & MINUS, k + np.int64(63), t, W0, m + W1, n, precision)


@InlinedRoutine
def cosh(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any) -> Any:
    """Write cosh(x)."""
    header, exponent = x[xo], np.int64(x[xo + W1])
    kind = header & KIND
    is_tiny = kind == FINITE and exponent < -np.int64(precision >> W1) - np.int64(2)
    if kind == ZERO or is_tiny:
        put_one(z, zo, n, W0)
        return W0
    if kind != FINITE:
        put_special(z, zo, n, kind)
        return W0
    if exponent > LARGEST:
        return W1
    m = n + W1
    k = put_power_and_inverse(x, xo, n, True, m, c, row, t)
    if k == BEYOND:
        return W1
    return put_if_certain(z, zo, W0, k + np.int64(63), t, W0, m + W1, n, precision)


@InlinedRoutine
def sigmoid(
    x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any
) -> Any:
    """Write 1 / (1 + exp(-x)): e / (1 + e) or 1 / (1 + e) for the e = exp(-abs(x))."""
    header, exponent = x[xo], np.int64(x[xo + W1])
    kind, is_minus = header & KIND, header & MINUS != W0
    if kind == NAN or header == (INFINITE | MINUS):
        put_special(z, zo, n, NAN if kind == NAN else W0)
        return W0
    if kind == ZERO or (kind == FINITE and exponent < -np.int64(precision) - np.int64(2)):
        put_one(z, zo, n, W0)
        z[zo + W1] = W0  # a half
        return W0
    if kind == INFINITE or (exponent > FLAT and not is_minus):
        put_one(z, zo, n, W0)
        return W0
    if exponent > LARGEST:
        return W1
    m = n + W1
    e, d, q = W0, m + W2, m + m + W3
    work = q + m + W1
    k = put_exponential(x, xo, n, np.int64(0), True, m, c, row, t, e, work)
    if k >= np.int64(0):  # a 1 + F of two
        return W1
    t[e + m] = W1
    # Half of 1 + exp(-abs(x)), and a quarter of 1 or of 1 + F.
    u = work + m
    put_shifted(t, e, m + W1, k, t, u, m + W1)
    put_half(t, u, W1, t, d, m)
    if is_minus:
        put_shifted(t, e, m + W1, np.int64(-2), t, u, m + W1)
    else:
        for j in range(m):
            t[u + j] = W0
        t[u + m - W1] = W1 << np.uint64(62)
        k = np.int64(0)
    put_quotient(t, u, d, q, m)
    return put_if_certain(z, zo, W0, k + np.int64(1), t, q, m, n, precision)
