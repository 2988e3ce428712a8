"""Conversions with choices of their own, of exact values on the host.

For tapered, logarithmic, fixed-point numbers and those of varying precision.

A nonzero number never becomes zero or NaR in tapered formats, and never zero in logarithmic ones,
whatever the rounding. Random roundings compare the random word with the rest where the number is
cut: of a posit's or takum's string of bits, of a logarithm, of a significand, of a count of units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from mpmath import libmp, mp

from numlean.errors import NumleanError
from numlean.scalar.conversion import (
    INFINITE,
    NAN,
    OVERFLOWS,
    SATURATE,
    SATURATE_FINITE,
    WRAP,
    Conversion,
)
from numlean.scalar.directed import becomes_nan, goes_up
from numlean.scalar.exact import Exact
from numlean_kernels.fixed.formats import Beyond, FixedArithmetic
from numlean_kernels.flags import INEXACT, INVALID, OVERFLOW, UNDERFLOW
from numlean_kernels.logarithmic.formats import LogFormat
from numlean_kernels.tapered.formats import Posit, TaperedFormat

_NEAREST: Final = "ties_to_even"
_BEYOND: Final = OVERFLOW | INEXACT
_TINY: Final = UNDERFLOW | INEXACT
_WORD_BITS: Final = 64


class Cut(NamedTuple):
    """A magnitude cut where it is rounded.

    Attributes:
        kept: The part above the cut, an integer.
        rest: What is below, in units of 2**-bits of the last place kept.
        bits: At least 1.
    """

    kept: int
    rest: int
    bits: int

    def rounded(self, rounding: str, word: tuple[int, ...], *, negative: bool) -> int:
        """Return the part above the cut, or the next integer."""
        up = goes_up(
            rounding,
            negative=negative,
            odd=bool(self.kept & 1),
            rest=self.rest,
            bits=self.bits,
            word=word[0] if word else 0,
        )
        return self.kept + up


def _cut(m: int, bits: int) -> Cut:
    """Return an integer cut above its last bits; if they are fewer than none, it is shifted up."""
    if bits <= 0:
        return Cut(m << -bits, 0, 1)
    return Cut(m >> bits, m & ((1 << bits) - 1), bits)


def check_overflow(name: str, overflow: str | None, known: tuple[str, ...], reason: str) -> None:
    """Check that numbers have a choice of overflow.

    Raises:
        NumleanError: They do not.
    """
    if overflow is not None and overflow not in known:
        raise NumleanError(
            f"a conversion to {name} has no overflow={overflow}: {reason}; write {', '.join(known)}"
        )


@dataclass(frozen=True)
class TaperedRounder:
    """Rounds exact values to posits or takums, on their string of bits.

    Without a choice of overflow, magnitudes beyond the greatest number become that number, and
    infinities become NaR, as in every operation of these formats.

    Attributes:
        format: The format.
        conversion: The choices.
    """

    format: TaperedFormat
    conversion: Conversion

    def __post_init__(self) -> None:
        check_overflow(self.format.key, self.conversion.overflow, OVERFLOWS, "it does not wrap")

    def __call__(self, value: Exact, *word: int) -> tuple[int, int]:
        """Return the code and the flags."""
        if value == libmp.fnan:
            return self.format.nar, 0
        if value in (libmp.finf, libmp.fninf):
            saturates = self.conversion.overflow in (SATURATE, SATURATE_FINITE)
            code = self.format.greatest if saturates else self.format.nar
            return self._signed(code, negative=value == libmp.fninf), 0
        sign, m, e, bits = value
        if not m:
            return 0, 0
        negative, leading = bool(sign), int(e) + int(bits) - 1
        code, flags = self._magnitude(int(m), leading, word, negative=negative)
        return self._signed(code, negative=negative), flags

    def _signed(self, code: int, *, negative: bool) -> int:
        return -code & self.format.code_mask if negative else code

    def _magnitude(
        self, m: int, leading: int, word: tuple[int, ...], *, negative: bool
    ) -> tuple[int, int]:
        format, rounding = self.format, self.conversion.rounding or _NEAREST
        if leading < format.least_exponent:
            return 1, _TINY
        head = self._head(leading)
        if head is None:
            code, inexact = format.greatest + 1, True
        else:
            fraction_bits = m.bit_length() - 1
            string = head[0] << fraction_bits | (m ^ 1 << fraction_bits)
            cut = _cut(string, head[1] + fraction_bits - (format.width - 1))
            code, inexact = cut.rounded(rounding, word, negative=negative), cut.rest != 0
        if code > format.greatest:
            overflow = self.conversion.overflow or SATURATE
            is_nan = becomes_nan(overflow, rounding, negative=negative)
            return (format.nar if is_nan else format.greatest), _BEYOND
        return (code, INEXACT if inexact else 0) if code else (1, _TINY)

    def _head(self, leading: int) -> tuple[int, int] | None:
        """Return the bits of an exponent and their number; None beyond every number."""
        format = self.format
        if isinstance(format, Posit):
            k, size = leading >> format.exponent_size, format.exponent_size
            if k > format.width - 2:
                return None
            regime, bits = ((1 << (k + 1)) - 1 << 1, k + 2) if k >= 0 else (1, 1 - k)
            return regime << size | leading & ((1 << size) - 1), bits + size
        if leading >= format.exponent_limit:
            return None
        magnitude = leading + 1 if leading >= 0 else -leading
        r = magnitude.bit_length() - 1
        if leading >= 0:
            return (8 | r) << r | (magnitude - (1 << r)), 4 + r
        return (7 - r) << r | ((2 << r) - magnitude - 1), 4 + r


@dataclass(frozen=True)
class LogRounder:
    """Rounds exact values to logarithmic numbers.

    Attributes:
        format: The format.
        conversion: The choices; by default the greatest number stands for what is beyond it.
        rounding: The rounding where the conversion has none.
    """

    format: LogFormat
    conversion: Conversion
    rounding: str

    def __post_init__(self) -> None:
        name = f"lns:{self.format.name}"
        check_overflow(name, self.conversion.overflow, OVERFLOWS, "it does not wrap")

    def __call__(self, value: Exact, *word: int) -> tuple[int, int]:
        """Return the code and the flags."""
        format, overflow = self.format, self.conversion.overflow or SATURATE
        if value == libmp.fnan:
            return format.nan, 0
        if value in (libmp.finf, libmp.fninf):
            if overflow in (INFINITE, NAN):
                return format.nan, 0
            return self._signed(format.greatest_log, negative=value == libmp.fninf), 0
        sign, m, e, bits = value
        if not m:
            return format.zero, 0
        rounding, negative = self.conversion.rounding or self.rounding, bool(sign)
        cut = self._log(int(m), int(e), int(bits))
        n = cut.rounded(rounding, word, negative=negative)
        if n > format.greatest_log:
            if becomes_nan(overflow, rounding, negative=negative):
                return format.nan, _BEYOND
            return self._signed(format.greatest_log, negative=negative), _BEYOND
        if n < -format.greatest_log:
            return self._signed(-format.greatest_log, negative=negative), _TINY
        return self._signed(n, negative=negative), INEXACT if cut.rest else 0

    def _signed(self, n: int, *, negative: bool) -> int:
        return n & self.format.log_mask | (self.format.sign_mask if negative else 0)

    def _log(self, m: int, e: int, bits: int) -> Cut:
        """Return the logarithm of m * 2**e in units of L; far outside the range, any such."""
        places, beyond = self.format.fraction_bits, 2 << self.format.integer_bits
        if abs(e + bits) > beyond:
            return Cut((1 if e + bits > 0 else -1) * (beyond << places), 1, 1)
        if m == 1:
            return Cut(e << places, 0, 1)
        precision = 2 * _WORD_BITS + places + self.format.integer_bits
        log = libmp.mpf_log(libmp.from_man_exp(m, e), precision, "n")
        log2 = libmp.mpf_div(log, libmp.mpf_ln2(precision), precision, "n")
        scaled = int(libmp.to_int(libmp.mpf_shift(log2, places + _WORD_BITS), "f"))
        half = 1 << (_WORD_BITS - 1)
        near = (scaled + half // 2) // half * half
        if abs(scaled - near) < 1 << (_WORD_BITS - _SNAP):
            return _cut(near, _WORD_BITS)
        return _cut(scaled, _WORD_BITS)


_SNAP: Final = 40
"""A logarithm within 2**-40 units of a number or a tie is that: see ``logarithmic``."""


@dataclass(frozen=True)
class MpRounder:
    """Rounds exact values to a precision, with an unbounded exponent.

    Attributes:
        precision: The bits.
        conversion: The choices; without one an infinity stays one.
    """

    precision: int
    conversion: Conversion

    def __post_init__(self) -> None:
        known = (INFINITE, SATURATE_FINITE, NAN)
        reason = "there is no greatest number"
        check_overflow(f"mp:{self.precision}", self.conversion.overflow, known, reason)

    def __call__(self, value: Exact, *word: int) -> tuple[Any, int]:
        """Return the number and the flags."""
        sign, m, e, bits = value
        if not m:
            is_infinite = value in (libmp.finf, libmp.fninf)
            gives_nan = is_infinite and self.conversion.overflow == NAN
            return mp.make_mpf(libmp.fnan if gives_nan else tuple(value)), 0
        cut = _cut(int(m), int(bits) - self.precision) if bits > self.precision else None
        if cut is None:
            return mp.make_mpf((sign, m, int(e), bits)), 0
        rounding = self.conversion.rounding or _NEAREST
        kept = cut.rounded(rounding, word, negative=bool(sign))
        rounded = libmp.from_man_exp(-kept if sign else kept, int(e) + cut.bits)
        return mp.make_mpf(rounded), INEXACT if cut.rest else 0


@dataclass(frozen=True)
class FixedRounder:
    """Rounds exact values at random to fixed-point numbers.

    Attributes:
        arithmetic: The format, and what stands for a result beyond the range.
        rounding: A stochastic rounding.
    """

    arithmetic: FixedArithmetic
    rounding: str

    def __call__(self, value: Exact, *word: int) -> tuple[int, int]:
        """Return the code and the flags."""
        format = self.arithmetic.format
        ends = {libmp.finf: format.greatest, libmp.fninf: format.least}
        if value == libmp.fnan:
            return 0, INVALID
        if tuple(value) in ends:
            return ends[tuple(value)] & format.code_mask, _BEYOND
        sign, m, e, bits = value
        places = int(e) + format.fraction_bits
        if int(bits) + places > format.width + _WORD_BITS:  # beyond, and e may be of any size
            cut = Cut(1 << (format.width + _WORD_BITS), 0, 1)
            if self.arithmetic.beyond is Beyond.WRAP and places < format.width:
                cut = _cut(int(m), -places)
        elif int(bits) + places < -_WORD_BITS:
            cut = Cut(0, 1, 2 * _WORD_BITS)
        else:
            cut = _cut(int(m), -places)
        kept = cut.rounded(self.rounding, word, negative=bool(sign))
        count = -kept if sign else kept
        if format.least <= count <= format.greatest:
            return count & format.code_mask, INEXACT if cut.rest else 0
        if self.arithmetic.beyond is Beyond.WRAP:
            return count & format.code_mask, _BEYOND
        return (format.least if sign else format.greatest) & format.code_mask, _BEYOND


def fixed_beyond(name: str, overflow: str | None, own: Beyond) -> Beyond:
    """Return what stands for a fixed-point result beyond the range, by the choice of a conversion.

    Raises:
        NumleanError: The numbers do not have it.
    """
    known = (INFINITE, SATURATE, SATURATE_FINITE, WRAP)
    check_overflow(name, overflow, known, "it has no NaN")
    if overflow is None:
        return own
    return Beyond.WRAP if overflow == WRAP else Beyond.SATURATE
