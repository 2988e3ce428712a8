"""Elements of blocks: binary32 numbers over a power of two, rounded once."""

from __future__ import annotations

from typing import Any

from numlean_kernels.blocks.exponents import BIAS
from numlean_kernels.blocks.rules import Element
from numlean_kernels.formats import BINARY32, BINARY64
from numlean_kernels.ieee.convert import BINARY64_EXACTLY, cast_maker, cast_name
from numlean_kernels.ieee.routine_builder import routine_builder
from numlean_kernels.protocol import Routine, Target


def make_greater(target: Target, *, skips_nan: bool) -> Routine:
    """Return ``greater(amax, x)``: the greater of a magnitude and that of a binary32 encoding.

    A NaN is greater than infinity, unless it is to be skipped.
    """
    word = target.signed(32)
    magnitude_mask, infinity, zero = map(word, (BINARY32.magnitude_mask, BINARY32.infinity, 0))

    def greater(amax: Any, x: Any) -> Any:
        return max(amax, word(word(x) & magnitude_mask))

    def greater_number(amax: Any, x: Any) -> Any:
        magnitude = word(word(x) & magnitude_mask)
        return max(amax, magnitude if magnitude <= infinity else zero)

    return greater_number if skips_nan else greater


def make_scaled(target: Target) -> Routine:
    """Return ``scaled(x, scale)``: x / 2**(scale - 127) as a binary64 encoding, exactly.

    x is a binary32 encoding, and the scale no NaN, so every quotient but 0 is a normal number.
    """
    builder = routine_builder(BINARY64_EXACTLY, target)
    widen = builder.routine(cast_maker(cast_name(BINARY32)))
    word, (magnitude_mask, infinity) = builder.word, builder.words("magnitude_mask", "infinity")
    fraction_bits, bias, zero = word(BINARY64.trailing_bits), word(BIAS), word(0)

    def scaled(x: Any, scale: Any) -> Any:
        wide, _ = widen(x)
        magnitude = word(wide & magnitude_mask)
        is_scaled = magnitude != zero and magnitude < infinity
        power = word(word(scale) - bias) if is_scaled else zero
        return word(wide - word(power << fraction_bits))

    return scaled


def make_code(element: Element, target: Target) -> Routine:
    """Return ``code(encoding)``: an encoding of the element's format as a code."""
    word = target.unsigned(32)
    sign, magnitude, all_bits, one = map(word, (0x80, 0x7F, 0xFF, 1))

    def same(encoding: Any) -> Any:
        return encoding

    def complement(encoding: Any) -> Any:
        encoding = word(encoding)
        n = word(encoding & magnitude)
        return word(word(all_bits + one - n) & all_bits) if encoding & sign else n

    return complement if element.is_integer else same


def least_simple_scale(element: Element) -> int:
    """Return the least code of a scale for which subnormal numbers become zeros of their sign.

    They are below 2**-126, and zeros are the magnitudes up to half of the least element.
    """
    format = element.format
    return 2 + format.trailing_bits - format.emin


def make_nearest(element: Element, target: Target) -> Routine:
    """Return ``nearest(x, scale)``: the code of x / 2**(scale - 127), ties to even.

    x is the encoding of a finite binary32 number, and the scale at least ``least_simple_scale``.
    Vector instructions compute it: it has no branch, and its words have 32 bits.
    """
    format, word = element.format, target.signed(32)
    magnitude_mask, trailing, implicit = map(
        word, (BINARY32.magnitude_mask, BINARY32.trailing_mask, BINARY32.implicit_bit)
    )
    fraction_bits, sign_bit = word(BINARY32.trailing_bits), word(31)
    own_bits, emin, greatest = map(word, (format.trailing_bits, format.emin, format.max_finite))
    dropped = word(BINARY32.trailing_bits - format.trailing_bits)
    most_dropped, mask = word(25), word(31)
    sign_place, one, all_bits = word(format.width - 1), word(1), word(0xFF)
    is_integer = element.is_integer

    def nearest(x: Any, scale: Any) -> Any:
        magnitude = word(word(x) & magnitude_mask)
        exponent = word(word(magnitude >> fraction_bits) - scale)
        significand = word(word(magnitude & trailing) | implicit)
        kept = max(exponent, emin)
        # The mask changes nothing, but shows the compiler that 32 bits suffice.
        drop = word(min(word(dropped + word(kept - exponent)), most_dropped) & mask)
        below_half = word(word(one << word(drop - one)) - one)
        odd = word(word(significand >> drop) & one)
        rounded = word(word(word(significand + below_half) + odd) >> drop)
        code = min(word(word(word(kept - emin) << own_bits) + rounded), greatest)
        negative = word(word(x >> sign_bit) & one)
        if is_integer:
            return word(word(word(code ^ word(-negative)) + negative) & all_bits)
        return word(code | word(negative << sign_place))

    return nearest
