"""Launches of the kernels that multiply matrices as a unit does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import TypeAlias

import numpy as np

from numlean_kernels.ieee.exact_sums import ExactSum
from numlean_kernels.loops.elementwise import binary, unary
from numlean_kernels.loops.exact_product import exact_product
from numlean_kernels.matrix_units.chains import Terms, places_of, split_terms
from numlean_kernels.matrix_units.loop import (
    READ_LEFT,
    READ_RIGHT,
    chains,
    scaled_left,
    scaled_right,
)
from numlean_kernels.matrix_units.operations import wide_format
from numlean_kernels.matrix_units.routine import operand_dtypes
from numlean_kernels.matrix_units.rule import BlockFma, ExactBlock, Rule, Unit
from numlean_kernels.protocol import Array, Loop, Table, Target

Run: TypeAlias = Callable[[int, Array], Array]
"""Returns the results of one chain of instructions: of an accumulator's number and its start."""


Pair: TypeAlias = tuple[Array, Array]
"""The scales of left and of right operands."""


def unit_product(
    target: Target,
    table: Table,
    unit: Unit,
    a: Array,
    b: Array,
    c: Array,
    scales: Pair | None = None,
) -> Array:
    """Return c + the products of matrices of encodings, as a unit computes them.

    Args:
        target: The target.
        table: The routines of the unit on it.
        unit: The unit, whose chain says how k is split.
        a: Left operands (batch, n, k), in C order, as all arrays of a program are.
        b: Right operands (batch, k, m).
        c: Accumulators (batch, n, m).
        scales: Scales of the left operands (batch, n, blocks) and of the right ones (batch, blocks,
            m), if the unit has scales.

    Raises:
        ValueError: There are scales, and the unit has none, or the other way round.
    """
    if (scales is None) != (unit.scales is None):
        raise ValueError("scales are needed for units with scales, and only there")
    return _Launches(target, table, unit, scales).product(a, b, c)


class _Launches:
    """The launches of one product."""

    def __init__(self, target: Target, table: Table, unit: Unit, scales: Pair | None) -> None:
        self._target, self._table, self._unit, self._scales = target, table, unit, scales
        self._wide = wide_format(unit)

    def product(self, a: Array, b: Array, c: Array) -> Array:
        """Return the products, by the chain of the unit."""
        split = split_terms(self._unit.chain, a.shape[2])
        accumulators = [terms for blocks in split for block in blocks for terms in block]
        run = self._chains(a, b, accumulators)
        zero = self._target.to_device(np.zeros(c.shape, c.dtype))
        starts = iter([c, *[zero] * (len(accumulators) - 1)])
        numbers = iter(range(len(accumulators)))
        results = []
        for blocks in split:
            sums = [
                self._block([run(next(numbers), next(starts)) for _ in each]) for each in blocks
            ]
            results.append(reduce(self._add, sums))
        return self._sum_of_ranges(results)

    def _block(self, results: list[Array]) -> Array:
        """Return the result of a block: that of its accumulator, or its register, rounded."""
        if self._unit.chain.promote_every is None:
            return results[0]
        zero = self._target.to_device(np.zeros(results[0].shape, self._wide.storage_dtype))
        return self._narrow(reduce(self._add_wide, map(self._widen, results), zero))

    def _sum_of_ranges(self, results: list[Array]) -> Array:
        """Return the sum of the results of ranges."""
        if len(results) == 1:
            return results[0]
        terms = list(map(self._widen, results))
        if self._unit.chain.order == "ascending":
            return self._narrow(reduce(self._add_wide, terms))
        while len(terms) > 1:
            pairs = [self._add_wide(x, y) for x, y in zip(terms[::2], terms[1::2], strict=False)]
            terms = [*pairs, *terms[2 * len(pairs) :]]
        return self._narrow(terms[0])

    def _chains(self, a: Array, b: Array, accumulators: list[Terms]) -> Run:
        """Return how to run the chains of accumulators on operands, which are read once."""
        if isinstance(self._unit.rule, ExactBlock):
            return self._exact_chains(a, b, accumulators, self._unit.rule.group)
        places = [places_of(self._unit.rule, terms) for terms in accumulators]
        ends = np.cumsum([0, *map(len, places)])
        index = self._target.to_device(np.concatenate(places))
        (batch, n), m = a.shape[:2], b.shape[2]
        read_left, read_right, (of_left, of_right) = self._readers()
        left = self._read(read_left, (batch, n, len(index)), a, index, *of_left)
        right = self._read(read_right, (batch, len(index), m), b, index, *of_right)
        loop, work = chains(self._unit.rule), self._work((batch, n, m))
        sizes = _sizes(self._unit.rule)

        def run(number: int, c: Array) -> Array:
            bounds = self._target.to_device(np.array([*ends[number : number + 2], *sizes]))
            z = self._target.empty(c.shape, c.dtype)
            self._launch(loop, c.shape, *left, *right, c, bounds, *work, z)
            return z

        return run

    def _readers(self) -> tuple[Loop, Loop, tuple[list[Array], list[Array]]]:
        """Return the loops that read operands, and the further arrays that they take."""
        if self._scales is None or self._unit.scales is None:
            return READ_LEFT, READ_RIGHT, ([], [])
        size, (left, right) = self._unit.scales.size, self._scales
        return scaled_left(size), scaled_right(size), ([left], [right])

    def _read(self, loop: Loop, shape: tuple[int, ...], *arrays: Array) -> list[Array]:
        """Return the two numbers of each of a side's operands."""
        z = [self._target.empty(shape, dtype) for dtype in operand_dtypes(self._unit.rule)]
        self._launch(loop, shape, *arrays, *z)
        return z

    def _work(self, shape: tuple[int, ...]) -> list[Array]:
        """Return the work arrays of a chain."""
        if not isinstance(self._unit.rule, BlockFma):
            return []
        dtypes = (np.int32, np.int64, self._unit.output.storage_dtype)
        return [self._target.empty(shape, dtype) for dtype in dtypes]

    def _exact_chains(self, a: Array, b: Array, accumulators: list[Terms], group: int) -> Run:
        """Return how to run chains of exact sums: each instruction is a product with addends."""
        unit, target = self._unit, self._target
        shape = ExactSum(unit.left.format, unit.right.format, unit.output)
        none = target.empty(1, np.uint64)

        def run(number: int, c: Array) -> Array:
            terms = accumulators[number]
            for k in range(terms.start, terms.stop, group):
                some = slice(k, min(k + group, terms.stop))
                left, right = self._copy(a[:, :, some]), self._copy(b[:, some].swapaxes(1, 2))
                z, raised = target.empty(c.shape, c.dtype), target.empty(c.size, np.uint8)
                work = target.empty((min(c.size, _WORKERS), shape.words), np.int64)
                arrays = (left, right, c.reshape(-1), none, work, raised)
                self._launch(exact_product(shape), work.shape[:1], *arrays, z.reshape(-1))
                c = z
            return c

        return run

    def _copy(self, x: Array) -> Array:
        """Return a copy in C order."""
        z = self._target.empty(x.shape, x.dtype)
        self._target.copy_into(x, z)
        return z

    def _add(self, x: Array, y: Array) -> Array:
        return self._elementwise(binary("add"), x.dtype, x, y)

    def _add_wide(self, x: Array, y: Array) -> Array:
        return self._elementwise(binary("add wide"), x.dtype, x, y)

    def _widen(self, x: Array) -> Array:
        return self._to("widen", self._wide.storage_dtype, x)

    def _narrow(self, x: Array) -> Array:
        return self._to("narrow", self._unit.output.storage_dtype, x)

    def _to(self, name: str, dtype: np.dtype[np.unsignedinteger], x: Array) -> Array:
        """Return results in the wide format or back; they are the same where it is the output's."""
        return x if self._wide == self._unit.output else self._elementwise(unary(name), dtype, x)

    def _elementwise(self, loop: Loop, dtype: np.dtype[np.unsignedinteger], *x: Array) -> Array:
        z = self._target.empty(x[0].shape, dtype)
        flat: Iterable[Array] = (each.reshape(-1) for each in (*x, z))
        self._launch(loop, (z.size,), *flat)
        return z

    def _launch(self, loop: Loop, domain: tuple[int, ...], *arrays: Array) -> None:
        self._target.kernel_of(loop, self._table)(domain, *arrays)


def _sizes(rule: Rule) -> tuple[int, ...]:
    """Return the sizes that a chain of instructions needs besides its bounds."""
    return (rule.group, rule.instruction) if isinstance(rule, BlockFma) else ()


_WORKERS = 1 << 14
"""The most sums that are computed at a time, in fixed-point numbers of their own."""
