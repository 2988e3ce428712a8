"""Routines that compute an instruction of a matrix unit on integers, for every target.

**Notation.** An operand is read once, into a *significand*, a signed integer in units of the last
place of its precision, and an exponent. Zeros have the significand 0 and an exponent so small that
no e* is theirs, unless the rule gives them one. Infinities have the significand 1 or -1 and NaNs 0,
with an exponent so great that e* shows that one of them is there, whatever the partner.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.formats import Format
from numlean_kernels.ieee.add import make_add
from numlean_kernels.ieee.arithmetic import Arithmetic, Rounding
from numlean_kernels.ieee.routine_builder import routine_builder
from numlean_kernels.matrix_units.rule import BlockFma, Rule, Unit
from numlean_kernels.protocol import Routine, Target

ZERO: Final = -(1 << 18)
"""The exponent of a zero that does not count."""

SPECIAL: Final = 1 << 20
"""The exponent of infinities and NaNs."""

IS_SPECIAL: Final = 1 << 19
"""The least exponent of a product with an infinity or a NaN, whatever the other factor."""

_FARTHEST: Final = 63


def make_read(target: Target, format: Format, precision: int, zero_exponent: int | None) -> Routine:
    """Return ``read(x) -> (significand, exponent)`` of an encoding; low bits are cut off."""
    long = target.signed(64)
    sign_mask, magnitude_mask = long(format.sign_mask), long(format.magnitude_mask)
    trailing_mask, implicit_bit = long(format.trailing_mask), long(format.implicit_bit)
    max_finite, max_number = long(format.max_finite), long(format.max_number)
    trailing_bits, dropped = format.trailing_bits, format.precision - precision
    bias, zero_exp = format.bias, ZERO if zero_exponent is None else zero_exponent
    has_nan_at_minus_zero = format.has_nan_at_minus_zero

    def read(x: Any) -> Any:
        bits = long(x)
        magnitude = bits & magnitude_mask
        field = magnitude >> trailing_bits
        sig = ((magnitude & trailing_mask) | (implicit_bit if field != 0 else 0)) >> dropped
        exp = (field if field != 0 else 1) - bias
        exp = exp if sig != 0 else zero_exp
        is_nan = magnitude > max_number
        if has_nan_at_minus_zero:
            is_nan = bits == sign_mask
        is_special = is_nan | (magnitude > max_finite)
        exp = SPECIAL if is_special else exp
        sig = 1 if is_special else sig
        sig = 0 if is_nan else sig
        return (-sig if (bits & sign_mask) != 0 else sig), exp

    return target.routine(read)


def make_shift(target: Target, rounding: Rounding) -> Routine:
    """Return ``shift(x, n)``: x / 2**n, rounded to an integer, for a signed x and n >= 0."""
    one = target.signed(64)(1)

    def toward_negative(x: Any, n: Any) -> Any:
        return x >> (n if n < _FARTHEST else _FARTHEST)

    def toward_zero(x: Any, n: Any) -> Any:
        n = n if n < _FARTHEST else _FARTHEST
        return -((-x) >> n) if x < 0 else x >> n

    def ties_to_even(x: Any, n: Any) -> Any:
        n = n if n < _FARTHEST else _FARTHEST
        almost_half = (one << (n - 1 if n > 0 else 0)) - 1
        return (x + almost_half + (((x >> n) & 1) if n > 0 else 0)) >> n

    made = {
        Rounding.TOWARD_NEGATIVE: toward_negative,
        Rounding.TOWARD_ZERO: toward_zero,
        Rounding.TIES_TO_EVEN: ties_to_even,
    }
    return target.routine(made[rounding])


def make_align(target: Target, rounding: Rounding, given: int, kept: int) -> Routine:
    """Return ``align(sig, distance)``: a term with ``given`` fraction bits, aligned.

    The result has ``kept`` bits below e*, which is ``distance`` greater than the term's exponent.
    """
    shift = make_shift(target, rounding)
    left, right = max(0, kept - given), max(0, given - kept)

    def align(sig: Any, distance: Any) -> Any:
        return shift(sig << left, distance + right)

    return target.routine(align)


def make_result(
    target: Target, output: Format, precision: int, rounding: Rounding, fraction_bits: int
) -> Routine:
    """Return ``result(total, top)``: the encoding of total * 2**(top - fraction_bits), rounded.

    What rounds to zero is +0. What is too large becomes infinite, whatever the direction.
    """
    long, word, clz = target.signed(64), target.unsigned(64), target.clz(64)
    shift = make_shift(target, rounding)
    bias, emin, trailing_bits = output.bias, output.emin, output.trailing_bits
    infinity, sign_mask = long(output.infinity), long(output.sign_mask)
    spare = output.precision - precision

    def result(total: Any, top: Any) -> Any:
        magnitude = -total if total < 0 else total
        unit = top - fraction_bits
        exp = unit + 63 - long(clz(word(magnitude)))
        exp = exp if exp > emin else emin
        down = exp - precision + 1 - unit
        kept = shift(total, down if down > 0 else 0) << (-down if down < 0 else 0)
        sign = sign_mask if kept < 0 else 0
        kept = -kept if kept < 0 else kept
        # The implicit bit of a normal number adds 1 to the exponent field; so does a carry.
        z = ((exp + bias - 1) << trailing_bits) + (kept << spare)
        z = infinity if z > infinity else z
        return (sign | z) if kept != 0 else long(0)

    return target.routine(result)


def make_special(target: Target, unit: Unit, group: int, read: Routine) -> Routine:
    """Return ``special(a, b, m, i, j, k, acc)``: the result of a group with infinities or NaNs."""
    long = target.signed(64)
    infinity, nan = long(unit.output.infinity), long(unit.nan)
    negative_infinity = long(unit.output.infinity | unit.output.sign_mask)

    def special(a: Any, b: Any, m: Any, i: Any, j: Any, k: Any, acc: Any) -> Any:
        sig, exp = read(acc)
        above = (exp >= IS_SPECIAL) & (sig > 0)
        below = (exp >= IS_SPECIAL) & (sig < 0)
        invalid = (exp >= IS_SPECIAL) & (sig == 0)
        for t in range(k, k + group):
            sig, exp = a[m, i, 0, t] * b[m, j, 0, t], a[m, i, 1, t] + b[m, j, 1, t]
            above |= (exp >= IS_SPECIAL) & (sig > 0)
            below |= (exp >= IS_SPECIAL) & (sig < 0)
            invalid |= (exp >= IS_SPECIAL) & (sig == 0)
        z = infinity if above else negative_infinity
        return nan if invalid | (above & below) else z

    return target.routine(special)


def make_block(target: Target, unit: Unit, rule: BlockFma) -> Routine:
    """Return ``block(a, b, m, i, j, k, acc)``: acc plus a group of products from k on.

    ``a[m, i]`` and ``b[m, j]`` are significands and exponents, each a row of all k.
    """
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
            return special(a, b, m, i, j, k, acc)
        total = align_c(sig, top - exp)
        for t in range(k, k + group):
            e = short(a[m, i, 1, t] + b[m, j, 1, t])
            total += align(long(a[m, i, 0, t]) * long(b[m, j, 0, t]), top - e)
        return result(total, top)

    return target.routine(block)


def make_add_last(target: Target, unit: Unit) -> Routine:
    """Return ``add(x, y)`` of encodings of the output, to nearest even, with the unit's NaN."""
    long = target.signed(64)
    builder = routine_builder(Arithmetic(unit.output), target)
    added, word = builder.routine(make_add), builder.word
    magnitude_mask, max_number = long(unit.output.magnitude_mask), long(unit.output.max_number)
    nan = long(unit.nan)

    def add(x: Any, y: Any) -> Any:
        z = long(added(word(x), word(y))[0])
        return nan if (z & magnitude_mask) > max_number else z

    return target.routine(add)


def make_block_instruction(target: Target, unit: Unit, rule: BlockFma) -> Routine:
    """Return ``step(a, b, m, i, j, k, acc)``: the result of the instruction from k on."""
    block = make_block(target, unit, rule)
    if rule.instruction == rule.group and not rule.adds_last:
        return block
    add, adds_last = make_add_last(target, unit), rule.adds_last
    long, groups, group = target.signed(64), rule.instruction // rule.group, rule.group

    def step(a: Any, b: Any, m: Any, i: Any, j: Any, k: Any, acc: Any) -> Any:
        z = long(0) if adds_last else acc
        for part in range(groups):
            z = block(a, b, m, i, j, k + part * group, z)
        return add(z, acc) if adds_last else z

    return target.routine(step)


def zero_exponent_of(rule: Rule) -> int | None:
    """Return the exponent of operands that are zero, if they count."""
    return rule.zero_exponent if isinstance(rule, BlockFma) else None


def make_step(target: Target, unit: Unit) -> Routine:
    """Return ``step(a, b, m, i, j, k, acc)``: the result of the instruction from k on."""
    if isinstance(unit.rule, BlockFma):
        return make_block_instruction(target, unit, unit.rule)
    raise NotImplementedError(unit.rule)
