"""Kernels on arrays of numbers in limbs. Each is compiled once, for numbers of every precision.

Those that most time is spent in are compiled for a number of limbs, in :mod:`.fixed_kernels`.

Arrays of numbers are given by the addresses of their words, in C order, ``n + 2`` of them for each
number of ``n`` limbs: numba counts references to arrays by atomic instructions, which would take
longer than an addition. ``t`` is the address of ``work_words(n)`` words. A kernel returns a nonzero
word if the exponent of a result is out of range.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean_kernels.limbs.arithmetic import add, fma
from numlean_kernels.limbs.compiled import compiled
from numlean_kernels.limbs.constants import row_limbs
from numlean_kernels.limbs.division import div, sqrt
from numlean_kernels.limbs.order import UNORDERED, compare
from numlean_kernels.limbs.rounding import put_copy, put_special
from numlean_kernels.limbs.word_literals import KIND, NAN, W0, W2, ZERO
from numlean_kernels.limbs.words import words_at

MINIMUM, MAXIMUM, MIN_NUM, MAX_NUM = 0, 1, 2, 3
COMPARE, EQ, LT, LE = 0, 1, 2, 3


def work_words(limbs: int) -> int:
    """Return the words of memory that a kernel needs for itself."""
    return 16 * (limbs + 8)


def function_words(limbs: int) -> int:
    """Return the words of memory that the kernel of a function needs for itself."""
    return 16 * row_limbs(limbs) + 64


@compiled
def divide(
    count: Any, x: Any, dx: Any, y: Any, dy: Any, z: Any, n: Any, precision: Any, t: Any
) -> Any:
    """Write z[i] = x[i] / y[i]."""
    x, y, z = words_at(x), words_at(y), words_at(z)
    t = words_at(t)
    beyond, step = W0, n + W2
    for i in range(count):
        beyond |= div(x, i * dx, y, i * dy, z, i * step, n, precision, t)
    return beyond


@compiled
def square_roots(count: Any, x: Any, z: Any, n: Any, precision: Any, t: Any) -> Any:
    """Write z[i] = sqrt(x[i])."""
    x, z, t = words_at(x), words_at(z), words_at(t)
    beyond, step = W0, n + W2
    for i in range(count):
        beyond |= sqrt(x, i * step, z, i * step, n, precision, t)
    return beyond


@compiled
def fused(count: Any, x: Any, y: Any, c: Any, z: Any, n: Any, precision: Any, t: Any) -> Any:
    """Write z[i] = x[i] * y[i] + c[i]."""
    x, y, c = words_at(x), words_at(y), words_at(c)
    z, t = words_at(z), words_at(t)
    beyond, step = W0, n + W2
    for i in range(count):
        o = i * step
        beyond |= fma(x, o, y, o, c, o, z, o, n, precision, t)
    return beyond


@compiled
def relations(count: Any, x: Any, dx: Any, y: Any, dy: Any, z: Any, n: Any, of: Any) -> None:
    """Write z[i] = 1 where the order of x[i] and y[i] is one of the bits of ``of``, else 0.

    Bit 0 is less, bit 1 equal, bit 2 greater. Without bits, z[i] is the order itself.
    """
    x, y = words_at(x), words_at(y)
    for i in range(count):
        order = compare(x, i * dx, y, i * dy, n)
        if of == 0:
            z[i] = order
        else:
            z[i] = 1 if order != UNORDERED and (of >> (order + 1)) & 1 else 0


@compiled
def extrema(name: Any, count: Any, x: Any, dx: Any, y: Any, dy: Any, z: Any, n: Any) -> None:
    """Write the lesser or the greater of x[i] and y[i]."""
    x, y, z = words_at(x), words_at(y), words_at(z)
    step = n + W2
    is_least = name in (MINIMUM, MIN_NUM)
    for i in range(count):
        xo, yo = i * dx, i * dy
        order = compare(x, xo, y, yo, n)
        takes_y = order > 0 if is_least else order < 0
        if order == UNORDERED:
            if name in (MINIMUM, MAXIMUM):
                put_special(z, i * step, n, NAN)
                continue
            takes_y = (x[xo] & KIND) == NAN
        if takes_y:
            put_copy(y, yo, z, i * step, n, W0)
        else:
            put_copy(x, xo, z, i * step, n, W0)


@compiled
def fused_products(
    batch: Any,
    rows: Any,
    inner: Any,
    columns: Any,
    a: Any,
    b: Any,
    c: Any,
    n: Any,
    precision: Any,
    t: Any,
) -> Any:
    """Write the products of matrices, each a chain of fma from +0 in ascending order."""
    beyond, step = W0, n + W2
    a, b, c, t = words_at(a), words_at(b), words_at(c), words_at(t)
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
                    beyond |= fma(a, factor, b, yo, c, zo, c, zo, n, precision, t)
    return beyond


@compiled
def ordered_sums(
    outer: Any, terms: Any, inner: Any, x: Any, z: Any, n: Any, precision: Any, t: Any
) -> Any:
    """Write z[i, j], the sum of x[i, k, j] from +0 in ascending order of k."""
    x, z, t = words_at(x), words_at(z), words_at(t)
    beyond, step = W0, n + W2
    for i in range(outer):
        for j in range(inner):
            put_special(z, (i * inner + j) * step, n, ZERO)
        for k in range(terms):
            for j in range(inner):
                zo, xo = (i * inner + j) * step, ((i * terms + k) * inner + j) * step
                beyond |= add(z, zo, x, xo, W0, z, zo, n, precision, t)
    return beyond


@compiled
def pairwise_sums(
    outer: Any, terms: Any, inner: Any, work: Any, n: Any, precision: Any, t: Any
) -> Any:
    """Write the sums of work[i, :, j] by the balanced tree to work[i, 0, j]."""
    work, t = words_at(work), words_at(t)
    beyond, step, one = W0, n + W2, np.uint64(1)
    for i in range(outer):
        width = terms
        while width > one:
            pairs = width // W2
            for k in range(pairs):
                for j in range(inner):
                    zo = ((i * terms + k) * inner + j) * step
                    xo = ((i * terms + W2 * k) * inner + j) * step
                    yo = xo + inner * step
                    beyond |= add(work, xo, work, yo, W0, work, zo, n, precision, t)
            if width % W2 == one:
                for j in range(inner):
                    zo = ((i * terms + pairs) * inner + j) * step
                    xo = ((i * terms + width - one) * inner + j) * step
                    put_copy(work, xo, work, zo, n, W0)
            width = pairs + width % W2
    return beyond


@compiled
def sums_into_cells(
    cells: Any,
    width: Any,
    x: Any,
    starts: Any,
    sources: Any,
    z: Any,
    n: Any,
    precision: Any,
    t: Any,
) -> Any:
    """Write z[i, j], the sum of x[sources[k], j] for k from starts[i] below starts[i + 1]."""
    x, z, t = words_at(x), words_at(z), words_at(t)
    beyond, step = W0, n + W2
    for i in range(cells):
        for j in range(width):
            put_special(z, (i * width + j) * step, n, ZERO)
        for k in range(np.uint64(starts[i]), np.uint64(starts[i + np.uint64(1)])):
            source = np.uint64(sources[k])
            for j in range(width):
                zo, xo = (i * width + j) * step, (source * width + j) * step
                beyond |= add(z, zo, x, xo, W0, z, zo, n, precision, t)
    return beyond


@compiled
def greatest(outer: Any, terms: Any, inner: Any, x: Any, z: Any, n: Any) -> None:
    """Write z[i, j] = k, the place of the first greatest x[i, k, j], or of the first NaN."""
    x = words_at(x)
    step = n + W2
    for i in range(outer):
        for j in range(inner):
            best: Any = W0
            for k in range(np.uint64(1), terms):
                xo = ((i * terms + best) * inner + j) * step
                yo = ((i * terms + k) * inner + j) * step
                order = compare(x, xo, x, yo, n)
                if order == -1 or (order == UNORDERED and (x[xo] & KIND) != NAN):
                    best = k
            z[i, j] = best
