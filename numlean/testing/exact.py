"""An independent model of IEEE 754 arithmetic: exact rationals, rounded once.

It shares no step with the routines it is compared with: it does not align operands, keep sticky
bits or use words of a fixed width. It is slow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, TypeAlias

from numlean.testing.rounding import (
    ROUNDINGS,
    Rule,
    floor_log2,
    index_of_fraction,
    make_is_tiny,
    make_round,
    power_of_two,
    round_to_integer,
)
from numlean_kernels.flags import DIVIDE_BY_ZERO, INEXACT, INVALID, OVERFLOW, UNDERFLOW
from numlean_kernels.formats import BINARY64, Format, Nans

Outcome: TypeAlias = tuple[int, int]
"""An encoding, integer or truth value, and flags."""


class ExactArithmetic:
    """Results and flags of every operation on encodings of a format. NaN results are the default.

    Attributes:
        format: The format.
        rounding: One of ``ROUNDINGS``.
        tininess: ``after`` or ``before`` rounding.
        flush: Whether subnormal operands and results become zeros.
        overflow: What results beyond the range become: ``infinite``, ``saturate``,
            ``saturate_finite`` or ``nan``; by default what the format usually gives.
        nan_rule: The rule for what the standard leaves open: whether zero times infinity is invalid
            in an fma that adds a quiet NaN (``arm`` and ``riscv``), and the integers of values that
            are beyond the range (``x86``, ``riscv`` and ``cuda``). In a format without NaN the
            encoding of -0 stands for one, or the greatest number (``max``).
    """

    def __init__(
        self,
        format: Format,
        rounding: str = "ties_to_even",
        *,
        tininess: str = "after",
        flush: bool = False,
        overflow: str | None = None,
        nan_rule: str = "torchlean",
    ) -> None:
        self.format = format
        self.rounding = rounding
        self.tininess = tininess
        self.flush = flush
        self.overflow = overflow = overflow or format.usual_overflow
        self.nan_rule = nan_rule
        self._first = 0 if format.has_zero else 1
        self._sign = 1 << (format.exponent_bits + format.trailing_bits) if format.is_signed else 0
        self._ones = (1 << (format.exponent_bits + format.trailing_bits)) - 1
        self._max_finite, self._infinity, self.nan = _specials(format)
        if nan_rule == "max" and not format.has_nan:
            self.nan = self._max_finite
        self._values: dict[int, Fraction] = {}
        self._rounded: dict[tuple[bool, Fraction], Outcome] = {}
        rule = Rule.of(format, rounding, tininess, overflow)
        self._round_index = partial(make_round(), rule)
        self._is_tiny = partial(make_is_tiny(), rule)
        self._operations: dict[str, Callable[..., Outcome]] = {
            "add": self._add,
            "sub": lambda a, b: self._add(a, b, subtract=True),
            "mul": self._mul,
            "div": self._div,
            "sqrt": self._sqrt,
            "fma": self._fma,
            "rem": self._rem,
            "scaleb": self._scaleb,
            "logb": self._logb,
            "next_up": lambda a: self._next(a, upward=True),
            "next_down": lambda a: self._next(a, upward=False),
            "fmod": self._fmod,
            "next_after": self._next_after,
            **self._comparisons("", self.is_signalling),
            **self._comparisons("signalling_", self.is_nan),
            **self._extrema(),
            "total_order": lambda a, b: (self._order(a) <= self._order(b), 0),
            **{f"round_to_integral {r}": self._integral(r) for r in ROUNDINGS},
            **{f"round_to_integral_exact {r}": self._integral(r, is_exact=True) for r in ROUNDINGS},
            **{
                f"to_{kind}int{n} {r} {beyond}".removesuffix(" rule"): self._to_int(
                    n, r, beyond, is_signed=not kind
                )
                for kind in ("", "u")
                for n in (8, 16, 32, 64)
                for r in ROUNDINGS
                for beyond in ("rule", "saturate", "wrap")
            },
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the settings, from which ``pickle`` makes the same arithmetic."""
        options = {
            "tininess": self.tininess,
            "flush": self.flush,
            "overflow": self.overflow,
            "nan_rule": self.nan_rule,
        }
        return restore_arithmetic, (self.format, self.rounding, options)

    @property
    def operations(self) -> tuple[str, ...]:
        """The names of the operations. Operands are encodings, except the power of scaleb."""
        return tuple(self._operations)

    def compute(self, operation: str, *operands: int) -> Outcome:
        """Return the result of an operation by its name, and the flags it raises."""
        return self._operations[operation](*operands)

    def value(self, a: int) -> Fraction:
        """Return the exact value of a finite encoding."""
        magnitude = a & self._ones
        if magnitude not in self._values:
            self._values[magnitude] = _magnitude(self.format, magnitude)
        value = self._values[magnitude]
        return -value if a & self._sign else value

    def is_nan(self, a: int) -> bool:
        """Return whether an encoding is a NaN, quiet or signalling."""
        if self.format.nans in (Nans.NONE, Nans.NEGATIVE_ZERO):
            return self.format.nans is Nans.NEGATIVE_ZERO and a == self._sign
        magnitude = a & self._ones
        return magnitude > self._max_finite and magnitude != self._infinity

    def is_signalling(self, a: int) -> bool:
        """Return whether an encoding is a signalling NaN."""
        if self.format.nans is not Nans.IEEE:
            return False
        return self.is_nan(a) and not a & 1 << (self.format.trailing_bits - 1)

    def is_infinite(self, a: int) -> bool:
        """Return whether an encoding is an infinity."""
        return self._infinity is not None and (a & self._ones) == self._infinity

    def round(self, q: Fraction, *, zero_is_negative: bool = False) -> Outcome:
        """Return a rational rounded to an encoding, and the flags. A zero has the given sign."""
        if q == 0:
            return self._zero(zero_is_negative)
        key = q < 0, abs(q)
        if key not in self._rounded:
            self._rounded[key] = self.round_index(q < 0, *index_of_fraction(self.format, abs(q)))
        return self._rounded[key]

    def infinite(self, *, negative: bool, flags: int = 0) -> Outcome:
        """Return the result in place of an infinity, with the flags of what gave it."""
        if negative and not self.format.is_signed:
            return self._below_zero()
        sign = self._sign if negative else 0
        if self.overflow == "nan":
            return self.not_a_number(flags)
        if self.overflow != "saturate" and self._infinity is not None:
            return sign | self._infinity, flags
        if self.overflow == "infinite" and self.format.has_nan:
            return self.not_a_number(flags)
        return sign | self._max_finite, flags

    def not_a_number(self, flags: int = 0) -> Outcome:
        """Return the result in place of a NaN, with the flags of what gave it."""
        return self.nan, flags | (0 if self.format.has_nan else INVALID)

    def round_index(self, negative: bool, index: int, more: bool) -> Outcome:
        """Return a value given by its index (:mod:`.rounding`), rounded, and the flags."""
        if not index and not more:
            return self._zero(negative)
        flushed = self.flush and self._is_tiny(negative, index, more)
        if negative and not self.format.is_signed:
            magnitude, flags = self._round_index(negative, index, more)
            flags = UNDERFLOW | INEXACT if flushed else flags
            return self._below_zero(flags if flushed or not magnitude else 0)
        if flushed:
            return self._zero(negative, inexact=True)
        z, flags = self._round_index(negative, index, more)
        if z == self._sign and not flags & OVERFLOW and not self.format.has_negative_zero:
            z = 0
        return z, flags

    # Shared by the operations.

    def _below_zero(self, flags_of_zero: int = 0) -> Outcome:
        """Return the result in place of a negative one in an unsigned format.

        ``flags_of_zero`` are the flags if it is a zero because it was rounded to one.
        """
        if self.format.has_zero:
            return 0, flags_of_zero or INVALID
        return self._unencodable()

    def _unencodable(self) -> Outcome:
        """Return the result in place of zeros and negative numbers in a format without either."""
        return (0 if self.overflow.startswith("saturate") else self.nan), INVALID

    def _zero(self, negative: bool, *, inexact: bool = False) -> Outcome:
        if not self.format.has_zero and (negative or not inexact):
            return self._unencodable()
        sign = self._sign if negative and self.format.has_negative_zero else 0
        return sign, (UNDERFLOW | INEXACT if inexact else 0)

    def _accept(self, a: int) -> int:
        subnormal = 0 < (a & self._ones) < 1 << self.format.trailing_bits
        if not (self.flush and subnormal):
            return a
        return a & self._sign if self.format.has_negative_zero else 0

    def _negative(self, a: int) -> bool:
        return bool(a & self._sign)

    def _is_zero(self, a: int) -> bool:
        return self.format.has_zero and not a & self._ones and not self.is_nan(a)

    def _nan_of(self, *operands: int) -> Outcome:
        return self.nan, INVALID if any(map(self.is_signalling, operands)) else 0

    def _zero_sum(self, negative_a: bool, negative_b: bool) -> bool:
        return negative_a if negative_a == negative_b else self.rounding == "toward_negative"

    # The operations.

    def _add(self, a: int, b: int, *, subtract: bool = False) -> Outcome:
        a, b = self._accept(a), self._accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self._nan_of(a, b)
        negative_a, negative_b = self._negative(a), self._negative(b) != subtract
        if self.is_infinite(a) or self.is_infinite(b):
            if self.is_infinite(a) and self.is_infinite(b) and negative_a != negative_b:
                return self.not_a_number(INVALID)
            return self.infinite(negative=negative_a if self.is_infinite(a) else negative_b)
        q = self.value(a) + (-self.value(b) if subtract else self.value(b))
        return self.round(q, zero_is_negative=self._zero_sum(negative_a, negative_b))

    def _mul(self, a: int, b: int) -> Outcome:
        a, b = self._accept(a), self._accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self._nan_of(a, b)
        negative = self._negative(a ^ b)
        if self.is_infinite(a) or self.is_infinite(b):
            invalid = self._is_zero(a) or self._is_zero(b)
            return self.not_a_number(INVALID) if invalid else self.infinite(negative=negative)
        return self.round(self.value(a) * self.value(b), zero_is_negative=negative)

    def _div(self, a: int, b: int) -> Outcome:
        a, b = self._accept(a), self._accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self._nan_of(a, b)
        negative = self._negative(a ^ b)
        if self.is_infinite(a):
            invalid = self.is_infinite(b)
            return self.not_a_number(INVALID) if invalid else self.infinite(negative=negative)
        if self.is_infinite(b):
            return self._zero(negative)
        if self._is_zero(b):
            if self._is_zero(a):
                return self.not_a_number(INVALID)
            return self.infinite(negative=negative, flags=DIVIDE_BY_ZERO)
        return self.round(self.value(a) / self.value(b), zero_is_negative=negative)

    def _sqrt(self, a: int) -> Outcome:
        a = self._accept(a)
        if self.is_nan(a):
            return self._nan_of(a)
        if self._is_zero(a):
            return a, 0
        if self._negative(a):
            return self.not_a_number(INVALID)
        if self.is_infinite(a):
            return self.infinite(negative=False)
        # A rational that rounds as the root does: many bits, and one more bit if it is inexact.
        bits = (1 << self.format.exponent_bits) + 2 * self.format.trailing_bits + 4
        scaled = self.value(a) * 4**bits
        root = math.isqrt(scaled.numerator // scaled.denominator)
        more = Fraction(root) ** 2 != scaled
        return self.round((root + Fraction(more, 2)) / 2**bits)

    def _fma(self, a: int, b: int, c: int) -> Outcome:
        a, b, c = self._accept(a), self._accept(b), self._accept(c)
        if self.is_nan(a) or self.is_nan(b) or self.is_nan(c):
            z, flags = self._nan_of(a, b, c)
            one_infinite = self.is_infinite(a) or self.is_infinite(b)
            invalid = one_infinite and (self._is_zero(a) or self._is_zero(b))
            return z, flags | INVALID * (invalid and self.nan_rule in ("arm", "riscv"))
        negative, negative_c = self._negative(a ^ b), self._negative(c)
        if self.is_infinite(a) or self.is_infinite(b):
            opposed = self.is_infinite(c) and negative != negative_c
            invalid = opposed or self._is_zero(a) or self._is_zero(b)
            return self.not_a_number(INVALID) if invalid else self.infinite(negative=negative)
        if self.is_infinite(c):
            return self.infinite(negative=negative_c)
        q = self.value(a) * self.value(b) + self.value(c)
        return self.round(q, zero_is_negative=self._zero_sum(negative, negative_c))

    def _rem(self, a: int, b: int) -> Outcome:
        a, b = self._accept(a), self._accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self._nan_of(a, b)
        if self.is_infinite(a) or self._is_zero(b):
            return self.not_a_number(INVALID)
        if self.is_infinite(b):
            return a, 0
        x, y = self.value(a), self.value(b)
        return self.round(x - y * round_to_integer(x / y), zero_is_negative=self._negative(a))

    def _fmod(self, a: int, b: int) -> Outcome:
        a, b = self._accept(a), self._accept(b)
        special = self.is_nan(a) or self.is_nan(b) or self.is_infinite(a) or self.is_infinite(b)
        if special or self._is_zero(b):
            return self._rem(a, b)
        x, y = self.value(a), self.value(b)
        return self.round(x - y * math.trunc(x / y), zero_is_negative=self._negative(a))

    def _scaleb(self, a: int, n: int) -> Outcome:
        a = self._accept(a)
        if self.is_nan(a):
            return self._nan_of(a)
        if self.is_infinite(a):
            return self.infinite(negative=self._negative(a))
        if self._is_zero(a):
            return a, 0
        # All powers beyond four times the range give the same results.
        most = 4 << self.format.exponent_bits
        power = Fraction(2) ** max(-most, min(n, most))
        return self.round(self.value(a) * power, zero_is_negative=self._negative(a))

    def _logb(self, a: int) -> Outcome:
        a = self._accept(a)
        if self.is_nan(a):
            return self._nan_of(a)
        if self.is_infinite(a):
            return self.infinite(negative=False)
        if self._is_zero(a):
            return self.infinite(negative=True, flags=DIVIDE_BY_ZERO)
        return self.round(Fraction(floor_log2(abs(self.value(a)))))

    def _next(self, a: int, *, upward: bool) -> Outcome:
        if self.is_nan(a):
            return self._nan_of(a)
        if self._is_zero(a) and not upward:
            return (self._sign | 1, 0) if self._sign else self._below_zero()
        negative = self._negative(a) and not self._is_zero(a)
        sign = self._sign if negative else 0
        count = (a & self._ones) + self._first
        if negative == upward or (not upward and not negative):
            count -= 1
            return self._zero(negative) if not count else (sign | count - self._first, 0)
        if count >= self._max_finite + self._first:
            return self.infinite(negative=negative)
        return sign | count + 1 - self._first, 0

    def _next_after(self, a: int, b: int) -> Outcome:
        if self.is_nan(a) or self.is_nan(b):
            return self._nan_of(a, b)
        order = self._compare(a, b)
        return (b, 0) if order == 0 else self._next(a, upward=order < 0)

    def _integral(self, rounding: str, *, is_exact: bool = False) -> Callable[[int], Outcome]:
        def integral(a: int) -> Outcome:
            a = self._accept(a)
            if self.is_nan(a):
                return self._nan_of(a)
            if self.is_infinite(a):
                return self.infinite(negative=self._negative(a))
            whole = Fraction(round_to_integer(self.value(a), rounding))
            z, flags = self.round(whole, zero_is_negative=self._negative(a))
            inexact = INEXACT if is_exact and whole != self.value(a) else 0
            return z, flags & INVALID or inexact

        return integral

    def _to_int(
        self, width: int, rounding: str, beyond: str, *, is_signed: bool
    ) -> Callable[[int], Outcome]:
        most = (1 << (width - is_signed)) - 1
        least = -most - 1 if is_signed else 0

        def to_int(a: int) -> Outcome:
            # Conversions take subnormal operands as numbers, also where operations flush them.
            whole: float | int
            if self.is_nan(a):
                whole = math.nan
            elif self.is_infinite(a):
                whole = -math.inf if self._negative(a) else math.inf
            else:
                whole = round_to_integer(self.value(a), rounding)
                if least <= whole <= most:
                    return whole, 0 if whole == self.value(a) else INEXACT
            if beyond == "wrap":
                lowest = whole % (1 << width) if isinstance(whole, int) else 0
                return (lowest - (1 << width) if lowest > most else lowest), INVALID
            if beyond == "rule" and self.nan_rule == "x86":
                return (least if is_signed else most), INVALID
            if whole != whole:
                return (self._integer_of_nan(width, least) if beyond == "rule" else 0), INVALID
            return (least if whole < 0 else most), INVALID

        return to_int

    def _integer_of_nan(self, width: int, least: int) -> int:
        """Return what RISC-V and NVIDIA's processors give; 0 under the other rules."""
        if self.nan_rule == "riscv":
            return least + (1 << width) - 1
        is_high = self.nan_rule == "cuda" and (width == 64 or self.format.key == BINARY64.key)
        return (least or 1 << (width - 1)) if is_high else 0

    # Orders.

    def _compare(self, a: int, b: int) -> int:
        if self.is_nan(a) or self.is_nan(b):
            return 2
        x, y = self._extended(a), self._extended(b)
        return (x > y) - (x < y)

    def _extended(self, a: int) -> Fraction | float:
        return (
            (-math.inf if self._negative(a) else math.inf) if self.is_infinite(a) else self.value(a)
        )

    def _order(self, a: int) -> int:
        magnitude = a & self._ones
        if self.format.nans is Nans.NEGATIVE_ZERO and self.is_nan(a):
            return self._ones + 1
        return -magnitude - 1 if self._negative(a) else magnitude

    def _comparisons(
        self, prefix: str, is_invalid: Callable[[int], bool]
    ) -> dict[str, Callable[..., Outcome]]:
        accepted: dict[str, Callable[[int], int]] = {
            "eq": lambda order: order == 0,
            "lt": lambda order: order == -1,
            "le": lambda order: order in (-1, 0),
            "compare": lambda order: order,
        }

        def operation(answer: Callable[[int], int]) -> Callable[[int, int], Outcome]:
            def compare(a: int, b: int) -> Outcome:
                invalid = is_invalid(a) or is_invalid(b)
                return int(answer(self._compare(a, b))), INVALID if invalid else 0

            return compare

        return {prefix + name: operation(answer) for name, answer in accepted.items()}

    def _extrema(self) -> dict[str, Callable[..., Outcome]]:
        by_magnitude = {"": False, "_magnitude": True}
        found: dict[str, Callable[..., Outcome]] = {}
        for name, greater in (("minimum", False), ("maximum", True)):
            for kind, of_magnitude in by_magnitude.items():
                choose = partial(self._extremum, greater=greater, of_magnitude=of_magnitude)
                found[name + kind] = choose
                found[f"{name}{kind}_number"] = partial(self._number, choose, of_2019=True)
            found[f"{name[:3]}_num"] = partial(self._number, found[name], of_2019=False)
        return found

    def _extremum(self, a: int, b: int, *, greater: bool, of_magnitude: bool) -> Outcome:
        if self.is_nan(a) or self.is_nan(b):
            return self._nan_of(a, b)
        sizes = (a & self._ones, b & self._ones) if of_magnitude else (0, 0)
        first, second = (sizes[0], self._order(a)), (sizes[1], self._order(b))
        return (a if (first >= second) == greater else b), 0

    def _number(
        self, choose: Callable[[int, int], Outcome], a: int, b: int, *, of_2019: bool
    ) -> Outcome:
        signalling = self.is_signalling(a) or self.is_signalling(b)
        if (of_2019 or not signalling) and self.is_nan(a) != self.is_nan(b):
            return (b if self.is_nan(a) else a), INVALID if signalling else 0
        return choose(a, b)


def _magnitude(format: Format, encoding: int) -> Fraction:
    """Return the value of a nonnegative finite encoding."""
    if not format.has_zero:
        return power_of_two(encoding - format.bias)
    exponent, trailing = divmod(encoding, 1 << format.trailing_bits)
    scale = power_of_two(max(exponent, 1) - format.bias)
    return (Fraction(trailing, 1 << format.trailing_bits) + (exponent > 0)) * scale


def _specials(format: Format) -> tuple[int, int | None, int]:
    """Return the encodings of the greatest number, of infinity, and of the NaN of results.

    Infinity is None if there is none; without NaNs, the third is the encoding of -0.
    """
    sign = 1 << (format.exponent_bits + format.trailing_bits)
    if format.nans is Nans.IEEE:
        top = sign - (1 << format.trailing_bits)
        return top - 1, top, top | 1 << (format.trailing_bits - 1)
    at_top = format.nans is Nans.ALL_ONES
    greatest_number = sign - 1 - at_top
    infinity = greatest_number if format.has_infinity else None
    return greatest_number - (infinity is not None), infinity, sign - 1 if at_top else sign


def restore_arithmetic(format: Format, rounding: str, options: dict[str, Any]) -> ExactArithmetic:
    """Return the arithmetic that ``pickle`` kept by its settings."""
    return ExactArithmetic(format, rounding, **options)
