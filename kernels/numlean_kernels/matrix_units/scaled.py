"""Operands in blocks with scales, and the rule that adds products before it scales them."""

from __future__ import annotations

from typing import Any

from numlean_kernels.formats import Format
from numlean_kernels.matrix_units.rule import (
    TRUNCATED,
    Operands,
    Rule,
    ScaledSums,
    Scales,
    Unit,
)
from numlean_kernels.matrix_units.terms import (
    IS_SPECIAL,
    SPECIAL,
    ZERO,
    make_align,
    make_read,
    make_result,
    make_special,
)
from numlean_kernels.protocol import Routine, Target


def make_scaled_reader(
    target: Target, read: Routine, operands: Operands, scales: Scales, rule: Rule
) -> Routine:
    """Return ``read_scaled(x, scale) -> (significand, exponent)`` of an operand and its scale.

    The exponent is the sum of both. For ``ScaledSums`` it is that of the scale, and the significand
    is the operand, in units of its least number, times the significand of the scale.
    """
    read_scale = _make_read_scale(target, scales.format)
    long = target.signed(64)
    is_fixed, least = isinstance(rule, ScaledSums), operands.format.emin

    def read_scaled(x: Any, scale: Any) -> Any:
        sig, exp = read(x)
        factor, scale_exp = read_scale(scale)
        shift = long(exp - least) if (sig != 0) & is_fixed else long(0)
        exp = scale_exp + (0 if is_fixed else exp)
        return (sig << shift) * factor, (SPECIAL if scale_exp >= IS_SPECIAL else exp)

    return target.routine(read_scaled)


def _make_read_scale(target: Target, format: Format) -> Routine:
    """Return ``read(scale) -> (significand, exponent)`` of the magnitude of a scale."""
    long, magnitude_mask = target.signed(64), format.magnitude_mask
    read: Any = make_read(target, format, format.precision, None)
    bias, max_finite = format.bias, format.max_finite

    def magnitude(scale: Any) -> Any:
        return read(long(scale) & magnitude_mask)

    def power(scale: Any) -> Any:
        bits = long(scale)
        is_nan = bits > max_finite
        return long(0 if is_nan else 1), (SPECIAL if is_nan else bits - bias)

    return target.routine(magnitude if format.has_zero else power)


def make_scaled_sums(target: Target, unit: Unit, rule: ScaledSums) -> Routine:
    """Return ``step(...)``: the accumulator and the scaled sums of an instruction's products."""
    assert unit.scales is not None
    output, long, index = unit.output, target.signed(64), target.unsigned(64)
    read = make_read(target, output, output.precision, None)
    sum_bits = 2 * unit.scales.format.trailing_bits + sum(
        side.format.trailing_bits - side.format.emin for side in (unit.left, unit.right)
    )
    align_c = make_align(target, TRUNCATED, output.trailing_bits, rule.fraction_bits)
    align_sum = make_align(target, TRUNCATED, sum_bits, rule.fraction_bits)
    result = make_result(target, output, output.precision, TRUNCATED, rule.fraction_bits)
    special = make_special(target, unit, read)
    sum_of_part = _make_sum_of_part(target, rule.part)
    size, part, least = index(rule.group), index(rule.part), long(rule.floor)

    def step(
        a_sig: Any, a_exp: Any, b_sig: Any, b_exp: Any, m: Any, i: Any, j: Any, k: Any, acc: Any
    ) -> Any:
        sig, exp = read(acc)
        top = exp if exp > least else least
        for t in range(k, k + size, part):
            _, e = sum_of_part(a_sig, a_exp, b_sig, b_exp, m, i, j, t)
            top = e if e > top else top
        if top >= IS_SPECIAL:
            return special(a_sig, a_exp, b_sig, b_exp, m, i, j, k, k + size, acc)[1]
        total = align_c(sig, top - exp)
        for t in range(k, k + size, part):
            x, e = sum_of_part(a_sig, a_exp, b_sig, b_exp, m, i, j, t)
            total += align_sum(x, top - e)
        return result(total, top)

    return target.routine(step)


def _make_sum_of_part(target: Target, part: int) -> Routine:
    """Return ``sum_of_part(...) -> (sum, exponent)`` of the products from k on, exactly.

    The exponent is that of the scales; of a zero, one that does not count.
    """
    long, length = target.signed(64), target.unsigned(64)(part)

    def sum_of_part(
        a_sig: Any, a_exp: Any, b_sig: Any, b_exp: Any, m: Any, i: Any, j: Any, k: Any
    ) -> Any:
        total = long(0)
        for t in range(k, k + length):
            total += long(a_sig[m, i, t]) * long(b_sig[m, t, j])
        exp = long(a_exp[m, i, k]) + long(b_exp[m, k, j])
        return total, (exp if (total != 0) | (exp >= IS_SPECIAL) else long(ZERO))

    return target.routine(sum_of_part)
