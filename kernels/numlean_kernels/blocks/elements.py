"""Elements of blocks: binary32 numbers over a power of two, rounded once."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Final

import numpy as np

from numlean_kernels.blocks.exponents import BIAS
from numlean_kernels.blocks.rules import Element
from numlean_kernels.formats import BINARY32, BINARY64, Format
from numlean_kernels.ieee.arithmetic import Rounding
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


def make_value(format: Format, target: Target) -> Routine:
    """Return ``value(code)``: a number of a small format, not negative, as a binary32 number."""
    word, unsigned, real = target.signed(32), target.unsigned(32), target.real_of(32)
    multiply = target.instructions(32).mul
    shift = word(BINARY32.trailing_bits - format.trailing_bits)
    offset = word((BIAS - format.bias) << BINARY32.trailing_bits)
    unit = np.float32(2.0 ** (format.emin - format.trailing_bits))
    least_normal = word(format.implicit_bit if format.has_zero else 0)

    def value(code: Any) -> Any:
        code = word(code)
        normal = real(unsigned(word(word(code << shift) + offset)))
        return normal if code >= least_normal else multiply(np.float32(code), unit)

    return value


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

    They are below 2**-126, and zeros are the magnitudes below half of the least element.
    """
    format = element.format
    return 2 + format.trailing_bits - format.emin


def greatest(format: Format) -> np.float32:
    """Return the greatest number of a small format."""
    significand = format.implicit_bit | format.max_finite & format.trailing_mask
    return np.float32(significand) * np.float32(2.0 ** (format.emax - format.trailing_bits))


def make_over_power(target: Target) -> Routine:
    """Return ``over(x, scale)``: the binary32 encoding of |x| / 2**(scale - 127).

    x is a binary32 encoding. What is below the normal numbers becomes 0, and a subnormal x is some
    number of its binade; ``least_simple_scale`` makes both harmless.
    """
    word = target.signed(32)
    magnitude_mask, fraction_bits, bias, zero = map(
        word, (BINARY32.magnitude_mask, BINARY32.trailing_bits, BIAS, 0)
    )

    def over(x: Any, scale: Any) -> Any:
        power = word(word(word(scale) - bias) << fraction_bits)
        return max(word(word(word(x) & magnitude_mask) - power), zero)

    return over


def make_magnitude(scaled: Routine, target: Target) -> Routine:
    """Return ``magnitude(x, factor, whole)``: the binary32 encoding of ``scaled`` of |x|."""
    word, unsigned = target.signed(32), target.unsigned(32)
    real, encoding = target.real_of(32), target.encoding_of(32)
    magnitude_mask = word(BINARY32.magnitude_mask)

    def magnitude(x: Any, factor: Any, whole: Any) -> Any:
        positive = real(unsigned(word(x) & magnitude_mask))
        return word(encoding(scaled(positive, factor, whole)))

    return magnitude


NEAREST: Final = (Rounding.TIES_TO_EVEN, Rounding.TIES_TO_AWAY)
"""The roundings of ``make_nearest``."""


def make_nearest(
    element: Element, rounding: Rounding, target: Target, *, source: Format = BINARY32
) -> Routine:
    """Return ``nearest(x, magnitude)``: the code of a number, at most the greatest element.

    x is an encoding with the sign, and ``magnitude`` one of 0 to infinity; both of the format
    ``source``, binary32 or binary64. Vector instructions compute it: it has no branch, and its
    words have the width of the source. A sum rounds: that of the magnitude and of the power of two
    whose last place has the unit of the element.
    """
    width, format = source.width, element.format
    word, unsigned = target.signed(width), target.unsigned(width)
    real, encoding, own = (
        target.real_of(width),
        target.encoding_of(width),
        target.instructions(width),
    )
    add, subtract = own.add, own.sub
    bits, bias = source.trailing_bits, source.bias
    shift = word(bits - format.trailing_bits)
    limit = word(_encoding(greatest(format), source))
    exponents, first = word(source.infinity), word((format.emin + bias) << bits)
    up, half = word((bits - format.trailing_bits) << bits), word((bits + 1) << bits)
    sign_bit, one, all_bits = word(width - 1), word(1), word(0xFF)
    sign_place, is_integer = word(format.width - 1), element.is_integer
    goes_away = rounding is Rounding.TIES_TO_AWAY

    def nearest(x: Any, magnitude: Any) -> Any:
        kept = min(word(magnitude), limit)
        exponent = max(word(kept & exponents), first)
        unit = word(exponent + up)
        number, whole = real(unsigned(kept)), real(unsigned(unit))
        total = add(number, whole)
        n = word(word(encoding(total)) - unit)
        if goes_away:
            rest = subtract(number, subtract(total, whole))
            n = word(n + one) if rest == real(unsigned(word(unit - half))) else n
        code = word(n + word(word(exponent - first) >> shift))
        negative = word(word(word(x) >> sign_bit) & one)
        if is_integer:
            return word(word(word(code ^ word(-negative)) + negative) & all_bits)
        return word(code | word(negative << sign_place))

    return nearest


def _encoding(number: np.float32, format: Format) -> int:
    """Return a number as an encoding of binary32 or binary64."""
    if format == BINARY32:
        return int(number.view(np.uint32))
    return int(np.float64(number).view(np.uint64))


BOUNDARIES: Final = 7
"""The boundaries between the magnitudes of elements that ``make_compared`` finds, as of e2m1."""


def is_compared(element: Element) -> bool:
    """Return whether comparisons with all boundaries find an element."""
    return not element.is_integer and element.format.max_finite == BOUNDARIES


def least_compared(element: Element) -> np.float64:
    """Return the least factor of ``make_compared``: its products are normal binary32 numbers."""
    format = element.format
    return np.float64(2.0 ** (BINARY32.emin + 2 + format.trailing_bits - format.emin))


def make_compared(element: Element, rounding: Rounding, target: Target) -> Routine:
    """Return ``compared(x, factor)``: the code of x / factor, rounded once to nearest.

    x is the encoding of a finite binary32 number, and ``factor`` a binary64 number of at most 28
    significant bits and at least ``least_compared``. |x| is compared with factor times the middle
    boundary between elements, then with one of each half, and so on. These products have at most 31
    bits, so they are exact, and a binary32 number below one of them is so by more than 2**-32 of
    it. So a boundary at which ties go up is lowered by less than that, and all products are rounded
    down to binary32: the numbers above them stay the same.
    """
    format, word, wide = element.format, target.signed(32), target.signed(64)
    multiply, encoding = target.instructions(64).mul, target.encoding_of(64)
    magnitude_mask, sign_bit = word(BINARY32.magnitude_mask), word(31)
    sign_place, zero, one, two, four = map(word, (format.width - 1, 0, 1, 2, 4))
    narrow = wide(BINARY64.trailing_bits - BINARY32.trailing_bits)
    bias = wide((BINARY64.bias - BINARY32.bias) << BINARY32.trailing_bits)
    # Boundaries of one significand share a product.
    (t1, s1), (t2, s2), (t3, s3), (t4, s4), (t5, s5), (t6, s6), (t7, s7) = (
        (t, word(power << BINARY32.trailing_bits)) for t, power in _boundaries(format, rounding)
    )

    def limit(significand: Any, power: Any, factor: Any) -> Any:
        product = word((wide(encoding(multiply(significand, factor))) >> narrow) - bias)
        return word(product + power)

    limit = target.routine(limit)

    def compared(x: Any, factor: Any) -> Any:
        magnitude = word(word(x) & magnitude_mask)
        is_high = magnitude > limit(t4, s4, factor)
        is_upper = magnitude > (limit(t6, s6, factor) if is_high else limit(t2, s2, factor))
        high = limit(t7, s7, factor) if is_upper else limit(t5, s5, factor)
        low = limit(t3, s3, factor) if is_upper else limit(t1, s1, factor)
        is_last = magnitude > (high if is_high else low)
        code = word((four if is_high else zero) | (two if is_upper else zero))
        negative = word(word(word(x) >> sign_bit) & one)
        return word(word(code | (one if is_last else zero)) | word(negative << sign_place))

    return compared


def _boundaries(format: Format, rounding: Rounding) -> list[tuple[np.float64, int]]:
    """Return significands and exponents of the middles between magnitudes.

    Where ties go up, significands are a little less.
    """
    magnitudes = [_magnitude(format, code) for code in range(format.max_finite + 1)]
    boundaries = []
    for code, (low, high) in enumerate(pairwise(magnitudes)):
        goes_up = rounding is Rounding.TIES_TO_AWAY or code % 2 == 1
        half, power = math.frexp((low + high) / 2)
        boundaries.append((np.float64(2 * half * (1 - 2.0**-40 if goes_up else 1)), power - 1))
    return boundaries


def _magnitude(format: Format, code: int) -> float:
    exponent, fraction = code >> format.trailing_bits, code & format.trailing_mask
    significand = fraction + (format.implicit_bit if exponent else 0)
    power = max(exponent - format.bias, format.emin) - format.trailing_bits
    return float(significand * 2.0**power)
