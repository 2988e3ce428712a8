"""The loops of matrix units: operands are read once, then each result is one chain of steps.

**Arrays.** Operands have two numbers each, as ``make_reader`` reads them: those of the left matrix
are ``a_sig`` and ``a_exp`` (batch, n, p), those of the right one ``b_sig`` and ``b_exp`` (batch, p,
m). A chain takes the p from ``bounds[0]`` to ``bounds[1]`` and starts from c (batch, n, m).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np

from numlean_kernels.matrix_units.rule import BlockFma, Rule
from numlean_kernels.matrix_units.terms import IS_SPECIAL
from numlean_kernels.protocol import Loop, Table

STEP: Final = "step"
"""The name of the routine that computes an instruction of a rule other than a block FMA."""


def _make_read_left(table: Table) -> Callable[..., None]:
    read, zero = table["read left"], table.zero

    def read_left(
        start: int,
        stop: int,
        row_start: int,
        row_stop: int,
        place_start: int,
        place_stop: int,
        x: Any,
        places: Any,
        sig: Any,
        exp: Any,
    ) -> None:
        for m in range(start, stop):
            for i in range(row_start, row_stop):
                for p in range(place_start, place_stop):
                    k = places[p]
                    sig[m, i, p], exp[m, i, p] = read(x[m, i, k] if k >= 0 else zero)

    return read_left


def _make_read_right(table: Table) -> Callable[..., None]:
    read, zero = table["read right"], table.zero

    def read_right(
        start: int,
        stop: int,
        place_start: int,
        place_stop: int,
        column_start: int,
        column_stop: int,
        x: Any,
        places: Any,
        sig: Any,
        exp: Any,
    ) -> None:
        for m in range(start, stop):
            for p in range(place_start, place_stop):
                k = places[p]
                for j in range(column_start, column_stop):
                    sig[m, p, j], exp[m, p, j] = read(x[m, k, j] if k >= 0 else zero)

    return read_right


READ_LEFT: Final = Loop("matrix_unit read left", rank=3, make=_make_read_left, outputs=2)
"""sig, exp (batch, n, p) of encodings x (batch, n, k): the p-th is that of k = places[p].

It is that of a zero where places[p] is negative.
"""

READ_RIGHT: Final = Loop("matrix_unit read right", rank=3, make=_make_read_right, outputs=2)
"""sig, exp (batch, p, m) of encodings x (batch, k, m), as ``READ_LEFT``."""


@cache
def scaled_left(size: int) -> Loop:
    """Return ``READ_LEFT`` of operands with a scale (batch, n, blocks) for each ``size`` k.

    The scales come after ``places``.
    """

    def make(table: Table) -> Callable[..., None]:
        read, zero = table["read left"], table.zero

        def read_left(
            start: int,
            stop: int,
            row_start: int,
            row_stop: int,
            place_start: int,
            place_stop: int,
            x: Any,
            places: Any,
            scales: Any,
            sig: Any,
            exp: Any,
        ) -> None:
            for m in range(start, stop):
                for i in range(row_start, row_stop):
                    for p in range(place_start, place_stop):
                        k = places[p]
                        if k >= 0:
                            sig[m, i, p], exp[m, i, p] = read(x[m, i, k], scales[m, i, k // size])
                        else:
                            sig[m, i, p], exp[m, i, p] = read(zero, zero)

        return read_left

    return Loop(f"matrix_unit read left, scales of {size}", rank=3, make=make, outputs=2)


@cache
def scaled_right(size: int) -> Loop:
    """Return ``READ_RIGHT`` of operands with a scale (batch, blocks, m) for each ``size`` k."""

    def make(table: Table) -> Callable[..., None]:
        read, zero = table["read right"], table.zero

        def read_right(
            start: int,
            stop: int,
            place_start: int,
            place_stop: int,
            column_start: int,
            column_stop: int,
            x: Any,
            places: Any,
            scales: Any,
            sig: Any,
            exp: Any,
        ) -> None:
            for m in range(start, stop):
                for p in range(place_start, place_stop):
                    k = places[p]
                    for j in range(column_start, column_stop):
                        if k >= 0:
                            sig[m, p, j], exp[m, p, j] = read(x[m, k, j], scales[m, k // size, j])
                        else:
                            sig[m, p, j], exp[m, p, j] = read(zero, zero)

        return read_right

    return Loop(f"matrix_unit read right, scales of {size}", rank=3, make=make, outputs=2)


@cache
def chains(rule: Rule) -> Loop:
    """Return the loop z[m, i, j] = c[m, i, j], then one instruction after the other.

    Its arrays are a_sig, a_exp, b_sig, b_exp, c, bounds and z. For a block FMA, the size of a group
    and that of an instruction follow in ``bounds``, and work arrays of z's size come before z:
    ``top`` of int32, ``total`` of int64 and ``acc`` like z.
    """
    if isinstance(rule, BlockFma):
        return Loop("matrix_unit block", rank=3, make=lambda t: _make_block(t, rule), outputs=4)
    size = rule.instruction
    return Loop(f"matrix_unit steps of {size}", rank=3, make=lambda t: _make_steps(t, size))


def _make_block(table: Table, rule: BlockFma) -> Callable[..., None]:
    """Return the kernel of a block FMA: e*, sum and result of a row of cells at a time.

    So the inner loops are vector code.
    """
    least, greater, first_term = table["least"], table["greater"], table["align c"]
    align, result, special, add = table["align"], table["result"], table["special"], table["add"]
    adds_last, zero = rule.adds_last, table.zero

    def block(
        start: int,
        stop: int,
        row_start: int,
        row_stop: int,
        column_start: int,
        column_stop: int,
        a_sig: Any,
        a_exp: Any,
        b_sig: Any,
        b_exp: Any,
        c: Any,
        bounds: Any,
        top: Any,
        total: Any,
        acc: Any,
        z: Any,
    ) -> None:
        first, end = np.uint64(bounds[0]), np.uint64(bounds[1])
        # LLVM would unroll loops of known lengths, and then not make vector code of those inside.
        group, instruction = np.uint64(bounds[2]), np.uint64(bounds[3])
        for m in range(start, stop):
            for i in range(row_start, row_stop):
                for j in range(column_start, column_stop):
                    z[m, i, j] = c[m, i, j]
                for p in range(first, end, instruction):
                    if adds_last:
                        for j in range(column_start, column_stop):
                            acc[m, i, j] = z[m, i, j]
                            z[m, i, j] = zero
                    for q in range(p, p + instruction, group):
                        for j in range(column_start, column_stop):
                            top[m, i, j] = least(z[m, i, j])
                        for t in range(q, q + group):
                            exp = a_exp[m, i, t]
                            for j in range(column_start, column_stop):
                                top[m, i, j] = greater(top[m, i, j], exp, b_exp[m, t, j])
                        for j in range(column_start, column_stop):
                            total[m, i, j] = first_term(z[m, i, j], top[m, i, j])
                        for t in range(q, q + group):
                            sig, exp = a_sig[m, i, t], a_exp[m, i, t]
                            for j in range(column_start, column_stop):
                                total[m, i, j] += align(
                                    sig, b_sig[m, t, j], exp, b_exp[m, t, j], top[m, i, j]
                                )
                        for j in range(column_start, column_stop):
                            if top[m, i, j] >= IS_SPECIAL:
                                total[m, i, j] = special(
                                    a_sig, a_exp, b_sig, b_exp, m, i, j, q, q + group, z[m, i, j]
                                )
                        for j in range(column_start, column_stop):
                            z[m, i, j] = result(total[m, i, j], top[m, i, j])
                    if adds_last:
                        for j in range(column_start, column_stop):
                            z[m, i, j] = add(z[m, i, j], acc[m, i, j])

    return block


def _make_steps(table: Table, size: int) -> Callable[..., None]:
    """Return the kernel of any rule: one cell after the other."""
    step, instruction = table[STEP], np.uint64(size)

    def steps(
        start: int,
        stop: int,
        row_start: int,
        row_stop: int,
        column_start: int,
        column_stop: int,
        a_sig: Any,
        a_exp: Any,
        b_sig: Any,
        b_exp: Any,
        c: Any,
        bounds: Any,
        z: Any,
    ) -> None:
        first, end = np.uint64(bounds[0]), np.uint64(bounds[1])
        for m in range(start, stop):
            for i in range(row_start, row_stop):
                for j in range(column_start, column_stop):
                    acc = c[m, i, j]
                    for p in range(first, end, instruction):
                        acc = step(a_sig, a_exp, b_sig, b_exp, m, i, j, p, acc)
                    z[m, i, j] = acc

    return steps
