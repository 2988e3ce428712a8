"""A reference for block formats: exact rationals, and binary32 arithmetic of numpy.

It follows the definitions of the scales and quantizers, number by number, and shares no code with
the kernels.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, final

import numpy as np

_INFINITY: Final = 0x7F800000
_FRACTION: Final = 0x7FFFFF
_NAN_SCALE: Final = 255


@final
@dataclass(frozen=True)
class Elements:
    """The numbers of a small format that are not negative.

    Attributes:
        values: All magnitudes in ascending order; a magnitude's code is its index.
        fraction_bits: The bits of a fraction.
        emax: The exponent of the greatest number.
        sign: What is added to the code of a negative number.
        nan: The code of a NaN; what stands for one if there is none.
        is_integer: Whether codes are two's complement of 8 bits.
    """

    values: tuple[Fraction, ...]
    fraction_bits: int
    emax: int
    sign: int
    nan: int
    is_integer: bool = False

    def code(self, negative: bool, magnitude: Fraction, rounding: str) -> int:
        """Return the code of a number, rounded once and at most the greatest one."""
        values = self.values
        low = bisect_right(values, magnitude) - 1
        if low == len(values) - 1:
            chosen = low
        else:
            twice = 2 * magnitude - (values[low] + values[low + 1])
            exact = magnitude == values[low]
            up = not exact and _UP[rounding](negative, twice, low)
            chosen = low + up
        if self.is_integer:
            return -chosen % 256 if negative else chosen
        return chosen + (self.sign if negative else 0)


_UP: Final[dict[str, Callable[[bool, Fraction, int], bool]]] = {
    "ties_to_even": lambda negative, twice, low: twice > 0 or (twice == 0 and low % 2 == 1),
    "ties_to_away": lambda negative, twice, low: twice >= 0,
    "toward_zero": lambda negative, twice, low: False,
    "away_from_zero": lambda negative, twice, low: True,
    "toward_positive": lambda negative, twice, low: not negative,
    "toward_negative": lambda negative, twice, low: negative,
    "to_odd": lambda negative, twice, low: low % 2 == 0,
}
"""Whether a magnitude between two neighbours goes up; ``twice`` compares it with their middle."""


def small_floats(
    exponent_bits: int, fraction_bits: int, *, bias: int, specials: int, nan: int
) -> Elements:
    """Return the numbers of a float with a sign, whose last ``specials`` magnitudes are none."""
    values = []
    for code in range((1 << (exponent_bits + fraction_bits)) - specials):
        exponent, fraction = code >> fraction_bits, code & ((1 << fraction_bits) - 1)
        leading = 1 << fraction_bits if exponent else 0
        power = max(exponent, 1) - bias - fraction_bits
        values.append((leading + fraction) * Fraction(2) ** power)
    sign = 1 << (exponent_bits + fraction_bits)
    emax = ((len(values) - 1) >> fraction_bits) - bias
    return Elements(tuple(values), fraction_bits, emax, sign, nan)


INT8: Final = Elements(tuple(Fraction(n, 64) for n in range(128)), 6, 0, 0, 0, is_integer=True)
E4M3: Final = small_floats(4, 3, bias=7, specials=1, nan=0x7F)

ELEMENTS: Final = {
    "e5m2": small_floats(5, 2, bias=15, specials=4, nan=0x7E),
    "e4m3": E4M3,
    "e3m2": small_floats(3, 2, bias=3, specials=0, nan=0x20),
    "e2m3": small_floats(2, 3, bias=1, specials=0, nan=0x20),
    "e2m1": small_floats(2, 1, bias=1, specials=0, nan=0x8),
    "int8": INT8,
}
"""The elements of the named formats."""


def real(encoding: int) -> Fraction:
    """Return the value of a finite binary32 encoding."""
    exponent, fraction = encoding >> 23 & 255, encoding & _FRACTION
    magnitude = (fraction + (1 << 23 if exponent else 0)) * Fraction(2) ** (max(exponent, 1) - 150)
    return -magnitude if encoding >> 31 else magnitude


def power_scale(rule: str, preset: str, elements: Elements, block: Sequence[int]) -> int:
    """Return the code of the scale of a block of binary32 encodings."""
    magnitudes = [x & 0x7FFFFFFF for x in block]
    if preset == "transformer_engine":
        magnitudes = [m for m in magnitudes if m <= _INFINITY]
    amax = max(magnitudes, default=0)
    if amax > _INFINITY:
        return _NAN_SCALE
    infinite = 254 if preset == "transformer_engine" else _NAN_SCALE
    if amax == _INFINITY:
        return infinite
    if amax == 0 and preset == "microxcaling":
        amax = 1 << 23
    biased, fraction = amax >> 23, amax & _FRACTION
    e = biased - 127 - elements.emax
    if rule == "ceil":
        e += fraction != 0
    elif rule == "even":
        carried = amax + (1 << (22 - elements.fraction_bits))
        if carried >= _INFINITY and preset == "torchao":
            return _NAN_SCALE
        e = (carried >> 23) - 127 - elements.emax
    elif rule == "rceil":
        e = -127
        while real(amax) > elements.values[-1] * Fraction(2) ** e:
            e += 1
    if e > 127:
        return 254 if preset in ("ocp", "transformer_engine") else _NAN_SCALE
    return max(e, -127) + 127


def power_block(
    rule: str, preset: str, rounding: str, elements: Elements, block: Sequence[int]
) -> tuple[int, list[int]]:
    """Return the scale and the elements of a block of binary32 encodings, as codes."""
    scale = power_scale(rule, preset, elements, block)
    if scale == _NAN_SCALE:
        return scale, [elements.nan] * len(block)
    factor = Fraction(2) ** (scale - 127)
    return scale, [_element(elements, x, factor, rounding) for x in block]


def _element(elements: Elements, x: int, factor: Fraction, rounding: str) -> int:
    magnitude, negative = x & 0x7FFFFFFF, bool(x >> 31)
    if magnitude > _INFINITY:
        return elements.nan
    greatest = elements.values[-1]
    quotient = greatest if magnitude == _INFINITY else min(abs(real(x)) / factor, greatest)
    return elements.code(negative, quotient, rounding)


@final
@dataclass(frozen=True)
class TwoLevels:
    """A tensor in a format of two levels.

    Attributes:
        tensor_scale: The scale of the tensor.
        scales: The codes of the scales of blocks.
        elements: The codes of elements, block by block.
    """

    tensor_scale: np.float32
    scales: list[int]
    elements: list[list[int]]


@final
@dataclass(frozen=True)
class TwoLevelFormat:
    """A format of two levels, and how its elements and the scales of blocks are rounded.

    Attributes:
        elements: The elements.
        scales: The scales of blocks.
        rounding: That of elements.
        scale_rounding: That of scales.
    """

    elements: Elements
    scales: Elements
    rounding: str = "ties_to_even"
    scale_rounding: str = "ties_to_even"

    @property
    def span(self) -> tuple[Any, Any]:
        """The greatest element and the greatest scale."""
        return F32(float(self.elements.values[-1])), F32(float(self.scales.values[-1]))

    def scale_code(self, value: Any) -> int:
        """Return the code of a number as a scale; that of NaN for a NaN."""
        if np.isnan(value):
            return self.scales.nan
        return _rounded(self.scales, value, self.scale_rounding)

    def scale_value(self, code: int) -> Any:
        """Return the value of a scale."""
        return F32(float(self.scales.values[code]))


F32: Final = np.float32
NVFP4: Final = TwoLevelFormat(ELEMENTS["e2m1"], E4M3)


def nvfp4(preset: str, blocks: Sequence[Sequence[int]]) -> TwoLevels:
    """Return a tensor of blocks of binary32 encodings as NVFP4, by the preset's own rounding."""
    rounding = "ties_to_away" if preset == "microxcaling" else "ties_to_even"
    return two_levels(preset, replace(NVFP4, rounding=rounding), blocks)


def two_levels(preset: str, format: TwoLevelFormat, blocks: Sequence[Sequence[int]]) -> TwoLevels:
    """Return a tensor of blocks of binary32 encodings in a format of two levels."""
    with np.errstate(all="ignore"):
        return _PRESETS[preset](format, blocks)


def _floats(block: Sequence[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(block, np.uint32).view(np.float32)


def _greatest(blocks: Sequence[Sequence[int]]) -> Any:
    return np.max([np.max(np.abs(_floats(block))) for block in blocks])  # a NaN if there is one


def _rounded(elements: Elements, value: Any, rounding: str) -> int:
    """Return the code of a binary32 number; that of a NaN for a NaN."""
    if np.isnan(value):
        return elements.nan
    magnitude = elements.values[-1] if np.isinf(value) else abs(Fraction(float(value)))
    return elements.code(bool(np.signbit(value)), magnitude, rounding)


def _exact(format: TwoLevelFormat, blocks: Sequence[Sequence[int]]) -> TwoLevels:
    return _by_quotients(format, blocks, lambda amax: amax)


def _microxcaling(format: TwoLevelFormat, blocks: Sequence[Sequence[int]]) -> TwoLevels:
    """Return the numbers by exact quotients and the corner cases of MX blocks in microxcaling."""

    def counted(amax: Any) -> Any:
        if np.isinf(amax):
            return F32(np.nan)
        return amax if amax > 0 or np.isnan(amax) else F32(2.0**-126)

    return _by_quotients(format, blocks, counted)


def _by_quotients(
    format: TwoLevelFormat, blocks: Sequence[Sequence[int]], counted: Callable[[Any], Any]
) -> TwoLevels:
    """Quantise by exact quotients; ``counted(amax)`` gives that of a block's scale."""
    most, most_scale = format.span
    whole = _greatest(blocks) / (most * most_scale)
    whole = whole if np.isfinite(whole) and whole > 0 else F32(1)
    scales, elements = [], []
    for block in blocks:
        x = _floats(block)
        amax = counted(np.max(np.abs(x)))
        if np.isnan(amax):
            code = format.scales.nan
        elif np.isinf(amax):
            code = len(format.scales.values) - 1
        else:
            quotient = Fraction(float(amax)) / (Fraction(float(most)) * Fraction(float(whole)))
            code = format.scales.code(False, quotient, format.scale_rounding)
        scales.append(code)
        factor = Fraction(0)
        if code < len(format.scales.values):
            factor = format.scales.values[code] * Fraction(float(whole))
        elements.append([_over(format, each, factor, np.isnan(amax)) for each in x])
    return TwoLevels(whole, scales, elements)


def _over(format: TwoLevelFormat, x: Any, factor: Fraction, is_nan: Any) -> int:
    """Return the code of a number over a factor; zeros of its sign if the factor is 0."""
    elements = format.elements
    if is_nan:
        return elements.nan
    magnitude = Fraction(0)
    if factor:
        magnitude = elements.values[-1] if np.isinf(x) else abs(Fraction(float(x))) / factor
    return elements.code(bool(np.signbit(x)), magnitude, format.rounding)


def _by_factors(
    format: TwoLevelFormat,
    blocks: Sequence[Sequence[int]],
    whole: Any,
    scale: Callable[[Any], Any],
    scaled: Callable[[Any, Any], Any],
    *,
    skips_nan: bool = False,
) -> TwoLevels:
    """Quantise by binary32 arithmetic: ``scale(amax)``, then ``scaled(x, s)``."""
    scales, elements = [], []
    own = format.elements
    for block in blocks:
        x = _floats(block)
        counted = x[~np.isnan(x)] if skips_nan else x
        code = format.scale_code(scale(F32(np.max(np.abs(counted), initial=0))))
        scales.append(code)
        if code == format.scales.nan:
            elements.append([own.nan] * len(block))
        elif code == 0 and not skips_nan:
            elements.append([own.sign * int(np.signbit(each)) for each in x])
        else:
            s = format.scale_value(code)
            elements.append([_rounded(own, scaled(each, s), format.rounding) for each in x])
    return TwoLevels(whole, scales, elements)


def _transformer_engine(format: TwoLevelFormat, blocks: Sequence[Sequence[int]]) -> TwoLevels:
    numbers = [_floats(block) for block in blocks]
    gamax = max((F32(np.max(np.abs(x[~np.isnan(x)]), initial=0)) for x in numbers), default=F32(0))
    greatest, most_scale = format.span
    most = np.finfo(F32).max
    encode = np.fmin(greatest * most_scale / gamax, most)
    encode = F32(1) if gamax == 0 or encode == 0 else encode
    decode = F32(1) / encode
    part = encode * (F32(1) / greatest)

    def scaled(x: Any, s: Any) -> Any:
        return x * np.fmin(F32(1) / (s * decode), most)

    return _by_factors(
        format, blocks, decode, lambda a: np.fmin(a * part, most_scale), scaled, skips_nan=True
    )


def _torchao(format: TwoLevelFormat, blocks: Sequence[Sequence[int]]) -> TwoLevels:
    gamax = _greatest(blocks)
    greatest, most_scale = format.span
    whole = F32(1) if gamax == 0 else gamax / (greatest * most_scale)
    least = F32(float(format.scales.values[1 << format.scales.fraction_bits]))

    def scale(amax: Any) -> Any:
        return np.clip((amax / greatest) / whole, least, most_scale)

    return _by_factors(format, blocks, whole, scale, lambda x, s: x * ((F32(1) / whole) / s))


def _universal(format: TwoLevelFormat, blocks: Sequence[Sequence[int]]) -> TwoLevels:
    gamax = _greatest(blocks)
    greatest, most_scale = format.span
    whole = F32(1) if gamax == 0 else gamax / (greatest * most_scale)
    least = F32(float(format.scales.values[1]))

    def scale(amax: Any) -> Any:
        quotient = (amax / whole) / greatest
        return least if amax > 0 and quotient < least else quotient

    return _by_factors(format, blocks, whole, scale, lambda x, s: (x / whole) * (F32(1) / s))


def _triton(format: TwoLevelFormat, blocks: Sequence[Sequence[int]]) -> TwoLevels:
    greatest, most_scale = format.span
    return _by_factors(
        format,
        blocks,
        F32(1),
        lambda amax: np.minimum(amax / greatest, most_scale),
        lambda x, s: x * (F32(1) / s),
    )


_PRESETS: Final[dict[str, Callable[[TwoLevelFormat, Sequence[Sequence[int]]], TwoLevels]]] = {
    "exact": _exact,
    "microxcaling": _microxcaling,
    "transformer_engine": _transformer_engine,
    "torchao": _torchao,
    "universal": _universal,
    "triton": _triton,
}
