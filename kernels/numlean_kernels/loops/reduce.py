"""Reductions along the middle axis of an array of shape (outer, n, inner), in a fixed order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numlean_kernels.protocol import Loop, Routine, Table, usual_case_of


def _likely(table: Table) -> Routine | None:
    """Return an addition that gives what ``add`` gives, but any NaN for a NaN, or None.

    A sum without a NaN had none on the way.
    """
    case = usual_case_of(table["add"])
    return None if case is None else case.routine


def _make_ordered(table: Table) -> Callable[..., None]:
    add, zero = table["add"], table.zero

    def sum_ordered(
        outer_start: int, outer_stop: int, inner_start: int, inner_stop: int, x: Any, z: Any
    ) -> None:
        for i in range(outer_start, outer_stop):
            for j in range(inner_start, inner_stop):
                z[i, j] = zero
            for k in range(x.shape[1]):
                for j in range(inner_start, inner_stop):
                    z[i, j] = add(z[i, j], x[i, k, j])

    likely = _likely(table)
    if likely is None:
        return sum_ordered
    eq = table["eq"]

    def sum_likely(
        outer_start: int, outer_stop: int, inner_start: int, inner_stop: int, x: Any, z: Any
    ) -> None:
        for i in range(outer_start, outer_stop):
            for j in range(inner_start, inner_stop):
                z[i, j] = zero
            for k in range(x.shape[1]):
                for j in range(inner_start, inner_stop):
                    z[i, j] = likely(z[i, j], x[i, k, j])
            for j in range(inner_start, inner_stop):
                if not eq(z[i, j], z[i, j]):
                    total = zero
                    for k in range(x.shape[1]):
                        total = add(total, x[i, k, j])
                    z[i, j] = total

    return sum_likely


def _make_ordered_rows(table: Table) -> Callable[..., None]:
    add, zero, eq = table["add"], table.zero, table["eq"]
    likely = _likely(table) or add

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
    likely = _likely(table) or add

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


def _make_pairwise(table: Table) -> Callable[..., None]:
    add = table["add"]

    def sum_pairwise(
        outer_start: int, outer_stop: int, inner_start: int, inner_stop: int, work: Any
    ) -> None:
        for i in range(outer_start, outer_stop):
            width = work.shape[1]
            while width > 1:
                pairs = width // 2
                for k in range(pairs):
                    for j in range(inner_start, inner_stop):
                        work[i, k, j] = add(work[i, 2 * k, j], work[i, 2 * k + 1, j])
                if width % 2 == 1:
                    for j in range(inner_start, inner_stop):
                        work[i, pairs, j] = work[i, width - 1, j]
                width = pairs + width % 2

    return sum_pairwise


def work_length(terms: int) -> int:
    """Return the cells that ``SUM_PAIRWISE_ROWS`` needs beside each row."""
    return terms // 2 + 2


def _make_max(table: Table) -> Callable[..., None]:
    maximum = table["maximum"]

    def max_along_axis(
        outer_start: int, outer_stop: int, inner_start: int, inner_stop: int, x: Any, z: Any
    ) -> None:
        for i in range(outer_start, outer_stop):
            for j in range(inner_start, inner_stop):
                z[i, j] = x[i, 0, j]
            for k in range(1, x.shape[1]):
                for j in range(inner_start, inner_stop):
                    z[i, j] = maximum(z[i, j], x[i, k, j])

    return max_along_axis


def _make_argmax(table: Table) -> Callable[..., None]:
    if table.get("is_nan") is not None:
        return _make_argmax_of_ordered_nans(table)
    lt, eq = table["lt"], table["eq"]

    def argmax(
        outer_start: int, outer_stop: int, inner_start: int, inner_stop: int, x: Any, z: Any
    ) -> None:
        for i in range(outer_start, outer_stop):
            for j in range(inner_start, inner_stop):
                z[i, j] = 0
            for k in range(1, x.shape[1]):
                for j in range(inner_start, inner_stop):
                    best, other = x[i, z[i, j], j], x[i, k, j]
                    is_first_nan = eq(best, best) and not eq(other, other)
                    z[i, j] = k if lt(best, other) or is_first_nan else z[i, j]

    return argmax


def _make_argmax_of_ordered_nans(table: Table) -> Callable[..., None]:
    """Return the kernel for an arithmetic whose NaN equals itself."""
    lt, is_nan = table["lt"], table["is_nan"]

    def argmax(
        outer_start: int, outer_stop: int, inner_start: int, inner_stop: int, x: Any, z: Any
    ) -> None:
        for i in range(outer_start, outer_stop):
            for j in range(inner_start, inner_stop):
                z[i, j] = 0
            for k in range(1, x.shape[1]):
                for j in range(inner_start, inner_stop):
                    best, other = x[i, z[i, j], j], x[i, k, j]
                    is_greater = lt(best, other) or is_nan(other)
                    z[i, j] = k if is_greater and not is_nan(best) else z[i, j]

    return argmax


SUM_ORDERED = Loop("sum_ordered", rank=2, make=_make_ordered)
"""z[i, j]: acc = +0, then acc = acc + x[i, k, j] for ascending k."""

SUM_ORDERED_ROWS = Loop("sum_ordered of rows", rank=1, make=_make_ordered_rows)
"""z[i]: the same sum over x[i, k], for targets that compute whole rows."""

SUM_PAIRWISE_ROWS = Loop("sum_pairwise of rows", rank=1, make=_make_pairwise_rows, outputs=2)
"""z[i]: the sum over x[i, k] by the tree of ``SUM_PAIRWISE``, for targets that compute whole rows.

The sums of a level are written to one part of ``work``, whose rows have ``work_length(n)`` cells,
and those of the next to the other, so that each level is vector code."""

SUM_PAIRWISE = Loop("sum_pairwise", rank=2, make=_make_pairwise)
"""work[i, 0, j] becomes the sum over k by the balanced binary tree that splits an index range at
the largest power of two below its length; the rest of ``work`` is overwritten. Merging neighbours
level by level, with an odd last one kept, builds exactly that tree."""

MAX = Loop("max", rank=2, make=_make_max)
"""z[i, j]: acc = x[i, 0, j], then acc = maximum(acc, x[i, k, j]) for ascending k."""

ARGMAX = Loop("argmax", rank=2, make=_make_argmax)
"""z[i, j]: the smallest k whose x[i, k, j] is not less than any other; that of the first NaN, if
any."""
