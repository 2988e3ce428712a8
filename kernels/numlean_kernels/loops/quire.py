"""Arrays of quires: products added exactly, and the sums rounded to posits.

A quire is a row of an array (quires, ``QuireFormat.words``) of int64: words of 32 bits, the least
significant first, of which the last is signed. Next to it is a byte that is 1 if it is NaR.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from numlean_kernels.ieee.exact_sums import NAN, ROUND, WORD
from numlean_kernels.protocol import Loop, Table
from numlean_kernels.tapered.sums import QuireFormat


@cache
def accumulate(quire: QuireFormat) -> Loop:
    """Return the loop work[o] += sum over k of a[m, i, k] * b[m, j, k].

    Its arrays are codes a (batch, n, k) and b (batch, m, k), and the quires: the bytes ``nar`` and
    ``work``; o counts (m, i, j) in C order. A quire whose new value is out of range becomes NaR.
    """

    def make(table: Table) -> Callable[..., None]:
        return _make_accumulate(table, quire)

    return Loop(f"quire accumulate {quire.posit.key}", rank=1, make=make, outputs=2)


def _make_accumulate(table: Table, quire: QuireFormat) -> Callable[..., None]:
    product, words, last, top_bits = (
        table[quire.sum.product],
        quire.words,
        quire.words - 1,
        np.int64(quire.top_bits),
    )
    mask, half, zero = np.int64((1 << WORD) - 1), np.int64(WORD), np.int64(0)
    below_sign, minus_one = np.int64((1 << quire.top_bits) - 1), np.int64(-1)

    def accumulate_products(start: int, stop: int, a: Any, b: Any, nar: Any, work: Any) -> None:
        rows, columns = np.int64(a.shape[1]), np.int64(b.shape[1])
        for o in range(np.int64(start), np.int64(stop)):
            row, j = o // columns, o % columns
            m, i = row // rows, row % rows
            kinds = 0
            for k in range(a.shape[2]):
                kind, negative, q, x0, x1, x2, _, _ = product(a[m, i, k], b[m, j, k])
                kinds |= kind
                work[o, q] += -x0 if negative else x0
                work[o, q + 1] += -x1 if negative else x1
                work[o, q + 2] += -x2 if negative else x2
            carry, rest = zero, zero
            for w in range(last):
                total = work[o, w] + carry
                work[o, w] = total & mask
                carry = total >> half
                rest = rest | work[o, w]
            top = work[o, words - 1] + carry
            work[o, words - 1] = top
            sign = top >> top_bits
            is_least = (sign == minus_one) & ((top & below_sign) == zero) & (rest == zero)
            is_beyond = (sign != zero) & (sign != minus_one)
            nar[o] = 1 if (nar[o] != 0) | (kinds != 0) | is_beyond | is_least else 0

    return accumulate_products


@cache
def round_quires(quire: QuireFormat) -> Loop:
    """Return the loop z[o] = the sum of a quire, rounded once; NaR for NaR.

    Its arrays are the quires, ``nar`` and ``work``, and the codes z.
    """

    def make(table: Table) -> Callable[..., None]:
        return _make_round(table, quire)

    return Loop(f"quire round {quire.posit.key}", rank=1, make=make)


def _make_round(table: Table, quire: QuireFormat) -> Callable[..., None]:
    round_sum, words, base, bits = table[f"flagged {ROUND}"], quire.words, quire.sum.base, WORD
    mask, half, zero, one = np.int64((1 << WORD) - 1), np.int64(WORD), np.int64(0), np.int64(1)

    def round_all(start: int, stop: int, nar: Any, work: Any, z: Any) -> None:
        for o in range(np.int64(start), np.int64(stop)):
            is_negative = work[o, words - 1] < 0
            flip, carry = (mask, one) if is_negative else (zero, zero)
            top, part2, part1, part0, sticky = 0, zero, zero, zero, False
            x1, x0, lost = zero, zero, False  # the last two words, and whether one before is not 0
            for w in range(words):
                total = ((work[o, w] & mask) ^ flip) + carry
                x = total & mask
                carry = total >> half
                is_top = x != zero
                top = w if is_top else top
                part2, part1, part0 = (x, x1, x0) if is_top else (part2, part1, part0)
                sticky = lost if is_top else sticky
                lost = lost | (x0 != zero)
                x1, x0 = x, x1
            kinds = NAN if nar[o] != 0 else 0
            z[o], _ = round_sum(kinds, is_negative, base + bits * top, part2, part1, part0, sticky)

    return round_all
