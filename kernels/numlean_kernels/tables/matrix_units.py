"""The tables of routines of matrix units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Final

from numlean_kernels.ieee.arithmetic import Arithmetic
from numlean_kernels.matrix_units.block import BLOCK_MAKERS
from numlean_kernels.matrix_units.loop import STEP
from numlean_kernels.matrix_units.operations import (
    make_add_of_output,
    make_add_of_wide,
    make_narrow,
    make_widen,
)
from numlean_kernels.matrix_units.product import Pair, unit_product
from numlean_kernels.matrix_units.routine import make_reader, make_step
from numlean_kernels.matrix_units.rule import Chain, ExactBlock, Unit
from numlean_kernels.protocol import Array, Routine, Table, Target
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets.registry import get_target

_MAKERS: Final[dict[str, Callable[[Target, Unit], Routine]]] = {
    **BLOCK_MAKERS,
    STEP: make_step,
    "read left": lambda target, unit: make_reader(target, unit, unit.left),
    "read right": lambda target, unit: make_reader(target, unit, unit.right),
    "add": make_add_of_output,
    "add wide": make_add_of_wide,
    "widen": make_widen,
    "narrow": make_narrow,
}


def unit_table(unit: Unit, target: Target) -> Table:
    """Return the routines of a unit on a target; units that differ in their chain share them."""
    return _table(replace(unit, chain=Chain()), target)


@cache
def _table(unit: Unit, target: Target) -> Table:
    made: dict[str, Routine] = {}

    def make(name: str) -> Routine:
        if isinstance(unit.rule, ExactBlock) and name not in _MAKERS:
            return ieee_table(Arithmetic(unit.output), target)[name]
        if name not in made:
            made[name] = _MAKERS[name](target, unit)
        return made[name]

    return Table(key=f"matrix_unit/{unit.key}", zero=target.unsigned(64)(0), make=make)


def product_of_encodings(
    device: str, unit: Unit, a: Array, b: Array, c: Array, scales: Pair | None = None
) -> Array:
    """Return products of encodings on a device; see ``unit_product``."""
    target = get_target(device)
    return unit_product(target, unit_table(unit, target), unit, a, b, c, scales)
