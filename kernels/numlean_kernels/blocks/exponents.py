"""The scale of a block of OCP MX numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numlean_kernels.blocks.rules import Element, PowerRule, ScaleRule
from numlean_kernels.formats import BINARY32
from numlean_kernels.protocol import Routine, Target

BIAS: Final = 127
NAN_SCALE: Final = 255


def make_scale(rule: PowerRule, target: Target) -> Routine:
    """Return ``scale(amax) -> code``, where amax is the encoding of a binary32 magnitude."""
    choices, signed = rule.scale, target.signed(64)
    exponent = target.routine(_EXPONENTS[choices.rule](rule.element, target))
    zero, infinity, zero_as = map(signed, (0, BINARY32.infinity, choices.zero_as))
    nan, infinite, beyond = map(signed, (NAN_SCALE, choices.infinite, choices.beyond))
    greatest = signed(2 * BIAS)
    carries = choices.carry_is_infinite and choices.rule is ScaleRule.EVEN
    limit = infinity - signed(_half_unit(rule.element)) if carries else infinity

    def scale(amax: Any) -> Any:
        amax = signed(amax)
        if amax > infinity:
            return nan
        if amax >= limit:
            return infinite
        code = exponent(zero_as if amax == zero else amax)
        return zero if code < zero else beyond if code > greatest else code

    return scale


def _half_unit(element: Element) -> int:
    """Return half a unit of an element's last bit, in units of binary32's last bit."""
    return 1 << (BINARY32.trailing_bits - element.format.trailing_bits - 1)


def _floor(element: Element, target: Target) -> Routine:
    signed = target.signed(64)
    fraction_bits, emax = signed(BINARY32.trailing_bits), signed(element.format.emax)

    def exponent(amax: Any) -> Any:
        return (amax >> fraction_bits) - emax

    return exponent


def _ceil(element: Element, target: Target) -> Routine:
    signed = target.signed(64)
    fraction_bits, emax = signed(BINARY32.trailing_bits), signed(element.format.emax)
    above = signed(BINARY32.trailing_mask)

    def exponent(amax: Any) -> Any:
        return ((amax + above) >> fraction_bits) - emax

    return exponent


def _even(element: Element, target: Target) -> Routine:
    signed = target.signed(64)
    fraction_bits, emax = signed(BINARY32.trailing_bits), signed(element.format.emax)
    half = signed(_half_unit(element))

    def exponent(amax: Any) -> Any:
        return ((amax + half) >> fraction_bits) - emax

    return exponent


def _rceil(element: Element, target: Target) -> Routine:
    signed, format = target.signed(64), element.format
    fraction_bits, emax = signed(BINARY32.trailing_bits), signed(format.emax)
    trailing, implicit = signed(BINARY32.trailing_mask), signed(BINARY32.implicit_bit)
    # The significand of the greatest element, as that of a binary32 number.
    own = (format.max_finite & format.trailing_mask) | format.implicit_bit
    greatest = signed(own << (BINARY32.trailing_bits - format.trailing_bits))
    zero, one = signed(0), signed(1)

    def exponent(amax: Any) -> Any:
        biased, fraction = amax >> fraction_bits, amax & trailing
        # A subnormal number has the exponent of the least normal one.
        significand = fraction << one if biased == zero else fraction | implicit
        return biased - emax + (one if significand > greatest else zero)

    return exponent


_EXPONENTS: Final[dict[ScaleRule, Callable[[Element, Target], Routine]]] = {
    ScaleRule.FLOOR: _floor,
    ScaleRule.CEIL: _ceil,
    ScaleRule.EVEN: _even,
    ScaleRule.RCEIL: _rceil,
}
"""Each makes ``exponent(amax) -> e + 127`` of a finite magnitude, not yet clamped."""
