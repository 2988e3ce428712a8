"""The tables of routines of matrix units."""

from __future__ import annotations

from functools import cache

from numlean_kernels.matrix_units.loop import STEP
from numlean_kernels.matrix_units.product import unit_product
from numlean_kernels.matrix_units.routine import make_read, make_step, zero_exponent_of
from numlean_kernels.matrix_units.rule import Unit
from numlean_kernels.protocol import Array, Routine, Table, Target
from numlean_kernels.targets.registry import get_target


@cache
def unit_table(unit: Unit, target: Target) -> Table:
    """Return the routines of a unit: ``read left``, ``read right`` and ``step``."""
    made: dict[str, Routine] = {}

    def make(name: str) -> Routine:
        if name not in made:
            made[name] = _make(name)
        return made[name]

    def _make(name: str) -> Routine:
        if name == STEP:
            return make_step(target, unit)
        operands = {"read left": unit.left, "read right": unit.right}[name]
        return make_read(target, operands.format, operands.precision, zero_exponent_of(unit.rule))

    return Table(key=f"matrix_unit/{unit.key}", zero=target.signed(64)(0), make=make)


def product_of_encodings(device: str, unit: Unit, a: Array, b: Array, c: Array) -> Array:
    """Return products of encodings on a device; see ``unit_product``."""
    target = get_target(device)
    return unit_product(target, unit_table(unit, target), unit, a, b, c)
