"""Products of batches of matrices as exact sums, each rounded once: no order is visible."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

import numpy as np

from numlean_kernels.ieee.exact_sums import ROUND, WORD
from numlean_kernels.protocol import Loop, Table


class SumShape(Protocol):
    """The words of a sum and the routines of its terms; see ``ExactSum`` and ``TaperedSum``."""

    def __hash__(self) -> int: ...
    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def product(self) -> str: ...  # noqa: D102
    @property
    def term(self) -> str: ...  # noqa: D102
    @property
    def addend(self) -> object | None: ...  # noqa: D102
    @property
    def base(self) -> int: ...  # noqa: D102
    @property
    def words(self) -> int: ...  # noqa: D102
    @property
    def is_wide(self) -> bool: ...  # noqa: D102
    @property
    def keeps_flags(self) -> bool: ...  # noqa: D102


@cache
def exact_product(shape: SumShape, *, is_stochastic: bool = False) -> Loop:
    """Return the loop z[o] = round(sum over k of a[m, i, k] * b[m, j, k], plus c[o]).

    Its arrays are encodings a (batch, n, k) and b (batch, m, k), the addends c and the words
    ``random_bits``, of z's size where they are used and else of any, a work array (workers,
    ``shape.words``), the flags ``raised`` and z; o counts (m, i, j) in C order. The domain is the
    workers: each computes every so manieth element, in its own row of the work array.
    """

    def make(table: Table) -> Callable[..., None]:
        return _make(table, shape, is_stochastic)

    name = f"exact_product {shape.key}{' stochastic' if is_stochastic else ''}"
    return Loop(name, rank=1, make=make, outputs=3)


def _make(table: Table, shape: SumShape, is_stochastic: bool) -> Callable[..., None]:
    product, round_sum = table[shape.product], table[f"flagged {ROUND}"]
    has_addend, is_wide = shape.addend is not None, shape.is_wide
    # numba removes the branches that constants exclude.
    addend: Any = table[shape.term] if has_addend else None
    words, bits, base = shape.words, WORD, shape.base
    mask, half, zero, one = np.int64((1 << WORD) - 1), np.int64(WORD), np.int64(0), np.int64(1)

    def exact_products(
        start: int,
        stop: int,
        a: Any,
        b: Any,
        c: Any,
        random_bits: Any,
        work: Any,
        raised: Any,
        z: Any,
    ) -> None:
        workers, count = np.int64(work.shape[0]), np.int64(z.shape[0])
        rows, columns = np.int64(a.shape[1]), np.int64(b.shape[1])
        for p in range(np.int64(start), np.int64(stop)):
            for o in range(p, count, workers):
                row, j = o // columns, o % columns
                m, i = row // rows, row % rows
                for w in range(words):
                    work[p, w] = zero
                kinds = 0
                for k in range(a.shape[2]):
                    kind, negative, q, x0, x1, x2, x3, x4 = product(a[m, i, k], b[m, j, k])
                    kinds |= kind
                    work[p, q] += -x0 if negative else x0
                    work[p, q + 1] += -x1 if negative else x1
                    work[p, q + 2] += -x2 if negative else x2
                    if is_wide:
                        work[p, q + 3] += -x3 if negative else x3
                        work[p, q + 4] += -x4 if negative else x4
                if has_addend:
                    kind, negative, q, x0, x1, x2 = addend(c[o])
                    kinds |= kind
                    work[p, q] += -x0 if negative else x0
                    work[p, q + 1] += -x1 if negative else x1
                    work[p, q + 2] += -x2 if negative else x2
                carry = zero
                for w in range(words):
                    total = work[p, w] + carry
                    work[p, w] = total & mask
                    carry = total >> half
                is_negative = carry < 0
                flip, carry = (mask, one) if is_negative else (zero, zero)
                top = 0
                for w in range(words):
                    total = (work[p, w] ^ flip) + carry
                    work[p, w] = total & mask
                    carry = total >> half
                    top = w if work[p, w] != 0 else top
                sticky = False
                for w in range(top - 2):
                    sticky = sticky | (work[p, w] != 0)
                x1 = work[p, top - 1] if top > 0 else zero
                x0 = work[p, top - 2] if top > 1 else zero
                exponent = base + bits * top
                if is_stochastic:
                    z[o], raised[o] = round_sum(
                        kinds, is_negative, exponent, work[p, top], x1, x0, sticky, random_bits[o]
                    )
                else:
                    z[o], raised[o] = round_sum(
                        kinds, is_negative, exponent, work[p, top], x1, x0, sticky
                    )

    return exact_products
