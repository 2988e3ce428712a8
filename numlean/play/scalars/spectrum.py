"""How many numbers of a format are in each binade, and so its precision there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log2

from mpmath import libmp

from numlean.play.scalars.loading import load
from numlean.scalar.code_fields import codec_of
from numlean.scalar.exact import exact_of
from numlean.scalar.precision import magnitudes_of
from numlean.scalar.protocol import Scalar
from numlean_kernels.fixed.formats import FixedArithmetic, FixedFormat
from numlean_kernels.formats import Format
from numlean_kernels.logarithmic.formats import LogArithmetic, LogFormat


@dataclass(frozen=True)
class Stretch:
    """Adjacent binades with equally many positive numbers.

    Attributes:
        first: The exponent of the first binade: its numbers are at least ``2**first``.
        end: The exponent after the last binade: its numbers are below ``2**end``.
        count: The numbers in each binade; at least 1.
    """

    first: int
    end: int
    count: int

    @property
    def precision(self) -> float:
        """The significant bits of numbers that are as many and evenly spaced."""
        return log2(self.count) + 1


@lru_cache(maxsize=256)
def spectrum_of(dtype: str) -> tuple[Stretch, ...] | None:
    """Return the positive numbers of a dtype by binade; None if exponents are unbounded.

    Raises:
        NumleanError: The dtype is invalid.
    """
    scalar = load(dtype)
    if scalar.format is not None:
        return tuple(_merged(_of_format(scalar.format)))
    arithmetic = getattr(codec_of(scalar), "arithmetic", None)
    match arithmetic:
        case FixedArithmetic(format=fixed):
            return tuple(_merged(_of_fixed(fixed)))
        case LogArithmetic(format=log):
            return tuple(_merged(_of_log(log)))
    return tuple(_merged(_of_codes(scalar))) if getattr(codec_of(scalar), "codes", None) else None


def _of_format(format: Format) -> Iterator[Stretch]:
    if format.has_zero:
        least = format.emin - format.trailing_bits
        for place in range(format.trailing_bits):
            yield Stretch(least + place, least + place + 1, 1 << place)
    yield Stretch(format.emin, format.emax, format.implicit_bit)
    last = (format.max_finite & format.trailing_mask) + 1
    yield Stretch(format.emax, format.emax + 1, last)


def _of_fixed(format: FixedFormat) -> Iterator[Stretch]:
    for place in range(format.greatest.bit_length()):
        exponent = place - format.fraction_bits
        yield Stretch(exponent, exponent + 1, 1 << place)


def _of_log(format: LogFormat) -> Iterator[Stretch]:
    unit = 1 << format.fraction_bits
    least = -format.greatest_log  # the reserved L is one below
    first, end = -(-least // unit), (format.greatest_log + 1) // unit
    if least % unit:
        yield Stretch(first - 1, first, first * unit - least)
    yield Stretch(first, end, unit)


def _of_codes(scalar: Scalar) -> Iterator[Stretch]:
    """Count codes between powers of two, which are in the order of the positive numbers."""
    ends = magnitudes_of(scalar)
    assert ends is not None
    codes = _codes_from(scalar, range(ends[0], ends[1] + 1))
    codes.append(codec_of(scalar).codes.greatest + 1)
    for exponent, (low, high) in enumerate(pairwise(codes), start=ends[0]):
        yield Stretch(exponent, exponent + 1, high - low)


def _codes_from(scalar: Scalar, exponents: Sequence[int]) -> list[int]:
    """Return the code of the least number that is not below each power of two."""
    x = scalar.from_string([f"0x1p{exponent}" for exponent in exponents])
    found = zip(exponents, scalar.to_exact(x), scalar.to_bits(x), strict=True)
    return [
        int(code) + bool(libmp.mpf_lt(exact_of(value), libmp.mpf_shift(libmp.fone, exponent)))
        for exponent, value, code in found
    ]


def _merged(stretches: Iterator[Stretch]) -> Iterator[Stretch]:
    """Yield the stretches that are not empty, equal ones together."""
    last: Stretch | None = None
    for each in stretches:
        if each.first >= each.end or not each.count:
            continue
        if last is not None and (last.end, last.count) == (each.first, each.count):
            last = Stretch(last.first, each.end, last.count)
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last
