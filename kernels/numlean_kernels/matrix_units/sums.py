"""Matrix units that are other than a block FMA: chains of fma, trees, and two stages."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.formats import Format
from numlean_kernels.ieee.add import make_add
from numlean_kernels.ieee.fma import make_fma
from numlean_kernels.ieee.mul import make_mul
from numlean_kernels.ieee.routine_builder import Maker
from numlean_kernels.matrix_units.operations import make_operation
from numlean_kernels.matrix_units.rule import FLOORED, NEAREST, TRUNCATED, Pairwise, TwoStage, Unit
from numlean_kernels.matrix_units.terms import (
    ZERO,
    make_align,
    make_read,
    make_result,
    make_shift,
    make_special,
)
from numlean_kernels.protocol import Routine, Target

C_ZERO_EXPONENT: Final = -126
"""The exponent of an accumulator of zero in a ``TwoStage``."""

_GREATEST: Final = 127
"""The exponent of the greatest products that are finite in a ``TwoStage``."""


def make_fma_chain(target: Target, unit: Unit) -> Routine:
    """Return ``step(a, b, m, i, j, k, acc)``: fma of one k and the accumulator."""
    fma = make_operation(target, unit.output, unit.nan, make_fma)

    def step(a: Any, b: Any, m: Any, i: Any, j: Any, k: Any, acc: Any) -> Any:
        return fma(a[m, i, 0, k], b[m, j, 0, k], acc)

    return target.routine(step)


def make_pairwise(target: Target, unit: Unit, rule: Pairwise) -> Routine:
    """Return ``step(a, b, m, i, j, k, acc)``: acc + the tree of an instruction's products."""
    add, mul = _operation(target, unit, rule, make_add), _operation(target, unit, rule, make_mul)
    enter: Any = make_flush(target, unit.output) if rule.flushes else None
    tree = _make_tree(target, rule.group, add, mul)
    flushes = rule.flushes

    def step(a: Any, b: Any, m: Any, i: Any, j: Any, k: Any, acc: Any) -> Any:
        return add(enter(acc) if flushes else acc, tree(a, b, m, i, j, k))

    return target.routine(step)


def _make_tree(target: Target, size: int, add: Routine, mul: Routine) -> Routine:
    """Return ``tree(a, b, m, i, j, k)``: the sum of ``size`` products from k on."""
    if size == 1:

        def product(a: Any, b: Any, m: Any, i: Any, j: Any, k: Any) -> Any:
            return mul(a[m, i, 0, k], b[m, j, 0, k])

        return target.routine(product)
    half = size // 2
    part = _make_tree(target, half, add, mul)

    def tree(a: Any, b: Any, m: Any, i: Any, j: Any, k: Any) -> Any:
        return add(part(a, b, m, i, j, k), part(a, b, m, i, j, k + half))

    return target.routine(tree)


def _operation(target: Target, unit: Unit, rule: Pairwise, make: Maker) -> Routine:
    """Return an operation whose subnormal results, once rounded, are zeros if the rule flushes."""
    operate = make_operation(target, unit.output, unit.nan, make)
    if not rule.flushes:
        return operate
    word = target.unsigned(32)
    sign_mask, magnitude_mask = word(unit.output.sign_mask), word(unit.output.magnitude_mask)
    least_normal = word(unit.output.least_normal)

    def flushing(x: Any, y: Any) -> Any:
        z = operate(x, y)
        return word(z & sign_mask) if word(z & magnitude_mask) < least_normal else z

    return target.routine(flushing)


def make_flush(target: Target, format: Format) -> Routine:
    """Return ``flush(x)``: +0 for a subnormal encoding, else the encoding, as a word."""
    word = target.unsigned(64)
    magnitude_mask, least_normal = word(format.magnitude_mask), word(format.least_normal)
    zero = word(0)

    def flush(x: Any) -> Any:
        magnitude = word(word(x) & magnitude_mask)
        return zero if (magnitude < least_normal) & (magnitude != zero) else word(x)

    return target.routine(flush)


def make_two_stage(target: Target, unit: Unit, rule: TwoStage) -> Routine:
    """Return ``step(a, b, m, i, j, k, acc)``: acc and the products of an instruction from k on."""
    output = unit.output
    read = make_read(target, output, output.precision, C_ZERO_EXPONENT)
    partial = _make_partial(target, unit, rule)
    special = make_special(target, unit, rule.group, read, greatest=_GREATEST)
    floor_shift = make_shift(target, FLOORED)
    align_sum = make_align(target, FLOORED, rule.fraction_bits, rule.sum_bits)
    align_c = make_align(target, FLOORED, output.trailing_bits, rule.addend_bits)
    result = make_result(
        target, output, output.precision, NEAREST, rule.sum_bits, has_negative_zeros=True
    )
    is_interleaved, farthest = rule.is_interleaved, rule.addend_bits + 1
    below = rule.sum_bits - rule.addend_bits

    def step(a: Any, b: Any, m: Any, i: Any, j: Any, k: Any, acc: Any) -> Any:
        sig, exp = read(acc)
        total, top = partial(a, b, m, i, j, k)
        if is_interleaved:
            odd, top_odd = partial(a, b, m, i, j, k + 1)
            greater = top if top > top_odd else top_odd
            total = floor_shift(total, greater - top) + floor_shift(odd, greater - top_odd)
            top = greater
            sig = 0 if exp < top - farthest else sig
        both = top if top > exp else exp
        if both >= _GREATEST:
            found, z = special(a, b, m, i, j, k, acc)
            if found:
                return z
        return result(align_sum(total, both - top) + (align_c(sig, both - exp) << below), both)

    return target.routine(step)


def _make_partial(target: Target, unit: Unit, rule: TwoStage) -> Routine:
    """Return ``partial(a, b, m, i, j, k) -> (total, top)``: aligned products from k on, added.

    They are all of an instruction, or every other one if the rule is interleaved.
    """
    long, group, stride = target.signed(64), rule.group, 2 if rule.is_interleaved else 1
    product_bits = unit.left.precision + unit.right.precision - 2
    align = make_align(target, TRUNCATED, product_bits, rule.fraction_bits)

    def partial(a: Any, b: Any, m: Any, i: Any, j: Any, k: Any) -> Any:
        top = long(ZERO)
        for t in range(k, k + group - stride + 1, stride):
            e = long(a[m, i, 1, t]) + long(b[m, j, 1, t])
            top = e if e > top else top
        total = long(0)
        for t in range(k, k + group - stride + 1, stride):
            e = long(a[m, i, 1, t]) + long(b[m, j, 1, t])
            total += align(long(a[m, i, 0, t]) * long(b[m, j, 0, t]), top - e)
        return total, top

    return target.routine(partial)
