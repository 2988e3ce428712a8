"""Matrix units whose operands have scales, for many dot products at once, in 64-bit integers.

The rules are those of :mod:`.scaled`, with which the tests compare them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from numlean_kernels.formats import BINARY32, Format
from numlean_kernels.matrix_units import rule as rules

Codes: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Integers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Bools: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

_MOST_SHIFT: Final = 62


class Numbers(NamedTuple):
    """Numbers of a format, element by element.

    Attributes:
        significand: The significand with its sign, in units of the last place; 0 if not finite.
        exponent: The exponent of the significand's leading place.
        sign: 1 or -1.
        is_nan: Whether it is NaN.
        is_infinite: Whether it is infinite.
    """

    significand: Integers
    exponent: Integers
    sign: Integers
    is_nan: Bools
    is_infinite: Bools

    def columns(self, places: slice | Integers) -> Numbers:
        """Return some columns."""
        return Numbers(
            self.significand[:, places],
            self.exponent[:, places],
            self.sign[:, places],
            self.is_nan[:, places],
            self.is_infinite[:, places],
        )


def numbers_of(format: Format, codes: Codes) -> Numbers:
    """Return the numbers of encodings; a subnormal one has the least exponent."""
    wide = codes.astype(np.int64)
    magnitude = wide & format.magnitude_mask
    field, trailing = magnitude >> format.trailing_bits, magnitude & format.trailing_mask
    is_normal = (field > 0) | (not format.has_zero)
    sign = np.where(wide & format.sign_mask, -1, 1)
    is_nan, is_infinite = (
        np.asarray(test(wide)) | np.zeros(wide.shape, np.bool_)
        for test in (format.is_nan, format.is_infinite)
    )
    significand = sign * (trailing + is_normal * format.implicit_bit)
    exponent = np.where(is_normal, field, 1) - format.bias
    return Numbers(
        np.where(is_nan | is_infinite, 0, significand), exponent, sign, is_nan, is_infinite
    )


def scaled_dots_in_batches(
    unit: rules.Unit, a: Codes, b: Codes, c: Codes, scales: tuple[Codes, Codes]
) -> Codes:
    """Return the dot products of rows, as ``scaled_dots`` does; the output is binary32."""
    shared, rule = unit.scales, unit.rule
    assert shared is not None
    assert unit.output == BINARY32
    left, right = numbers_of(unit.left.format, a), numbers_of(unit.right.format, b)
    mask = shared.format.magnitude_mask
    own = tuple(numbers_of(shared.format, each & each.dtype.type(mask)) for each in scales)
    accumulator = c.astype(np.uint32)
    for start in range(0, a.shape[1], rule.instruction):
        stop = min(start + rule.instruction, a.shape[1])
        whole, blocks = slice(start, stop), np.arange(start, stop) // shared.size
        factors = tuple(side.columns(blocks) for side in own)
        accumulator = _instruction(
            unit, left.columns(whole), right.columns(whole), factors, accumulator
        )
    return accumulator


def _instruction(
    unit: rules.Unit, a: Numbers, b: Numbers, factors: tuple[Numbers, ...], c: Codes
) -> Codes:
    rule, shared = unit.rule, unit.scales
    assert isinstance(rule, rules.BlockFma | rules.ScaledSums)
    assert rule.floor is not None
    assert shared is not None
    x, y = factors
    start = numbers_of(BINARY32, c[:, np.newaxis])
    scale, scale_exponent = x.significand * y.significand, x.exponent + y.exponent
    places = unit.left.format.trailing_bits + unit.right.format.trailing_bits
    places += 2 * shared.format.trailing_bits
    products = a.significand * b.significand
    if isinstance(rule, rules.ScaledSums):
        terms, exponents = _sums_of_parts(rule.part, products, a.exponent + b.exponent)
        terms, exponents = terms * scale[:, :: rule.part], scale_exponent[:, :: rule.part]
    else:
        terms, exponents = products * scale, a.exponent + b.exponent + scale_exponent
    counted = [np.where(terms != 0, exponents, rule.floor).max(axis=1)]
    counted.append(np.where(start.significand != 0, start.exponent, rule.floor)[:, 0])
    top = np.maximum.reduce([*counted, np.full(len(c), rule.floor)])[:, np.newaxis]
    aligned = _shifted(terms, exponents - places - top + rule.fraction_bits)
    added = _shifted(start.significand, start.exponent - 23 - top + rule.fraction_bits)
    total = aligned.sum(axis=1) + added[:, 0]
    result = _encoded(total, top[:, 0] - rule.fraction_bits)
    return _with_specials(unit, result, a, b, factors, start)


def _sums_of_parts(part: int, products: Integers, exponents: Integers) -> tuple[Integers, Integers]:
    """Return the exact sums of parts, in units of the last place of a product of exponent 0."""
    # The operands of such units are e2m1, whose exponents are from 0 to 2.
    whole = products << exponents
    starts = np.arange(0, whole.shape[1], part)
    sums = np.add.reduceat(whole, starts, axis=1)
    return sums, np.zeros_like(sums)


def _shifted(x: Integers, by: Integers) -> Integers:
    """Return integers times 2**by, truncated toward zero."""
    up, down = np.clip(by, 0, _MOST_SHIFT), np.clip(-by, 0, _MOST_SHIFT)
    return np.asarray(np.sign(x) * ((np.abs(x) << up) >> down))


def _encoded(total: Integers, exponent: Integers) -> Codes:
    """Return the binary32 encodings of total * 2**exponent, truncated toward zero."""
    size = np.abs(total)
    bits = np.frexp(size.astype(np.float64))[1].astype(np.int64)
    bits = np.where(size >> np.maximum(bits - 1, 0) == 0, bits - 1, bits)  # if it was rounded up
    e = np.maximum(bits - 1 + exponent, BINARY32.emin)
    units = _shifted(size, exponent - (e - BINARY32.trailing_bits))
    is_normal = (units & BINARY32.implicit_bit) != 0
    field = np.where(is_normal, e + BINARY32.bias, 0)
    code = (field << BINARY32.trailing_bits) | (units & BINARY32.trailing_mask)
    code = np.where(e > BINARY32.emax, BINARY32.infinity, code)
    code = np.where(total == 0, 0, code)
    sign = np.where((total < 0) & (code != 0), BINARY32.sign_mask, 0)
    return np.asarray((code | sign).astype(np.uint32))


def _with_specials(
    unit: rules.Unit,
    result: Codes,
    a: Numbers,
    b: Numbers,
    factors: tuple[Numbers, ...],
    start: Numbers,
) -> Codes:
    """Return results with NaNs and infinities where terms are such."""
    invalid = (a.is_infinite & _is_zero(b)) | (_is_zero(a) & b.is_infinite)
    nans = [a.is_nan | b.is_nan | invalid, start.is_nan, *(each.is_nan for each in factors)]
    is_nan = np.logical_or.reduce([each.any(axis=1) for each in nans])
    infinite = (a.is_infinite | b.is_infinite) & ~invalid
    signs = a.sign * b.sign
    above, below = (
        (infinite & (signs == sign)).any(axis=1) | (start.is_infinite & (start.sign == sign))[:, 0]
        for sign in (1, -1)
    )
    result = np.where(above, np.uint32(BINARY32.infinity), result)
    result = np.where(below, np.uint32(BINARY32.infinity | BINARY32.sign_mask), result)
    return np.where(is_nan | (above & below), np.uint32(unit.nan), result)


def _is_zero(x: Numbers) -> Bools:
    return np.asarray((x.significand == 0) & ~x.is_nan & ~x.is_infinite)
