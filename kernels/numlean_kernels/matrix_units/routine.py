"""The routines of a unit's loops: the instruction of its rule, and how it reads operands."""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean_kernels.ieee.arithmetic import Arithmetic
from numlean_kernels.ieee.convert import cast_maker, cast_name
from numlean_kernels.ieee.routine_builder import routine_builder
from numlean_kernels.matrix_units.rule import (
    BlockFma,
    FmaChain,
    Operands,
    Pairwise,
    Rule,
    ScaledSums,
    TwoStage,
    Unit,
)
from numlean_kernels.matrix_units.scaled import make_scaled_reader, make_scaled_sums
from numlean_kernels.matrix_units.sums import (
    make_flush,
    make_fma_chain,
    make_pairwise,
    make_two_stage,
)
from numlean_kernels.matrix_units.terms import make_read
from numlean_kernels.protocol import Routine, Target


def make_step(target: Target, unit: Unit) -> Routine:
    """Return ``step(a_sig, a_exp, b_sig, b_exp, m, i, j, k, acc)`` of a rule but the block FMA.

    It is the result of the instruction from k on. acc is an encoding of the output.
    """
    rule = unit.rule
    if isinstance(rule, TwoStage):
        return make_two_stage(target, unit, rule)
    if isinstance(rule, Pairwise):
        return make_pairwise(target, unit, rule)
    if isinstance(rule, ScaledSums):
        return make_scaled_sums(target, unit, rule)
    assert isinstance(rule, FmaChain)
    return make_fma_chain(target, unit)


def make_reader(target: Target, unit: Unit, operands: Operands) -> Routine:
    """Return ``read(x)``: an operand as two numbers; ``read(x, scale)`` if there are scales.

    They are a significand and an exponent where products are aligned, else an encoding of the
    output and 0.
    """
    rule = unit.rule
    if aligns_products(rule):
        zero_exponent = rule.zero_exponent if isinstance(rule, BlockFma) else None
        aligned = make_read(target, operands.format, operands.precision, zero_exponent)
        if unit.scales is None:
            return aligned
        return make_scaled_reader(target, aligned, operands, unit.scales, rule)
    flushes = isinstance(rule, Pairwise) and rule.flushes
    flush: Any = make_flush(target, operands.format) if flushes else None
    builder, word = routine_builder(Arithmetic(unit.output), target), target.unsigned(64)
    cast = builder.routine(cast_maker(cast_name(operands.format)))
    is_cast = operands.format != unit.output

    def read(x: Any) -> Any:
        kept = flush(x) if flushes else word(x)
        return (word(cast(kept)[0]) if is_cast else kept), 0

    return target.routine(read)


def aligns_products(rule: Rule) -> bool:
    """Return whether a rule takes significands and exponents, not encodings."""
    return isinstance(rule, BlockFma | TwoStage | ScaledSums)


def operand_dtypes(rule: Rule) -> tuple[type[np.integer[Any]], type[np.integer[Any]]]:
    """Return the dtypes of arrays of operands: of their first and second numbers."""
    return (np.int32, np.int32) if aligns_products(rule) else (np.uint64, np.uint8)
