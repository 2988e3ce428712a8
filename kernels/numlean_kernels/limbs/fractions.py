"""Binary fractions in words, the lowest first, and the test that decides how they are rounded.

A fraction of m words is its words as an integer over 2**(64 * m); a unit is one of the lowest word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean_kernels.limbs.fixed_words import (
    add_words_of,
    negate_words_of,
    subtract_from_words_of,
    subtract_words_of,
)
from numlean_kernels.limbs.fraction_product import MOST_WORDS, put_short_product
from numlean_kernels.limbs.word_literals import ONES, W0, W1, W4, W6, W63
from numlean_kernels.limbs.words import add_multiple, divide_step, reciprocal_of
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.intrinsics import count_leading_zeros

_MOST_WORDS: Final = np.uint64(MOST_WORDS)
_SPARE: Final = np.uint64(20)

_negate_four, _negate_one = negate_words_of(4), negate_words_of(1)

ERROR: Final = np.uint64(1 << 12)
"""The units by which the fractions of functions differ from their values, at most."""


@InlinedRoutine
def put_product(a: Any, ao: Any, b: Any, bo: Any, m: Any, z: Any, zo: Any) -> None:
    """Write the product of two fractions of m words, at most two units too small.

    z has a word more below, at ``zo - 1``. Products of words that count less are left out.
    """
    if m <= _MOST_WORDS:
        put_short_product(a, ao, b, bo, m, z, zo)
        return
    for k in range(m + W1):
        z[zo - W1 + k] = W0
    for i in range(m):
        z[zo + i] = add_multiple(a, ao + m - W1 - i, b[bo + i], z, zo - W1, i + W1)


@InlinedRoutine
def multiply_by(z: Any, zo: Any, x: Any, xo: Any, m: Any, t: Any, to: Any) -> None:
    """Multiply a fraction z by x as :func:`put_product` does; t is memory for m + 1 words.

    z has a word more below, at ``zo - 1``, and so has t.
    """
    if m <= _MOST_WORDS:
        put_product(z, zo, x, xo, m, z, zo)
        return
    put_product(z, zo, x, xo, m, t, to)
    for k in range(m):
        z[zo + k] = t[to + k]


def _in_place(change_of: Callable[[int], Any]) -> Any:
    """Return a routine that changes m words of z by those of x, four at a time."""
    change_four, change_one = change_of(4), change_of(1)

    @InlinedRoutine
    def change(z: Any, zo: Any, x: Any, xo: Any, m: Any) -> Any:
        carry, k = W0, W0
        while k + W4 <= m:
            carry = change_four(z, zo + k, x, xo + k, carry)
            k += W4
        while k < m:
            carry = change_one(z, zo + k, x, xo + k, carry)
            k += W1
        return carry

    return change


add_to: Final = _in_place(add_words_of)
"""``add_to(z, zo, x, xo, m)``: add m words of x to z and return the carry."""

subtract_from: Final = _in_place(subtract_words_of)
"""``subtract_from(z, zo, x, xo, m)``: subtract m words of x from z and return the borrow."""

put_difference: Final = _in_place(subtract_from_words_of)
"""``put_difference(z, zo, x, xo, m)``: replace m words of z by those of x less z, and return the
borrow."""


@InlinedRoutine
def negate(z: Any, zo: Any, m: Any) -> None:
    """Replace m words by their negative modulo 2**(64 * m)."""
    borrow, k = W0, W0
    while k + W4 <= m:
        borrow = _negate_four(z, zo + k, borrow)
        k += W4
    while k < m:
        borrow = _negate_one(z, zo + k, borrow)
        k += W1


@InlinedRoutine
def put_shifted(x: Any, xo: Any, n: Any, shift: Any, z: Any, zo: Any, m: Any) -> None:
    """Write n words of x, as an integer times 2**shift rounded down, to m words of z."""
    words, bits = shift >> np.int64(6), np.uint64(shift & np.int64(63))
    for k in range(m):
        at = np.int64(k) - words
        high = x[xo + np.uint64(at)] if np.int64(0) <= at < np.int64(n) else W0
        at -= np.int64(1)
        low = x[xo + np.uint64(at)] if np.int64(0) <= at < np.int64(n) else W0
        z[zo + k] = high << bits | (low >> W1) >> (W63 - bits)


@InlinedRoutine
def put_half(x: Any, xo: Any, above: Any, z: Any, zo: Any, m: Any) -> None:
    """Write half of m words of x, with a word ``above`` them, to m words of z; z may be x."""
    for k in range(m):
        high = x[xo + k + W1] if k + W1 < m else above
        z[zo + k] = x[xo + k] >> W1 | high << W63


@InlinedRoutine
def put_quotient(t: Any, u: Any, d: Any, q: Any, m: Any) -> None:
    """Write the fraction of m words at d that those at u are of it, below one, to m words at q.

    The top bit at d is set. There are m words below u, and one above its words; u is lost.
    """
    for j in range(m):
        t[u - m + j] = W0
    t[u + m] = W0
    inverse = reciprocal_of(t, d, m)
    for j in range(m):
        t[q + m - W1 - j] = divide_step(t, u - W1 - j, t, d, m, inverse)


@InlinedRoutine
def leading_zeros(x: Any, xo: Any, m: Any) -> Any:
    """Return the number of zero bits above the highest that is set."""
    for k in range(m):
        word = x[xo + m - W1 - k]
        if word != W0:
            return (k << W6) + count_leading_zeros(word)
    return m << W6


@InlinedRoutine
def is_certain(t: Any, to: Any, m: Any, precision: Any, error: Any) -> bool:
    """Return whether all values within ``error`` units of m words round to the same number.

    They do unless the middle of two numbers is among them. ``error`` is below 2**12.
    """
    zeros = leading_zeros(t, to, m)
    bits = (m << W6) - zeros
    if bits < precision + _SPARE:
        return False
    place = bits - precision - W1
    q, b = place >> W6, place & W63
    half = W1 << b
    word = t[to + q] & (half | (half - W1))
    if q == W0:
        return bool(word > half + error or word + error < half)
    above, below = word == half, word == half - W1
    if not (above or below):
        return True
    rest = W0 if above else ONES
    for k in range(W1, q):
        if t[to + k] != rest:
            return True
    lowest = t[to]
    return bool((lowest if above else ~lowest) > error)
