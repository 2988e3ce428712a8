"""The block FMA: products and the accumulator are aligned to e*, added exactly and rounded once."""

from __future__ import annotations

from typing import Any

from numlean_kernels.matrix_units.operations import make_add_of_output
from numlean_kernels.matrix_units.rule import BlockFma, Unit
from numlean_kernels.matrix_units.terms import (
    IS_SPECIAL,
    ZERO,
    make_align,
    make_read,
    make_result,
    make_special,
)
from numlean_kernels.protocol import Routine, Target


def make_block_fma(target: Target, unit: Unit, rule: BlockFma) -> Routine:
    """Return ``step(a, b, m, i, j, k, acc)``: acc and the products of an instruction from k on."""
    block = _make_group(target, unit, rule)
    if rule.instruction == rule.group and not rule.adds_last:
        return block
    add, adds_last = make_add_of_output(target, unit), rule.adds_last
    long, group, instruction = target.signed(64), rule.group, rule.instruction

    def step(a: Any, b: Any, m: Any, i: Any, j: Any, k: Any, acc: Any) -> Any:
        z = long(0) if adds_last else long(acc)
        for first in range(k, k + instruction, group):
            z = block(a, b, m, i, j, first, z)
        return long(add(z, acc)) if adds_last else z

    return target.routine(step)


def _make_group(target: Target, unit: Unit, rule: BlockFma) -> Routine:
    """Return ``block(a, b, m, i, j, k, acc)``: acc and a group of products from k on."""
    short, long = target.signed(32), target.signed(64)
    output, group, fraction_bits = unit.output, rule.group, rule.fraction_bits
    precision = rule.result_precision or output.precision
    product_bits = unit.left.precision + unit.right.precision - 2
    read = make_read(target, output, output.precision, rule.zero_exponent)
    align = make_align(target, rule.alignment, product_bits, fraction_bits)
    align_c = make_align(target, rule.alignment, output.trailing_bits, fraction_bits)
    result = make_result(target, output, precision, rule.result, fraction_bits)
    special = make_special(target, unit, group, read)
    floor = short(ZERO if rule.floor is None else rule.floor)

    def block(a: Any, b: Any, m: Any, i: Any, j: Any, k: Any, acc: Any) -> Any:
        sig, exp = read(acc)
        exp = short(exp)
        top = exp if exp > floor else floor
        for t in range(k, k + group):
            e = short(a[m, i, 1, t] + b[m, j, 1, t])
            top = e if e > top else top
        if top >= IS_SPECIAL:
            return special(a, b, m, i, j, k, acc)[1]
        total = align_c(sig, top - exp)
        for t in range(k, k + group):
            e = short(a[m, i, 1, t] + b[m, j, 1, t])
            total += align(long(a[m, i, 0, t]) * long(b[m, j, 0, t]), top - e)
        return result(total, top)

    return target.routine(block)
