"""Loops that move elements between indices: copies, selections, gathering and scattering.

Elements have loops of their own next to those of rows: with rows of one element the inner loop of
the latter would cost two to three times as much.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from numlean_kernels.protocol import Loop, Table


def _make_take(table: Table) -> Callable[..., None]:
    zero = table.zero

    def take(start: int, stop: int, x: Any, index: Any, z: Any) -> None:
        for i in range(start, stop):
            k = index[i]
            z[i] = x[k] if k >= 0 else zero

    return take


def _make_take_rows(table: Table) -> Callable[..., None]:
    zero = table.zero

    def take_rows(
        start: int, stop: int, column_start: int, column_stop: int, x: Any, index: Any, z: Any
    ) -> None:
        for i in range(start, stop):
            k = index[i]
            for j in range(column_start, column_stop):
                z[i, j] = x[k, j] if k >= 0 else zero

    return take_rows


def _make_where(table: Table) -> Callable[..., None]:
    zero = table.zero

    def where(start: int, stop: int, condition: Any, x: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i] = x[i] if condition[i] else zero

    return where


def _make_choose(table: Table) -> Callable[..., None]:
    def choose(start: int, stop: int, condition: Any, x: Any, y: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i] = x[i] if condition[i] else y[i]

    return choose


def _make_scatter_add(table: Table) -> Callable[..., None]:
    add, zero = table["add"], table.zero

    def scatter_add(start: int, stop: int, x: Any, starts: Any, sources: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i] = zero
            for k in range(starts[i], starts[i + 1]):
                z[i] = add(z[i], x[sources[k]])

    return scatter_add


def _make_scatter_add_rows(table: Table, *, is_stochastic: bool) -> Callable[..., None]:
    add, zero = table["add"], table.zero

    def scatter_add_rows(
        start: int,
        stop: int,
        column_start: int,
        column_stop: int,
        x: Any,
        starts: Any,
        sources: Any,
        *random_bits_and_z: Any,
    ) -> None:
        random_bits, z = random_bits_and_z[0], random_bits_and_z[-1]
        for i in range(start, stop):
            for j in range(column_start, column_stop):
                z[i, j] = zero
            for k in range(starts[i], starts[i + 1]):
                s = sources[k]
                for j in range(column_start, column_stop):
                    # numba removes the branch that a constant excludes.
                    if is_stochastic:
                        z[i, j] = add(z[i, j], x[s, j], random_bits[s, j])
                    else:
                        z[i, j] = add(z[i, j], x[s, j])

    return scatter_add_rows


def _make_take_along_axis(table: Table) -> Callable[..., None]:
    zero = table.zero

    def take_along_axis(
        outer_start: int,
        outer_stop: int,
        inner_start: int,
        inner_stop: int,
        x: Any,
        index: Any,
        z: Any,
    ) -> None:
        for i in range(outer_start, outer_stop):
            for j in range(inner_start, inner_stop):
                k = index[i, j]
                z[i, j] = x[i, k, j] if k >= 0 else zero

    return take_along_axis


def _make_scatter_along_axis(table: Table) -> Callable[..., None]:
    zero = table.zero

    def scatter_along_axis(
        outer_start: int,
        outer_stop: int,
        start: int,
        stop: int,
        inner_start: int,
        inner_stop: int,
        x: Any,
        index: Any,
        z: Any,
    ) -> None:
        for i in range(outer_start, outer_stop):
            for k in range(start, stop):
                # The type of the index: numba compares signed and unsigned integers as floats.
                here = np.int64(k)
                for j in range(inner_start, inner_stop):
                    z[i, k, j] = x[i, j] if index[i, j] == here else zero

    return scatter_along_axis


def _make_copy(table: Table) -> Callable[..., None]:
    def copy(
        a_start: int,
        a_stop: int,
        b_start: int,
        b_stop: int,
        c_start: int,
        c_stop: int,
        d_start: int,
        d_stop: int,
        x: Any,
        z: Any,
    ) -> None:
        for a in range(a_start, a_stop):
            for b in range(b_start, b_stop):
                for c in range(c_start, c_stop):
                    for d in range(d_start, d_stop):
                        z[a, b, c, d] = x[a, b, c, d]

    return copy


def _make_group(table: Table) -> Callable[..., None]:
    def group(start: int, stop: int, index: Any, starts: Any, sources: Any) -> None:
        for _ in range(start, stop):
            cells = starts.shape[0] - 1
            for i in range(cells + 1):
                starts[i] = 0
            for k in range(index.shape[0]):
                if index[k] >= 0:
                    starts[index[k] + 1] += 1
            for i in range(cells):
                starts[i + 1] += starts[i]
            # The start of each cell advances to its end, which is the start of the next.
            for k in range(index.shape[0]):
                if index[k] >= 0:
                    sources[starts[index[k]]] = k
                    starts[index[k]] += 1
            for i in range(cells, 0, -1):
                starts[i] = starts[i - 1]
            starts[0] = 0

    return group


TAKE: Final = Loop("take", rank=1, make=_make_take)
"""z[i] = x[index[i]], or +0 where the index is negative."""

TAKE_ROWS: Final = Loop("take_rows", rank=2, make=_make_take_rows)
"""z[i, j] = x[index[i], j], or +0 where the index is negative."""

WHERE: Final = Loop("where", rank=1, make=_make_where, is_elementwise=True)
"""z[i] = x[i] where condition[i], else +0."""

CHOOSE: Final = Loop("choose", rank=1, make=_make_choose, is_elementwise=True)
"""z[i] = x[i] where condition[i], else y[i]."""

COPY: Final = Loop("copy", rank=4, make=_make_copy)
"""z[a, b, c, d] = x[a, b, c, d], both with any strides."""

GROUP: Final = Loop("group", rank=1, make=_make_group, outputs=2)
"""The positions of each cell in an index: sources[starts[i]] ... are the k with index[k] = i,
ascending.

A counting sort; its domain is (1,).
"""

SCATTER_ADD: Final = Loop("scatter_add", rank=1, make=_make_scatter_add)
"""z[i]: acc = +0, then acc = acc + x[sources[k]] for ascending k in starts[i] ... starts[i+1]."""

SCATTER_ADD_ROWS: Final = Loop(
    "scatter_add_rows", rank=2, make=partial(_make_scatter_add_rows, is_stochastic=False)
)
"""z[i, j]: acc = +0, then acc = acc + x[sources[k], j] for the same k as in ``SCATTER_ADD``."""

SCATTER_ADD_STOCHASTIC: Final = Loop(
    "scatter_add_stochastic", rank=2, make=partial(_make_scatter_add_rows, is_stochastic=True)
)
"""``SCATTER_ADD_ROWS`` with a word of random bits for each element of x, given after ``sources``.
"""

TAKE_ALONG_AXIS: Final = Loop("take_along_axis", rank=2, make=_make_take_along_axis)
"""z[i, j] = x[i, index[i, j], j], or +0 where the index is negative."""

SCATTER_ALONG_AXIS: Final = Loop("scatter_along_axis", rank=3, make=_make_scatter_along_axis)
"""z[i, k, j] = x[i, j] where index[i, j] = k, else +0."""
