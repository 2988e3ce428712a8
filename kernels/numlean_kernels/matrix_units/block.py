"""The block FMA: products and the accumulator are aligned to e*, added exactly and rounded once.

These are its parts, for one cell: the loop ``chains`` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numlean_kernels.formats import BINARY32, Format
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


def _rule(unit: Unit) -> BlockFma:
    assert isinstance(unit.rule, BlockFma)
    return unit.rule


def _read_acc(target: Target, unit: Unit) -> Routine:
    """Return ``read(acc)``; its exponent is that of binary32, which has more subnormal numbers."""
    output: Format = unit.output
    zero_exponent, is_narrow = _rule(unit).zero_exponent, output.emin > BINARY32.emin
    return make_read(target, output, output.precision, zero_exponent, normalises=is_narrow)


def _make_least(target: Target, unit: Unit) -> Routine:
    """Return ``least(acc)``: the exponent of the accumulator, or the floor if that is greater."""
    read, floor = _read_acc(target, unit), _rule(unit).floor
    least_exponent = target.signed(64)(ZERO if floor is None else floor)

    def least(acc: Any) -> Any:
        _, exp = read(acc)
        return exp if exp > least_exponent else least_exponent

    return target.routine(least)


def _make_greater(target: Target, unit: Unit) -> Routine:
    """Return ``greater(top, exp_a, exp_b)``: the exponent of a product, or top if greater."""
    short = target.signed(32)

    def greater(top: Any, exp_a: Any, exp_b: Any) -> Any:
        exp = short(exp_a + exp_b)
        return exp if exp > top else top

    return target.routine(greater)


def _make_align_c(target: Target, unit: Unit) -> Routine:
    """Return ``align_c(acc, top)``: the accumulator aligned to e* = top."""
    rule, read = _rule(unit), _read_acc(target, unit)
    align = make_align(target, rule.alignment, unit.output.trailing_bits, rule.fraction_bits)

    def align_c(acc: Any, top: Any) -> Any:
        sig, exp = read(acc)
        return align(sig, top - exp)

    return target.routine(align_c)


def _make_align(target: Target, unit: Unit) -> Routine:
    """Return ``align(sig_a, sig_b, exp_a, exp_b, top)``: a product aligned to e* = top."""
    rule, long = _rule(unit), target.signed(64)
    product_bits = unit.left.precision + unit.right.precision - 2
    align = make_align(target, rule.alignment, product_bits, rule.fraction_bits)

    def align_product(sig_a: Any, sig_b: Any, exp_a: Any, exp_b: Any, top: Any) -> Any:
        return align(long(sig_a) * long(sig_b), long(top) - long(exp_a) - long(exp_b))

    return target.routine(align_product)


def _make_result(target: Target, unit: Unit) -> Routine:
    """Return ``result(total, top)``: the encoding of a sum; a special one is its total."""
    rule, output = _rule(unit), unit.output
    precision = rule.result_precision or output.precision
    rounded = make_result(target, output, precision, rule.result, rule.fraction_bits)

    def result(total: Any, top: Any) -> Any:
        return total if top >= IS_SPECIAL else rounded(total, top)

    return target.routine(result)


def _make_special(target: Target, unit: Unit) -> Routine:
    """Return ``special(...)``: the result of a group with infinities or NaNs."""
    special = make_special(target, unit, _read_acc(target, unit))

    def result(*operands: Any) -> Any:
        return special(*operands)[1]

    return target.routine(result)


BLOCK_MAKERS: Final[dict[str, Callable[[Target, Unit], Routine]]] = {
    "least": _make_least,
    "greater": _make_greater,
    "align c": _make_align_c,
    "align": _make_align,
    "result": _make_result,
    "special": _make_special,
}
"""The makers of the parts of a block FMA by name."""
