"""Reductions along the middle axis of an array of shape (outer, n, inner), in a fixed order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numlean_kernels.protocol import Loop, Routine, Table, usual_case_of


def likely_add(table: Table) -> Routine | None:
    """Return an addition that gives what ``add`` gives, but any NaN for a NaN, or None.

    A sum without a NaN had none on the way.
    """
    case = usual_case_of(table["add"])
    return case.routine if case is not None and case.makes_nans else None


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

    likely = likely_add(table)
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

SUM_PAIRWISE = Loop("sum_pairwise", rank=2, make=_make_pairwise)
"""work[i, 0, j] becomes the sum over k by the balanced binary tree that splits an index range at
the largest power of two below its length; the rest of ``work`` is overwritten. Merging neighbours
level by level, with an odd last one kept, builds exactly that tree."""

MAX = Loop("max", rank=2, make=_make_max)
"""z[i, j]: acc = x[i, 0, j], then acc = maximum(acc, x[i, k, j]) for ascending k."""

ARGMAX = Loop("argmax", rank=2, make=_make_argmax)
"""z[i, j]: the smallest k whose x[i, k, j] is not less than any other; that of the first NaN, if
any."""
