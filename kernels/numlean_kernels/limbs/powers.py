"""Powers and softplus of numbers in limbs: functions that take a logarithm and an exponential.

Routines return what those of :mod:`.exponentials` do.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean_kernels.limbs.exponentials import BEYOND, LARGEST, put_exponential
from numlean_kernels.limbs.fractions import leading_zeros
from numlean_kernels.limbs.logarithms import LOG, put_log, put_one_more
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
    W3,
    W6,
    W12,
)
from numlean_kernels.limbs.words import add_multiple
from numlean_kernels.targets.inlined import InlinedRoutine

_LARGEST_POWER: Final = np.int64(40)
"""Exponents of powers are below two to this power: the words of a logarithm suffice for them."""


@InlinedRoutine
def power(
    x: Any,
    xo: Any,
    y: Any,
    yo: Any,
    z: Any,
    zo: Any,
    n: Any,
    precision: Any,
    c: Any,
    row: Any,
    t: Any,
) -> Any:
    """Write x**y, for a positive x other than one and a finite y that is not zero."""
    exponent = np.int64(y[yo + W1])
    if x[xo] != FINITE or (y[yo] & KIND) != FINITE or exponent > _LARGEST_POWER:
        return W1
    # The logarithm has a word more, for the exponent by which its error is multiplied.
    m, sign = put_log(x, xo + W2, n, np.int64(x[xo + W1]), n + W2, c, row, t)
    if m == W0:
        return W1
    # Their product, as a number: its words follow two others.
    longer = m + W1
    length = longer + n
    product = W12 * row
    for j in range(length):
        t[product + W2 + j] = W0
    for j in range(n):
        at = product + W2 + j
        t[at + longer] = add_multiple(t, LOG, y[yo + W2 + j], t, at, longer)
    exponent += np.int64(64)
    if exponent - np.int64(leading_zeros(t, product + W2, length)) > LARGEST:
        return W1
    t[product + W1] = np.uint64(exponent)
    is_minus = sign != y[yo] & MINUS
    m = n + W1
    k = put_exponential(t, product, length, np.int64(0), is_minus, m, c, row, t, W0, m + W3)
    t[m] = W1
    if k == BEYOND:
        return W1
    return put_if_certain(z, zo, W0, k + np.int64(64), t, W0, m + W1, n, precision)


@InlinedRoutine
def softplus(
    x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, c: Any, row: Any, t: Any
) -> Any:
    """Write log(1 + exp(x))."""
    header, exponent = x[xo], np.int64(x[xo + W1])
    kind, is_minus = header & KIND, header & MINUS != W0
    if kind == NAN or header == INFINITE:
        put_copy(x, xo, z, zo, n, W0)
        return W0
    if kind == INFINITE:
        put_special(z, zo, n, W0)
        return W0
    if kind != FINITE or exponent > LARGEST:
        return W1
    m = n + W2
    e = W12 * row
    k = put_exponential(x, xo, n, np.int64(0), is_minus, m, c, row, t, e, W0)
    if k == BEYOND:
        return W1
    t[e + m] = W1
    unit = np.int64(m << W6)
    if k >= unit:  # x and the logarithm of 1 + exp(-x), which is below all words
        put_copy(x, xo, z, zo, n, W0)
        return W0
    if k < -unit:  # the power itself, as far as the words tell
        return put_if_certain(z, zo, W0, k + np.int64(64), t, e, m + W1, n, precision)
    one_more = e + m + W2
    length, exponent = put_one_more(t, e, m + W1, k - unit, False, t, one_more)
    m, _ = put_log(t, one_more, length, exponent, n + W1, c, row, t)
    return put_if_certain(z, zo, W0, np.int64(64), t, LOG, m + W1, n, precision)
