"""Launches of the kernels of matrix units."""

from __future__ import annotations

import numpy as np

from numlean_kernels.matrix_units.loop import product as product_loop
from numlean_kernels.matrix_units.loop import read_operand
from numlean_kernels.matrix_units.rule import BlockFma, Chain, Rule, Unit
from numlean_kernels.protocol import Array, Table, Target


def unit_product(target: Target, table: Table, unit: Unit, a: Array, b: Array, c: Array) -> Array:
    """Return the products of matrices of encodings, each a chain that starts from an element of c.

    Args:
        target: The target.
        table: The routines of the unit on it.
        unit: The unit.
        a: Left operands (batch, n, k).
        b: Right operands (batch, m, k).
        c: Accumulators (batch, n, m).
    """
    if unit.chain != Chain():
        raise NotImplementedError(unit.chain)
    places = places_of(unit.rule, a.shape[2])
    index = target.to_device(places)
    operands = []
    for side, x in (("left", a), ("right", b)):
        z = target.empty((*x.shape[:2], 2, len(places)), np.int32)
        target.kernel_of(read_operand(side), table)((*x.shape[:2], len(places)), x, index, z)
        operands.append(z)
    z = target.empty(c.shape, unit.output.storage_dtype)
    bounds = target.to_device(np.array([0, len(places)], np.int64))
    launch = target.kernel_of(product_loop(unit.rule.instruction), table)
    launch(c.shape, *operands, c, bounds, z)
    return z


def places_of(rule: Rule, k: int) -> Array:
    """Return the k of each operand in the order in which instructions take them; -1 for zeros."""
    size = rule.instruction
    order = np.array((rule.k_order if isinstance(rule, BlockFma) else ()) or range(size), np.int64)
    places = (np.arange(0, k, size)[:, np.newaxis] + order).reshape(-1)
    return np.where(places < k, places, -1)
