"""Kernels on arrays of numbers of a fixed number of limbs, compiled when they are first needed.

Arrays are given as in :mod:`.kernels`, and so are results.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from numlean_kernels.limbs import layout
from numlean_kernels.limbs.compiled import compiled_as
from numlean_kernels.limbs.fixed_arithmetic import make_add, make_mul
from numlean_kernels.limbs.rounding import put_special
from numlean_kernels.limbs.word_literals import MINUS, W0, W1, W8, ZERO
from numlean_kernels.limbs.words import words_at

ADD, SUB, MUL = 0, 1, 2
_ADD, _MUL = np.int64(ADD), np.int64(MUL)


@cache
def add_sub_mul(limbs: int) -> Any:
    """Return the kernel of sums, differences and products of numbers of so many limbs."""
    n, step = np.uint64(limbs), np.uint64(limbs + layout.HEAD)
    sums = np.uint64(2 * limbs + 4)
    add, mul = make_add(limbs), make_mul(limbs)

    def run(
        name: Any, count: Any, x: Any, dx: Any, y: Any, dy: Any, z: Any, precision: Any, t: Any
    ) -> Any:
        """Write z[i] = x[i] + y[i], - or *; dx and dy are the words between operands."""
        x, y, z = words_at(x), words_at(y), words_at(z)
        work, t = words_at(t + W8 * sums), words_at(t)
        beyond = W0
        for k in range(n + W1):
            t[k] = W0
        if name == _MUL:
            for i in range(count):
                beyond |= mul(x, i * dx, y, i * dy, z, i * step, precision, work)
        else:
            flip = W0 if name == _ADD else MINUS
            for i in range(count):
                beyond |= add(x, i * dx, y, i * dy, flip, z, i * step, precision, t, work)
        return beyond

    return compiled_as(run, f"add_sub_mul {limbs}")


@cache
def products(limbs: int) -> Any:
    """Return the kernel of products of matrices of numbers of so many limbs."""
    n, step = np.uint64(limbs), np.uint64(limbs + layout.HEAD)
    term = np.uint64(2 * limbs + 4)
    rest = term + step
    add, mul = make_add(limbs), make_mul(limbs)

    def run(
        batch: Any,
        rows: Any,
        inner: Any,
        columns: Any,
        a: Any,
        b: Any,
        c: Any,
        precision: Any,
        t: Any,
    ) -> Any:
        """Write the products of matrices, each sum from +0 in ascending order."""
        beyond = W0
        a, b, c = words_at(a), words_at(b), words_at(c)
        work, t = words_at(t + W8 * rest), words_at(t)
        for k in range(n + W1):
            t[k] = W0
        for m in range(batch):
            for i in range(rows):
                row = (m * rows + i) * columns
                for j in range(columns):
                    put_special(c, (row + j) * step, n, ZERO)
                for k in range(inner):
                    factor = ((m * rows + i) * inner + k) * step
                    other = (m * inner + k) * columns
                    for j in range(columns):
                        yo, zo = (other + j) * step, (row + j) * step
                        beyond |= mul(a, factor, b, yo, t, term, precision, work)
                        if t[term] != ZERO:
                            beyond |= add(c, zo, t, term, W0, c, zo, precision, t, work)
        return beyond

    return compiled_as(run, f"products {limbs}")
