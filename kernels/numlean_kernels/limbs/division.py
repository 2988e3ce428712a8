"""Quotients and square roots of numbers in limbs, each rounded once."""

from __future__ import annotations

import math
from typing import Any, Final

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
    W6,
    W63,
    ZERO,
)
from numlean_kernels.limbs.words import divide_step, multiply_add, reciprocal_of
from numlean_kernels.targets.inlined import InlinedRoutine

_WORD: Final = 18446744073709551616.0


@InlinedRoutine
def div(x: Any, xo: Any, y: Any, yo: Any, z: Any, zo: Any, n: Any, precision: Any, t: Any) -> Any:
    """Write x / y; a nonzero number over zero is an infinity of its own sign."""
    a, b = x[xo] & KIND, y[yo] & KIND
    sign = (x[xo] ^ y[yo]) & MINUS
    if not (a == b == FINITE):
        header = sign | INFINITE
        has_nan = a == NAN or b == NAN
        if has_nan or a == b:
            header = NAN
        elif b == ZERO:
            header = (x[xo] & MINUS) | INFINITE
        elif a == ZERO or b == INFINITE:
            header = ZERO
        put_special(z, zo, n, header)
        return W0
    # The quotient has m or m + 1 words, at least one bit more than the precision.
    m = n + (W1 if precision == n << W6 else W0)
    for k in range(m):
        t[k] = W0
    for k in range(n):
        t[m + k] = x[xo + W2 + k]
    t[m + n] = W0
    quotient = m + n + W1
    inverse = reciprocal_of(y, yo + W2, n)
    for k in range(m + W1):
        t[quotient + m - k] = divide_step(t, m - k, y, yo + W2, n, inverse)
    lost = W0
    for k in range(n):
        lost |= t[k]
    exponent = np.int64(x[xo + W1]) - np.int64(y[yo + W1]) + np.int64(64)
    return put_rounded(z, zo, sign, exponent, t, quotient, m + W1, lost, n, precision)


@InlinedRoutine
def root_of_two_words(high: Any, low: Any) -> Any:
    """Return floor(sqrt(high * 2**64 + low)) for high >= 2**62."""
    root = np.uint64(min(math.sqrt(float(high)) * 4294967296.0, 18446744073709549568.0))
    # One step of Newton's method from 53 bits gives all 64, or one more or less.
    below, above = multiply_add(root, root, W0, W0)
    rest = high - above - (W1 if low < below else W0)
    gap = float(np.int64(rest)) * _WORD + float(low - below)
    step = np.int64(gap / (2.0 * float(root)))
    moved = root + np.uint64(step)
    root = ONES if step >= np.int64(0) and moved < root else moved
    while True:
        below, above = multiply_add(root, root, W0, W0)
        if above > high or (above == high and below > low):
            root -= W1
            continue
        if root == ONES:
            return root
        below, above = multiply_add(root + W1, root + W1, W0, W0)
        if above > high or (above == high and below > low):
            return root
        root += W1


@InlinedRoutine
def add_words_to(u: Any, at: Any, s: Any, so: Any, k: Any) -> Any:
    """Add k words of s to u, carry into the next word of u, and return what leaves that."""
    carry = W0
    for i in range(k):
        part = s[so + i]
        total = u[at + i] + part
        over = W1 if total < part else W0
        total += carry
        carry = over | (W1 if total < carry else W0)
        u[at + i] = total
    total = u[at + k] + carry
    carry = W1 if total < carry else W0
    u[at + k] = total
    return carry


@InlinedRoutine
def subtract_words_from(u: Any, at: Any, s: Any, so: Any, k: Any) -> None:
    """Subtract k words of s from k + 1 words of u, which are not less."""
    borrow = W0
    for i in range(k):
        word, part = u[at + i], s[so + i]
        rest = word - part
        under = W1 if word < part else W0
        u[at + i] = rest - borrow
        borrow = under | (W1 if rest < borrow else W0)
    u[at + k] -= borrow


@InlinedRoutine
def is_at_least(u: Any, at: Any, s: Any, so: Any, k: Any) -> bool:
    """Return whether k + 1 words of u are not less than k words of s."""
    if u[at + k] != W0:
        return True
    for i in range(k):
        a, b = u[at + k - W1 - i], s[so + k - W1 - i]
        if a != b:
            return bool(a > b)
    return True


@InlinedRoutine
def square_root(u: Any, s: Any, so: Any, m: Any) -> None:
    """Write the root of 2m words of u, rounded down, to m words of s; leave the remainder in u.

    The top word is at least 2**62. ``u`` has a further word above them. Each word of the root is
    the remainder divided by twice the root so far, less one where the square of the word is too
    great (P. Zimmermann, "Karatsuba square root", INRIA RR-3805, 1999, one word at a time).
    """
    top = m + m - W1
    first = root_of_two_words(u[top], u[top - W1])
    s[so + m - W1] = first
    below, above = multiply_add(first, first, W0, W0)
    borrow = W1 if u[top - W1] < below else W0
    u[top - W1] -= below
    u[top] -= above + borrow
    u[top + W1] = W0
    inverse = W0
    for k in range(W1, m):
        root, at = so + m - k, m + m - k - k  # k words of root; the remainder has k + 1
        if k <= W2:
            inverse = reciprocal_of(s, root, k)
        extra = W0
        while is_at_least(u, at, s, root, k):
            subtract_words_from(u, at, s, root, k)
            extra += W1
        # The remainder times 2**64 and the next word, divided by the root: extra * 2**64 + digit.
        digit = divide_step(u, at - W1, s, root, k, inverse)
        u[at + k] = W0
        if extra >= W2:
            times, word = digit + W2, ONES
        else:
            times, word = digit & W1, extra << W63 | digit >> W1
        for _ in range(times):
            add_words_to(u, at - W1, s, root, k)
        # Append one more word and subtract the square of the digit.
        below, above = multiply_add(word, word, W0, W0)
        s[root - W1] = word
        at -= W2
        rest = u[at]
        borrow = W1 if rest < below else W0
        u[at] = rest - below
        rest = u[at + W1]
        under = W1 if rest < above else W0
        rest -= above
        u[at + W1] = rest - borrow
        borrow = under | (W1 if rest < borrow else W0)
        for i in range(k):
            rest = u[at + W2 + i]
            u[at + W2 + i] = rest - borrow
            borrow = W1 if rest < borrow else W0
        while borrow != W0:
            # One less: the remainder grows by twice the new root and one.
            s[root - W1] -= W1
            carry = add_words_to(u, at, s, root - W1, k + W1)
            carry |= add_words_to(u, at, s, root - W1, k + W1)
            i = at
            u[i] += W1
            while u[i] == W0 and i < at + k + W1:
                i += W1
                u[i] += W1
            carry |= W1 if u[i] == W0 else W0
            borrow -= carry


@InlinedRoutine
def sqrt(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, t: Any) -> Any:
    """Write the square root; of a negative number a NaN."""
    header = x[xo]
    kind = header & KIND
    if kind != ZERO and header & MINUS != W0:
        put_special(z, zo, n, NAN)
        return W0
    if kind != FINITE:
        put_copy(x, xo, z, zo, n, W0)
        return W0
    m = n + (W1 if precision == n << W6 else W0)
    exponent = np.int64(x[xo + W1])
    odd = np.uint64(exponent & np.int64(1))
    for k in range(m + m + W1):
        t[k] = W0
    carry, lowest = W0, m + m - n
    for k in range(n):
        word = x[xo + W1 + n - k]
        t[m + m - W1 - k] = word >> odd | carry
        carry = (word << W63) if odd != W0 else W0
    t[lowest - W1] = carry
    root = m + m + W1
    square_root(t, t, root, m)
    lost = W0
    for k in range(m + W1):
        lost |= t[k]
    half = (exponent + np.int64(odd)) >> np.int64(1)
    return put_rounded(z, zo, W0, half, t, root, m, lost, n, precision)
