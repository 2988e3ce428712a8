"""The loops of matrix units: operands are read once, then each result is one chain of steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from numlean_kernels.protocol import Loop, Table

STEP: Final = "step"
"""The name of the routine that computes an instruction."""


@cache
def read_operand(side: str) -> Loop:
    """Return the loop that reads encodings x (batch, n, k) of a side, ``left`` or ``right``.

    z (batch, n, 2, p) gets significands and exponents. The p-th of a row is that of k =
    ``places[p]``, or of a zero where that is negative.
    """

    def make(table: Table) -> Callable[..., None]:
        read, zero = table[f"read {side}"], table.zero

        def read_encodings(
            start: int,
            stop: int,
            row_start: int,
            row_stop: int,
            place_start: int,
            place_stop: int,
            x: Any,
            places: Any,
            z: Any,
        ) -> None:
            for m in range(start, stop):
                for i in range(row_start, row_stop):
                    for p in range(place_start, place_stop):
                        k = places[p]
                        sig, exp = read(x[m, i, k] if k >= 0 else zero)
                        z[m, i, 0, p] = sig
                        z[m, i, 1, p] = exp

        return read_encodings

    return Loop(f"matrix_unit read {side}", rank=3, make=make)


@cache
def instructions(instruction: int) -> Loop:
    """Return the loop of products whose instructions take so many k.

    z[m, i, j] is c[m, i, j], then the result of one instruction after the other, from k =
    ``bounds[0]`` to ``bounds[1]``. a (batch, n, 2, k) and b (batch, m, 2, k) are operands as
    ``read_operand`` gives them.
    """
    return Loop(
        f"matrix_unit chains {instruction}", rank=3, make=lambda table: _make(table, instruction)
    )


def _make(table: Table, instruction: int) -> Callable[..., None]:
    step = table[STEP]

    def chains(
        start: int,
        stop: int,
        row_start: int,
        row_stop: int,
        column_start: int,
        column_stop: int,
        a: Any,
        b: Any,
        c: Any,
        bounds: Any,
        z: Any,
    ) -> None:
        first, end = bounds[0], bounds[1]
        for m in range(start, stop):
            for i in range(row_start, row_stop):
                for j in range(column_start, column_stop):
                    acc = c[m, i, j]
                    for k in range(first, end, instruction):
                        acc = step(a, b, m, i, j, k, acc)
                    z[m, i, j] = acc

    return chains
