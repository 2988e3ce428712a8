"""Quotients and square roots of numbers in limbs, each rounded once."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from numlean_kernels.limbs import layout
from numlean_kernels.limbs.rounding import put_copy, put_rounded, put_special
from numlean_kernels.limbs.words import divide_step, multiply_add, reciprocal
from numlean_kernels.targets.inlined import InlinedRoutine

_0: Final = np.uint64(0)
_1: Final = np.uint64(1)
_2: Final = np.uint64(2)
_6: Final = np.uint64(6)
_63: Final = np.uint64(63)
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_KIND: Final = np.uint64(layout.KIND)
_MINUS: Final = np.uint64(layout.MINUS)
_ZERO: Final = np.uint64(layout.ZERO)
_FINITE: Final = np.uint64(layout.FINITE)
_INFINITE: Final = np.uint64(layout.INFINITE)
_NAN: Final = np.uint64(layout.NAN)
_WORD: Final = 18446744073709551616.0


@InlinedRoutine
def div(x: Any, xo: Any, y: Any, yo: Any, z: Any, zo: Any, n: Any, precision: Any, t: Any) -> Any:
    """Write x / y; a nonzero number over zero is an infinity of its own sign."""
    a, b = x[xo] & _KIND, y[yo] & _KIND
    sign = (x[xo] ^ y[yo]) & _MINUS
    if not (a == b == _FINITE):
        header = sign | _INFINITE
        has_nan = a == _NAN or b == _NAN
        if has_nan or a == b:
            header = _NAN
        elif b == _ZERO:
            header = (x[xo] & _MINUS) | _INFINITE
        elif a == _ZERO or b == _INFINITE:
            header = _ZERO
        put_special(z, zo, n, header)
        return _0
    # The quotient has m or m + 1 words, at least one bit more than the precision.
    m = n + (_1 if precision == n << _6 else _0)
    for k in range(m):
        t[k] = _0
    for k in range(n):
        t[m + k] = x[xo + _2 + k]
    t[m + n] = _0
    quotient = m + n + _1
    inverse = reciprocal(y[yo + _1 + n])
    for k in range(m + _1):
        t[quotient + m - k] = divide_step(t, m - k, y, yo + _2, n, inverse)
    lost = _0
    for k in range(n):
        lost |= t[k]
    exponent = np.int64(x[xo + _1]) - np.int64(y[yo + _1]) + np.int64(64)
    return put_rounded(z, zo, sign, exponent, t, quotient, m + _1, lost, n, precision)


@InlinedRoutine
def root_of_two_words(high: Any, low: Any) -> Any:
    """Return floor(sqrt(high * 2**64 + low)) for high >= 2**62."""
    root = np.uint64(min(math.sqrt(float(high)) * 4294967296.0, 18446744073709549568.0))
    # One step of Newton's method from 53 bits gives all 64, or one more or less.
    below, above = multiply_add(root, root, _0, _0)
    rest = high - above - (_1 if low < below else _0)
    gap = float(np.int64(rest)) * _WORD + float(low - below)
    step = np.int64(gap / (2.0 * float(root)))
    moved = root + np.uint64(step)
    root = _ALL if step >= np.int64(0) and moved < root else moved
    while True:
        below, above = multiply_add(root, root, _0, _0)
        if above > high or (above == high and below > low):
            root -= _1
            continue
        if root == _ALL:
            return root
        below, above = multiply_add(root + _1, root + _1, _0, _0)
        if above > high or (above == high and below > low):
            return root
        root += _1


@InlinedRoutine
def add_words_to(u: Any, at: Any, s: Any, so: Any, k: Any) -> Any:
    """Add k words of s to u, carry into the next word of u, and return what leaves that."""
    carry = _0
    for i in range(k):
        part = s[so + i]
        total = u[at + i] + part
        over = _1 if total < part else _0
        total += carry
        carry = over | (_1 if total < carry else _0)
        u[at + i] = total
    total = u[at + k] + carry
    carry = _1 if total < carry else _0
    u[at + k] = total
    return carry


@InlinedRoutine
def subtract_words_from(u: Any, at: Any, s: Any, so: Any, k: Any) -> None:
    """Subtract k words of s from k + 1 words of u, which are not less."""
    borrow = _0
    for i in range(k):
        word, part = u[at + i], s[so + i]
        rest = word - part
        under = _1 if word < part else _0
        u[at + i] = rest - borrow
        borrow = under | (_1 if rest < borrow else _0)
    u[at + k] -= borrow


@InlinedRoutine
def is_at_least(u: Any, at: Any, s: Any, so: Any, k: Any) -> bool:
    """Return whether k + 1 words of u are not less than k words of s."""
    if u[at + k] != _0:
        return True
    for i in range(k):
        a, b = u[at + k - _1 - i], s[so + k - _1 - i]
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
    top = m + m - _1
    first = root_of_two_words(u[top], u[top - _1])
    s[so + m - _1] = first
    below, above = multiply_add(first, first, _0, _0)
    borrow = _1 if u[top - _1] < below else _0
    u[top - _1] -= below
    u[top] -= above + borrow
    u[top + _1] = _0
    inverse = reciprocal(first)
    for k in range(_1, m):
        root, at = so + m - k, m + m - k - k  # k words of root; the remainder has k + 1
        extra = _0
        while is_at_least(u, at, s, root, k):
            subtract_words_from(u, at, s, root, k)
            extra += _1
        # The remainder times 2**64 and the next word, divided by the root: extra * 2**64 + digit.
        digit = divide_step(u, at - _1, s, root, k, inverse)
        u[at + k] = _0
        if extra >= _2:
            times, word = digit + _2, _ALL
        else:
            times, word = digit & _1, extra << _63 | digit >> _1
        for _ in range(times):
            add_words_to(u, at - _1, s, root, k)
        # Append one more word and subtract the square of the digit.
        below, above = multiply_add(word, word, _0, _0)
        s[root - _1] = word
        at -= _2
        rest = u[at]
        borrow = _1 if rest < below else _0
        u[at] = rest - below
        rest = u[at + _1]
        under = _1 if rest < above else _0
        rest -= above
        u[at + _1] = rest - borrow
        borrow = under | (_1 if rest < borrow else _0)
        for i in range(k):
            rest = u[at + _2 + i]
            u[at + _2 + i] = rest - borrow
            borrow = _1 if rest < borrow else _0
        while borrow != _0:
            # One less: the remainder grows by twice the new root and one.
            s[root - _1] -= _1
            carry = add_words_to(u, at, s, root - _1, k + _1)
            carry |= add_words_to(u, at, s, root - _1, k + _1)
            i = at
            u[i] += _1
            while u[i] == _0 and i < at + k + _1:
                i += _1
                u[i] += _1
            carry |= _1 if u[i] == _0 else _0
            borrow -= carry


@InlinedRoutine
def sqrt(x: Any, xo: Any, z: Any, zo: Any, n: Any, precision: Any, t: Any) -> Any:
    """Write the square root; of a negative number a NaN."""
    header = x[xo]
    kind = header & _KIND
    if kind != _ZERO and header & _MINUS != _0:
        put_special(z, zo, n, _NAN)
        return _0
    if kind != _FINITE:
        put_copy(x, xo, z, zo, n, _0)
        return _0
    m = n + (_1 if precision == n << _6 else _0)
    exponent = np.int64(x[xo + _1])
    odd = np.uint64(exponent & np.int64(1))
    for k in range(m + m + _1):
        t[k] = _0
    carry, lowest = _0, m + m - n
    for k in range(n):
        word = x[xo + _1 + n - k]
        t[m + m - _1 - k] = word >> odd | carry
        carry = (word << _63) if odd != _0 else _0
    t[lowest - _1] = carry
    root = m + m + _1
    square_root(t, t, root, m)
    lost = _0
    for k in range(m + _1):
        lost |= t[k]
    half = (exponent + np.int64(odd)) >> np.int64(1)
    return put_rounded(z, zo, _0, half, t, root, m, lost, n, precision)
