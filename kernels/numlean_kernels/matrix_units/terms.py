"""Routines on the terms of a sum: read an encoding, align a term, round a sum.

**Notation.** An encoding is read once, into a *significand*, a signed integer in units of the last
place of its precision, and an exponent. Zeros have the significand 0 and an exponent so small that
no e* is theirs, unless the rule gives them one. Infinities have the significand 1 or -1 and NaNs 0,
with an exponent so great that e* shows that one of them is there, whatever the partner.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.formats import Format
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.matrix_units.rule import FLOORED, NEAREST, TRUNCATED, Unit
from numlean_kernels.protocol import Routine, Target

ZERO: Final = -(1 << 18)
"""The exponent of a zero that does not count."""

SPECIAL: Final = 1 << 20
"""The exponent of infinities and NaNs."""

IS_SPECIAL: Final = 1 << 19
"""The least exponent of a product with an infinity or a NaN, whatever the other factor."""

_FARTHEST: Final = 63


def make_read(
    target: Target,
    format: Format,
    precision: int,
    zero_exponent: int | None,
    *,
    normalises: bool = False,
) -> Routine:
    """Return ``read(x) -> (significand, exponent)`` of an encoding; low bits are cut off first.

    If it normalises, a subnormal number has the exponent of its leading bit.
    """
    long, word, clz = target.signed(64), target.unsigned(64), target.clz(64)
    sign_mask, magnitude_mask = long(format.sign_mask), long(format.magnitude_mask)
    trailing_mask, implicit_bit = long(format.trailing_mask), long(format.implicit_bit)
    max_finite, max_number = long(format.max_finite), long(format.max_number)
    trailing_bits, dropped = format.trailing_bits, format.precision - precision
    width, leading_zeros, kept_mask = format.width, 64 - precision, long(-1 << dropped)
    bias, zero_exp = format.bias, ZERO if zero_exponent is None else zero_exponent
    has_nan_at_minus_zero = format.has_nan_at_minus_zero

    def read(x: Any) -> Any:
        bits = long(x) & kept_mask
        magnitude = bits & magnitude_mask
        field = magnitude >> trailing_bits
        sig = ((magnitude & trailing_mask) | (implicit_bit if field != 0 else 0)) >> dropped
        exp = (field if field != 0 else 1) - bias
        if normalises:
            zeros = long(clz(word(sig))) - leading_zeros
            sig, exp = sig << (zeros if zeros < width else 0), exp - zeros
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

    def floored(x: Any, n: Any) -> Any:
        return x >> (n if n < _FARTHEST else _FARTHEST)

    def truncated(x: Any, n: Any) -> Any:
        kept = (-x if x < 0 else x) >> (n if n < _FARTHEST else _FARTHEST)
        return -kept if x < 0 else kept

    def nearest(x: Any, n: Any) -> Any:
        n = n if n < _FARTHEST else _FARTHEST
        almost_half = (one << (n - 1 if n > 0 else 0)) - 1
        return (x + almost_half + (((x >> n) & 1) if n > 0 else 0)) >> n

    made = {FLOORED: floored, TRUNCATED: truncated, NEAREST: nearest}
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
    target: Target,
    output: Format,
    precision: int,
    rounding: Rounding,
    fraction_bits: int,
    *,
    has_negative_zeros: bool = False,
) -> Routine:
    """Return ``result(total, top)``: the encoding of total * 2**(top - fraction_bits), rounded.

    What is too large becomes infinite, whatever the direction. A sum of zero is +0; so is a sum
    that rounds to zero, unless there are negative zeros.
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
        sign = sign_mask if (total if has_negative_zeros else kept) < 0 else 0
        kept = -kept if kept < 0 else kept
        # The implicit bit of a normal number adds 1 to the exponent field; so does a carry.
        z = ((exp + bias - 1) << trailing_bits) + (kept << spare)
        z = infinity if z > infinity else z
        return sign | (z if kept != 0 else 0)

    return target.routine(result)


def make_special(
    target: Target, unit: Unit, read: Routine, *, greatest: int | None = None
) -> Routine:
    """Return ``special(a_sig, a_exp, b_sig, b_exp, m, i, j, k, end, acc) -> (found, z)``.

    Among products from k up to end and the accumulator, ``found`` is whether there are infinities
    or NaNs, and z the result if so. A product whose exponent, normalised, is above ``greatest``
    counts as infinite.
    """
    long, word, clz = target.signed(64), target.unsigned(64), target.clz(64)
    infinity, nan = long(unit.output.infinity), long(unit.nan)
    negative_infinity = long(unit.output.infinity | unit.output.sign_mask)
    has_greatest = greatest is not None
    # A significand with one bit has the exponent of its unit.
    beyond = (greatest or 0) + unit.left.precision + unit.right.precision - 2

    def special(
        a_sig: Any,
        a_exp: Any,
        b_sig: Any,
        b_exp: Any,
        m: Any,
        i: Any,
        j: Any,
        k: Any,
        end: Any,
        acc: Any,
    ) -> Any:
        sig, exp = read(acc)
        is_special = exp >= IS_SPECIAL
        above, below = is_special & (sig > 0), is_special & (sig < 0)
        invalid = is_special & (sig == 0)
        for t in range(k, end):
            sig = long(a_sig[m, i, t]) * long(b_sig[m, t, j])
            exp = long(a_exp[m, i, t]) + long(b_exp[m, t, j])
            is_special = exp >= IS_SPECIAL
            invalid |= is_special & (sig == 0)
            if has_greatest:
                magnitude = -sig if sig < 0 else sig
                is_special |= (sig != 0) & (exp + 63 - long(clz(word(magnitude))) > beyond)
            above |= is_special & (sig > 0)
            below |= is_special & (sig < 0)
        z = infinity if above else negative_infinity
        return above | below | invalid, (nan if invalid | (above & below) else z)

    return target.routine(special)
