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
    """Return ``step(...)``: fma of one k and the accumulator."""
    fma = make_operation(target, unit.output, unit.nan, make_fma)

    def step(
        a_sig: Any, a_exp: Any, b_sig: Any, b_exp: Any, m: Any, i: Any, j: Any, k: Any, acc: Any
    ) -> Any:
        return fma(a_sig[m, i, k], b_sig[m, k, j], acc)

    return target.routine(step)


def make_pairwise(target: Target, unit: Unit, rule: Pairwise) -> Routine:
    """Return ``step(...)``: the accumulator + the tree of an instruction's products."""
    add, mul = _operation(target, unit, rule, make_add), _operation(target, unit, rule, make_mul)
    enter: Any = make_flush(target, unit.output) if rule.flushes else None
    tree = _make_tree(target, rule.group, add, mul)
    flushes = rule.flushes

    def step(
        a_sig: Any, a_exp: Any, b_sig: Any, b_exp: Any, m: Any, i: Any, j: Any, k: Any, acc: Any
    ) -> Any:
        return add(enter(acc) if flushes else acc, tree(a_sig, a_exp, b_sig, b_exp, m, i, j, k))

    return target.routine(step)


def _make_tree(target: Target, size: int, add: Routine, mul: Routine) -> Routine:
    """Return ``tree(...)``: the sum of ``size`` products from k on."""
    if size == 1:

        def product(
            a_sig: Any, a_exp: Any, b_sig: Any, b_exp: Any, m: Any, i: Any, j: Any, k: Any
        ) -> Any:
            return mul(a_sig[m, i, k], b_sig[m, k, j])

        return target.routine(product)
    half = target.unsigned(64)(size // 2)
    part = _make_tree(target, size // 2, add, mul)

    def tree(a_sig: Any, a_exp: Any, b_sig: Any, b_exp: Any, m: Any, i: Any, j: Any, k: Any) -> Any:
        return add(
            part(a_sig, a_exp, b_sig, b_exp, m, i, j, k),
            part(a_sig, a_exp, b_sig, b_exp, m, i, j, k + half),
        )

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
    """Return ``step(...)``: the accumulator and the products of an instruction."""
    output = unit.output
    read = make_read(target, output, output.precision, C_ZERO_EXPONENT)
    partial = _make_partial(target, unit, rule)
    special = make_special(target, unit, read, greatest=_GREATEST)
    floor_shift = make_shift(target, FLOORED)
    align_sum = make_align(target, FLOORED, rule.fraction_bits, rule.sum_bits)
    align_c = make_align(target, FLOORED, output.trailing_bits, rule.addend_bits)
    result = make_result(
        target, output, output.precision, NEAREST, rule.sum_bits, has_negative_zeros=True
    )
    index = target.unsigned(64)
    size, one = index(rule.group), index(1)
    is_interleaved, farthest = rule.is_interleaved, rule.addend_bits + 1
    below = rule.sum_bits - rule.addend_bits

    def step(
        a_sig: Any, a_exp: Any, b_sig: Any, b_exp: Any, m: Any, i: Any, j: Any, k: Any, acc: Any
    ) -> Any:
        sig, exp = read(acc)
        total, top = partial(a_sig, a_exp, b_sig, b_exp, m, i, j, k)
        if is_interleaved:
            odd, top_odd = partial(a_sig, a_exp, b_sig, b_exp, m, i, j, k + one)
            greater = top if top > top_odd else top_odd
            total = floor_shift(total, greater - top) + floor_shift(odd, greater - top_odd)
            top = greater
            sig = 0 if exp < top - farthest else sig
        both = top if top > exp else exp
        if both >= _GREATEST:
            found, z = special(a_sig, a_exp, b_sig, b_exp, m, i, j, k, k + size, acc)
            if found:
                return z
        return result(align_sum(total, both - top) + (align_c(sig, both - exp) << below), both)

    return target.routine(step)


def _make_partial(target: Target, unit: Unit, rule: TwoStage) -> Routine:
    """Return ``partial(...) -> (total, top)``: aligned products from k on, added.

    They are all of an instruction, or every other one if the rule is interleaved.
    """
    long, index = target.signed(64), target.unsigned(64)
    stride = index(2 if rule.is_interleaved else 1)
    length = index(rule.group - (1 if rule.is_interleaved else 0))
    product_bits = unit.left.precision + unit.right.precision - 2
    align = make_align(target, TRUNCATED, product_bits, rule.fraction_bits)

    def partial(
        a_sig: Any, a_exp: Any, b_sig: Any, b_exp: Any, m: Any, i: Any, j: Any, k: Any
    ) -> Any:
        top = long(ZERO)
        for t in range(k, k + length, stride):
            e = long(a_exp[m, i, t]) + long(b_exp[m, t, j])
            top = e if e > top else top
        total = long(0)
        for t in range(k, k + length, stride):
            e = long(a_exp[m, i, t]) + long(b_exp[m, t, j])
            total += align(long(a_sig[m, i, t]) * long(b_sig[m, t, j]), top - e)
        return total, top

    return target.routine(partial)
