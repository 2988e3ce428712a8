"""Sums of rows in the fixed orders of :mod:`.reduce`, for targets that compute whole rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean_kernels.loops.reduce import likely_add
from numlean_kernels.protocol import Loop, Table


def _make_ordered_rows(table: Table) -> Callable[..., None]:
    add, zero, eq = table["add"], table.zero, table["eq"]
    likely = likely_add(table) or add

    def sum_rows(start: int, stop: int, x: Any, z: Any) -> None:
        terms, first, end = x.shape[1], np.int64(start), np.int64(stop)
        for i in range(first, end - 3, 4):
            # Four chains of additions, which overlap.
            a, b, c, d = zero, zero, zero, zero
            for k in range(terms):
                a, b = likely(a, x[i, k]), likely(b, x[i + 1, k])
                c, d = likely(c, x[i + 2, k]), likely(d, x[i + 3, k])
            z[i], z[i + 1], z[i + 2], z[i + 3] = a, b, c, d
        for i in range(first + (end - first) // 4 * 4, end):
            a = zero
            for k in range(terms):
                a = likely(a, x[i, k])
            z[i] = a
        for i in range(first, end):
            if not eq(z[i], z[i]):
                a = zero
                for k in range(terms):
                    a = add(a, x[i, k])
                z[i] = a

    return sum_rows


def _make_pairwise_rows(table: Table) -> Callable[..., None]:
    add, eq = table["add"], table["eq"]
    likely = likely_add(table) or add

    def sum_rows(start: int, stop: int, x: Any, work: Any, z: Any) -> None:
        for i in range(np.int64(start), np.int64(stop)):
            kept, row, terms = work[i], x[i], x.shape[1]
            # Two levels at a time; of a last one to three terms, what is there.
            for k in range(terms // 4):
                kept[k] = likely(
                    likely(row[4 * k], row[4 * k + 1]), likely(row[4 * k + 2], row[4 * k + 3])
                )
            width = (terms + 3) // 4
            if terms % 4 > 0:
                last = row[4 * (terms // 4)]
                for k in range(4 * (terms // 4) + 1, terms):
                    last = likely(last, row[k])
                kept[width - 1] = last
            lower, target = kept[:width], width
            while width > 1:
                quads, left = width // 4, width % 4
                upper, first = kept[target : target + quads + 1], 4 * quads
                for k in range(quads):
                    upper[k] = likely(
                        likely(lower[4 * k], lower[4 * k + 1]),
                        likely(lower[4 * k + 2], lower[4 * k + 3]),
                    )
                if left > 0:
                    last = lower[first]
                    if left > 1:
                        last = likely(last, lower[first + 1])
                    if left > 2:
                        last = likely(last, lower[first + 2])
                    upper[quads] = last
                lower, target = upper, (0 if target > 0 else quads + 1)
                width = quads + (left > 0)
            z[i] = lower[0]
            if not eq(z[i], z[i]):
                width = terms
                half = width // 2 + width % 2
                for k in range(width // 2):
                    kept[k] = add(row[2 * k], row[2 * k + 1])
                if width % 2 == 1:
                    kept[half - 1] = row[width - 1]
                width = half
                while width > 1:
                    pairs = width // 2
                    for k in range(pairs):
                        kept[k] = add(kept[2 * k], kept[2 * k + 1])
                    if width % 2 == 1:
                        kept[pairs] = kept[width - 1]
                    width = pairs + width % 2
                z[i] = kept[0]

    return sum_rows


PART: Final = 1 << 15
"""The terms of one part of a long row, a power of two: a whole subtree of the tree of the row."""

LONG: Final = 8 * PART
"""The terms from which a row is summed in parts, by several threads."""


def work_length(terms: int) -> int:
    """Return the cells that ``SUM_PAIRWISE_ROWS`` needs beside each row."""
    return terms // 2 + 2


SUM_ORDERED_ROWS = Loop("sum_ordered of rows", rank=1, make=_make_ordered_rows)
"""z[i]: the same sum over x[i, k], for targets that compute whole rows."""

SUM_PAIRWISE_ROWS = Loop("sum_pairwise of rows", rank=1, make=_make_pairwise_rows, outputs=2)
"""z[i]: the sum over x[i, k] by the tree of ``SUM_PAIRWISE``, for targets that compute whole rows.

The sums of a level are written to one part of ``work``, whose rows have ``work_length(n)`` cells,
and those of the next to the other, so that each level is vector code."""
