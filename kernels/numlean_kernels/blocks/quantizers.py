"""The quantizers of two-level formats: how scales and quotients follow from numbers (NVFP4).

All but ``exact`` and ``microxcaling`` compute in binary32, each operation rounded to nearest. gamax
and amax are the greatest magnitudes of a tensor and of a block, S (``whole``) and s their scales.
Quotients are rounded once more, to a scale or an element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from numlean_kernels.blocks.elements import greatest
from numlean_kernels.blocks.rules import Quantizer, TwoLevelRule
from numlean_kernels.formats import BINARY64
from numlean_kernels.protocol import Routine, Target


class Steps(NamedTuple):
    """The routines of a quantizer. All numbers are binary32 but for exact quotients: binary64.

    Attributes:
        tensor: ``tensor(gamax) -> S``, the factor of every number of the tensor.
        scale: ``scale(amax, gamax, whole)``: the scale of a block before it is rounded.
        factor: ``factor(s, gamax, whole)``, for ``scaled``: the same for all numbers of a block.
        scaled: ``scaled(x, factor, whole)``: a number before it is rounded to an element.
        is_exact: Whether that is the exact quotient x / factor, as far as rounding can tell.
    """

    tensor: Routine
    scale: Routine
    factor: Routine
    scaled: Routine
    is_exact: bool = False


def skips_nan(quantizer: Quantizer) -> bool:
    """Return whether NaNs do not count in greatest magnitudes."""
    return quantizer is Quantizer.TRANSFORMER_ENGINE


def has_zero_blocks(quantizer: Quantizer) -> bool:
    """Return whether the elements of a block whose scale is 0 are zeros, without a quotient."""
    return quantizer is not Quantizer.TRANSFORMER_ENGINE


def make_steps(rule: TwoLevelRule, target: Target) -> Steps:
    """Return the routines of a rule's quantizer."""
    made = _QUANTIZERS[rule.quantizer](rule, target)
    tensor, scale, factor, scaled = map(target.routine, made[:4])
    return Steps(tensor, scale, factor, scaled, made.is_exact)


def _range(rule: TwoLevelRule) -> tuple[np.float32, np.float32]:
    """Return the greatest element and the greatest scale: 6 and 448 in NVFP4."""
    return greatest(rule.element.format), greatest(rule.scale)


def _multiplied(target: Target) -> Routine:
    """Return ``scaled`` of quantizers that multiply by the factor of a block."""
    multiply = target.instructions(32).mul

    def scaled(x: Any, factor: Any, whole: Any) -> Any:
        return multiply(x, factor)

    return scaled


def _reciprocal(target: Target) -> Routine:
    """Return ``factor`` of quantizers for which it is 1 / s."""
    divide, one = target.instructions(32).div, np.float32(1.0)

    def factor(s: Any, gamax: Any, whole: Any) -> Any:
        return divide(one, s)

    return factor


def _exact(rule: TwoLevelRule, target: Target) -> Steps:
    most, most_scale = _range(rule)
    divide32, most64 = target.instructions(32).div, np.float64(most)
    own = target.instructions(64)
    divide, multiply = own.div, own.mul
    drawn = target.routine(make_exact_quotient(target))
    quotient = drawn if rule.elements.is_stochastic else divide
    span, one = np.float32(most * most_scale), np.float32(1.0)
    zero, infinity = np.float32(0.0), np.float32(np.inf)

    def tensor(gamax: Any) -> Any:
        whole = divide32(gamax, span)
        return whole if whole > zero and whole < infinity else one

    # A quotient rounded to binary64 lies on the same side of each scale, element and middle of two
    # as the exact one: these times the divisor have at most 33 bits, so a number that is none of
    # them differs by at least 2**-34 of it. What is drawn at random needs more.
    def scale(amax: Any, gamax: Any, whole: Any) -> Any:
        return divide(np.float64(amax), multiply(most64, np.float64(whole)))

    def factor(s: Any, gamax: Any, whole: Any) -> Any:
        return multiply(np.float64(s), np.float64(whole))

    def scaled(x: Any, factor: Any, whole: Any) -> Any:
        return quotient(np.float64(x), factor)

    return Steps(tensor, scale, factor, scaled, is_exact=True)


def _microxcaling(rule: TwoLevelRule, target: Target) -> Steps:
    exact = _exact(rule, target)
    scale_of = target.routine(exact.scale)
    least, zero, infinity = np.finfo(np.float32).tiny, np.float32(0.0), np.float32(np.inf)
    nan = np.float64(np.nan)

    def scale(amax: Any, gamax: Any, whole: Any) -> Any:
        quotient = scale_of(least if amax == zero else amax, gamax, whole)
        return quotient if amax < infinity else nan

    return exact._replace(scale=scale)


def _transformer_engine(rule: TwoLevelRule, target: Target) -> Steps:
    most, most_scale = _range(rule)
    own = target.instructions(32)
    divide, multiply = own.div, own.mul
    span, one, zero = np.float32(most * most_scale), np.float32(1.0), np.float32(0.0)
    reciprocal, limit = np.float32(1.0) / most, np.finfo(np.float32).max

    def encoding_scale(gamax: Any) -> Any:
        whole = span_over(gamax)
        return one if gamax == zero or whole == zero else whole

    def span_over(gamax: Any) -> Any:
        whole = divide(span, gamax)
        return whole if whole < limit else limit

    span_over, encoding_scale = target.routine(span_over), target.routine(encoding_scale)

    def tensor(gamax: Any) -> Any:
        return divide(one, encoding_scale(gamax))

    def scale(amax: Any, gamax: Any, whole: Any) -> Any:
        return multiply(amax, multiply(encoding_scale(gamax), reciprocal))

    def factor(s: Any, gamax: Any, whole: Any) -> Any:
        f = divide(one, multiply(s, whole))
        return f if f < limit else limit

    return Steps(tensor, scale, factor, _multiplied(target))


def _torchao(rule: TwoLevelRule, target: Target) -> Steps:
    most, most_scale = _range(rule)
    divide = target.instructions(32).div
    span, one, zero = np.float32(most * most_scale), np.float32(1.0), np.float32(0.0)
    least = np.float32(2.0**rule.scale.emin)

    def tensor(gamax: Any) -> Any:
        return one if gamax == zero else divide(gamax, span)

    def scale(amax: Any, gamax: Any, whole: Any) -> Any:
        quotient = divide(divide(amax, most), whole)
        quotient = least if quotient < least else quotient
        return most_scale if quotient > most_scale else quotient

    def factor(s: Any, gamax: Any, whole: Any) -> Any:
        return divide(divide(one, whole), s)

    return Steps(tensor, scale, factor, _multiplied(target))


def _universal(rule: TwoLevelRule, target: Target) -> Steps:
    most, most_scale = _range(rule)
    own = target.instructions(32)
    divide, multiply = own.div, own.mul
    span, one, zero = np.float32(most * most_scale), np.float32(1.0), np.float32(0.0)
    least = np.float32(2.0 ** (rule.scale.emin - rule.scale.trailing_bits))

    def tensor(gamax: Any) -> Any:
        return one if gamax == zero else divide(gamax, span)

    def scale(amax: Any, gamax: Any, whole: Any) -> Any:
        # The greatest |x / S| is |amax / S|, as division rounds monotonically.
        quotient = divide(divide(amax, whole), most)
        return least if amax > zero and quotient < least else quotient

    def scaled(x: Any, factor: Any, whole: Any) -> Any:
        return multiply(divide(x, whole), factor)

    return Steps(tensor, scale, _reciprocal(target), scaled)


def _triton(rule: TwoLevelRule, target: Target) -> Steps:
    most, most_scale = _range(rule)
    divide, one = target.instructions(32).div, np.float32(1.0)

    def tensor(gamax: Any) -> Any:
        return one

    def scale(amax: Any, gamax: Any, whole: Any) -> Any:
        quotient = divide(amax, most)
        return most_scale if quotient > most_scale else quotient

    return Steps(tensor, scale, _reciprocal(target), _multiplied(target))


_QUANTIZERS: Final[dict[Quantizer, Callable[[TwoLevelRule, Target], Steps]]] = {
    Quantizer.EXACT: _exact,
    Quantizer.TRANSFORMER_ENGINE: _transformer_engine,
    Quantizer.TORCHAO: _torchao,
    Quantizer.UNIVERSAL: _universal,
    Quantizer.TRITON: _triton,
    Quantizer.MICROXCALING: _microxcaling,
}


def make_exact_quotient(target: Target) -> Routine:
    """Return ``quotient(n, d)``: n / d, of at least 34 bits, rounded to odd.

    Rounding it once more to fewer bits, in any direction, gives what rounding the exact quotient
    gives. n has at most 24 significant bits, and d, which is positive and finite, at most 28.
    """
    signed, encoding, real = target.signed(64), target.encoding_of(64), target.real_of(64)
    word = target.unsigned(64)
    multiply, divide = target.instructions(64).mul, target.instructions(64).div
    trailing, implicit = signed(BINARY64.trailing_mask), signed(BINARY64.implicit_bit)
    magnitude_mask, infinity = signed(BINARY64.magnitude_mask), signed(BINARY64.infinity)
    fraction_bits = signed(BINARY64.trailing_bits)
    narrow_n, narrow_d, up, one = map(signed, (53 - 24, 53 - 28, 38, 1))
    # n = X * 2**(E - 23), d = D * 2**(F - 27), and the integer quotient is that of X * 2**38.
    unit = signed(BINARY64.bias - 23 + 27 - 38 - 1)
    zero = signed(0)

    def quotient(n: Any, d: Any) -> Any:
        bits, by = signed(encoding(n) & magnitude_mask), signed(encoding(d))
        if bits == zero or bits >= infinity:
            return divide(n, d)
        x = ((bits & trailing) | implicit) >> narrow_n
        y = ((by & trailing) | implicit) >> narrow_d
        scaled = x << up
        whole = scaled // y
        odd = (whole << one) | (zero if whole * y == scaled else one)
        exponent = (bits >> fraction_bits) - (by >> fraction_bits) + unit
        magnitude = multiply(np.float64(odd), real(word(exponent << fraction_bits)))
        return -magnitude if n < 0 else magnitude

    return quotient
