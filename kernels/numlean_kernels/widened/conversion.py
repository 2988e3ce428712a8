"""Between encodings of a small format and those of a wider hardware format."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.arithmetic import Overflow, Rounding, Subnormal, Tininess
from numlean_kernels.ieee.fields import make_read_operand, make_shift_right_jam
from numlean_kernels.ieee.rounding import (
    becomes_infinite,
    make_increment,
    make_infinite,
    make_overflowed,
)
from numlean_kernels.protocol import Routine
from numlean_kernels.widened.builder import WideBuilder

_NEAREST = (Rounding.TIES_TO_EVEN, Rounding.TIES_TO_AWAY)


def make_widen(builder: WideBuilder) -> Routine:
    """Return ``widen(a)``: the wide encoding of the same number; a NaN for a NaN.

    Subnormal operands are zeros of their sign if the arithmetic flushes them.
    """
    if builder.is_prefix:
        return builder.routine(_widen_prefix)
    widen, word = builder.routine(_widen_fields), builder.word
    format, wide = builder.format, builder.wide
    sign_mask, magnitude_mask, infinity = builder.words("sign_mask", "magnitude_mask", "infinity")
    up_sign = word(wide.width - format.width)
    # Infinity, if there is one, becomes the wide one, and all above it become NaNs.
    special = word(wide.infinity + (not format.has_infinity) - format.infinity)

    def widen_any(a: Any) -> Any:
        magnitude, sign = word(a & magnitude_mask), word(word(a & sign_mask) << up_sign)
        return word(word(magnitude + special) | sign) if magnitude >= infinity else widen(a)

    return widen_any


def make_widen_finite(builder: WideBuilder) -> Routine:
    """Return the same for a finite number, and any encoding for others."""
    return builder.routine(_widen_prefix if builder.is_prefix else _widen_fields)


def _widen_prefix(builder: WideBuilder) -> Routine:
    word, up = builder.word, builder.word(builder.guard_bits)
    read_operand = builder.routine(make_read_operand)

    def widen(a: Any) -> Any:
        return word(read_operand(a) << up)

    return widen


def _widen_fields(builder: WideBuilder) -> Routine:
    """Return the routine for finite numbers of another exponent field.

    The fields of a subnormal number, put below the leading one of the least normal number, make the
    sum of both; the difference is exact.
    """
    word, format, wide = builder.word, builder.format, builder.wide
    encoding, real, subtracted = builder.encoding, builder.real, builder.instructions.sub
    read_operand = builder.routine(make_read_operand)
    sign_mask, magnitude_mask, implicit_bit = builder.words(
        "sign_mask", "magnitude_mask", "implicit_bit"
    )
    up, up_sign = word(builder.guard_bits), word(wide.width - format.width)
    rebias, least = word(builder.rebias), word(builder.least_normal)

    def widen(a: Any) -> Any:
        a = read_operand(a)
        magnitude = word(a & magnitude_mask)
        fields = word(magnitude << up)
        tiny = encoding(subtracted(real(word(fields + least)), real(least)))
        z = tiny if magnitude < implicit_bit else word(fields + rebias)
        return word(z | word(word(a & sign_mask) << up_sign))

    return widen


def make_narrow(builder: WideBuilder) -> Routine:
    """Return ``narrow(a)``: a wide encoding that is no NaN, rounded once to the small format.

    Infinity counts as a number beyond the range; see :func:`make_infinite_of`.
    """
    word, format, wide = builder.word, builder.format, builder.wide
    increment, overflowed = builder.routine(make_increment), builder.routine(make_overflowed)
    magnitude_of = builder.routine(_magnitude_in_units)
    sign_mask, max_finite = builder.words("sign_mask", "max_finite")
    wide_magnitude = word(wide.magnitude_mask)
    down, down_sign = word(builder.guard_bits), word(wide.width - format.width)
    least_normal = word(builder.least_normal)
    is_usual = builder.arithmetic.rounding in _NEAREST
    is_usual &= builder.arithmetic.overflow is Overflow.INFINITE
    overflows_into_infinity = builder.is_prefix and is_usual
    rounds_tiny = builder.arithmetic.tininess is Tininess.AFTER

    def narrow(a: Any) -> Any:
        sign, magnitude = word(word(a >> down_sign) & sign_mask), word(a & wide_magnitude)
        z = magnitude_of(sign, magnitude)
        if overflows_into_infinity:
            return word(sign | z)
        return overflowed(sign) if z > max_finite else word(sign | z)

    def narrow_flushing(a: Any) -> Any:
        sign, magnitude = word(word(a >> down_sign) & sign_mask), word(a & wide_magnitude)
        added = increment(sign, magnitude) if rounds_tiny else word(0)
        is_tiny = word(magnitude + added) < least_normal
        z = word(word(word(magnitude + increment(sign, magnitude)) - rebias) >> down)
        z = overflowed(sign) if z > max_finite else word(sign | z)
        return sign if is_tiny else z

    rebias = word(builder.rebias)
    flushes = builder.arithmetic.subnormal is Subnormal.FLUSH
    return narrow_flushing if flushes else narrow


def _magnitude_in_units(builder: WideBuilder) -> Routine:
    """Return ``magnitude_of(sign, magnitude)``: a wide magnitude rounded without a largest number.

    It is an encoding if it is not greater than that of the largest number.
    """
    if builder.is_prefix:
        return _of_prefix(builder)
    is_even = builder.arithmetic.rounding is Rounding.TIES_TO_EVEN
    return _of_fields_by_sum(builder) if is_even else _of_fields_by_shift(builder)


def _of_prefix(builder: WideBuilder) -> Routine:
    word, down = builder.word, builder.word(builder.guard_bits)
    increment = builder.routine(make_increment)

    def magnitude_of(sign: Any, magnitude: Any) -> Any:
        return word(word(magnitude + increment(sign, magnitude)) >> down)

    return magnitude_of


def _of_fields_by_sum(builder: WideBuilder) -> Routine:
    """Return the routine to nearest even.

    Below the normal range, the sum with the number whose last bit counts as much as that of the
    small format is rounded to nearest even; its last bits are the encoding.
    """
    word, wide = builder.word, builder.wide
    encoding, real, added = builder.encoding, builder.real, builder.instructions.add
    increment = builder.routine(make_increment)
    down, rebias = word(builder.guard_bits), word(builder.rebias)
    least_normal = word(builder.least_normal)
    least = builder.format.emin - builder.format.trailing_bits
    anchor = word((least + wide.trailing_bits + wide.bias) << wide.trailing_bits)

    def magnitude_of(sign: Any, magnitude: Any) -> Any:
        tiny = word(encoding(added(real(magnitude), real(anchor))) - anchor)
        usual = word(word(word(magnitude + increment(sign, magnitude)) - rebias) >> down)
        return tiny if magnitude < least_normal else usual

    return magnitude_of


def _of_fields_by_shift(builder: WideBuilder) -> Routine:
    """Return the routine for any direction: what is below the normal range is shifted first."""
    word, wide = builder.word, builder.wide
    increment, shift_right_jam = (
        builder.routine(make_increment),
        builder.routine(make_shift_right_jam),
    )
    down, rebias = word(builder.guard_bits), word(builder.rebias)
    least_normal, least_field = word(builder.least_normal), word(builder.format.emin + wide.bias)
    trailing, trailing_mask = word(wide.trailing_bits), word(wide.trailing_mask)
    implicit_bit, zero, one = word(wide.implicit_bit), word(0), word(1)

    def magnitude_of(sign: Any, magnitude: Any) -> Any:
        field = word(magnitude >> trailing)
        sig = word((magnitude & trailing_mask) | (implicit_bit if field != zero else zero))
        places = word(least_field - (field if field != zero else one))
        is_tiny = magnitude < least_normal
        units = shift_right_jam(sig, places) if is_tiny else word(magnitude - rebias)
        return word(word(units + increment(sign, units)) >> down)

    return magnitude_of


def overflow_is_infinite(builder: WideBuilder) -> bool:
    """Return whether numbers beyond the range and infinities have the same result."""
    return all(becomes_infinite(builder)) or (
        builder.arithmetic.overflow in (Overflow.SATURATE, Overflow.NAN)
    )


def make_infinite_of(builder: WideBuilder) -> Routine:
    """Return ``infinite_of(a)``: what stands for an exact infinity with the sign of a wide one."""
    word, infinite = builder.word, builder.routine(make_infinite)
    down_sign = word(builder.wide.width - builder.format.width)
    (sign_mask,) = builder.words("sign_mask")

    def infinite_of(a: Any) -> Any:
        return infinite(word(word(a >> down_sign) & sign_mask))

    return infinite_of
