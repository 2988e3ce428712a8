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
from numlean_kernels.flags import DIVIDE_BY_ZERO, INEXACT, INVALID, UNDERFLOW
from numlean_kernels.formats import Format

Outcome: TypeAlias = tuple[int, int]
"""An encoding, integer or truth value, and flags."""


class ExactArithmetic:
    """Results and flags of every operation on encodings of a format. NaN results are the default.

    Attributes:
        format: The format.
        rounding: One of ``ROUNDINGS``.
        tininess: ``after`` or ``before`` rounding.
        flush: Whether subnormal operands and results become zeros.
        saturate: Whether results beyond the range become the greatest number.
        product_before_nan: Whether zero times infinity is invalid in an fma that adds a quiet NaN.
    """

    def __init__(
        self,
        format: Format,
        rounding: str = "ties_to_even",
        *,
        tininess: str = "after",
        flush: bool = False,
        saturate: bool = False,
        product_before_nan: bool = False,
    ) -> None:
        self.format = format
        self.rounding = rounding
        self.tininess = tininess
        self.flush = flush
        self.saturate = saturate
        self.product_before_nan = product_before_nan
        self._sign = 1 << (format.exponent_bits + format.trailing_bits)
        top = ((1 << format.exponent_bits) - 1) << format.trailing_bits
        self._max_finite = top - 1 if format.has_infinity else self._sign - 2
        self._infinity = top if format.has_infinity else None
        self.nan = top | 1 << (format.trailing_bits - 1) if format.has_infinity else self._sign - 1
        self._values: dict[int, Fraction] = {}
        self._rounded: dict[tuple[bool, Fraction], Outcome] = {}
        rule = Rule.of(format, rounding, tininess, saturate=saturate)
        self._round_index = partial(make_round(), rule)
        self._is_tiny = partial(make_is_tiny(), rule)
        self._operations: dict[str, Callable[..., Outcome]] = {
            "add": self._add,
            "sub": lambda a, b: self._add(a, self._negated(b)),
            "mul": self._mul,
            "div": self._div,
            "sqrt": self._sqrt,
            "fma": self._fma,
            "rem": self._rem,
            "scaleb": self._scaleb,
            "logb": self._logb,
            "next_up": lambda a: self._next(a, upward=True),
            "next_down": lambda a: self._next(a, upward=False),
            "eq": lambda a, b: (self._compare(a, b) == 0, 0),
            "lt": lambda a, b: (self._compare(a, b) == -1, 0),
            "le": lambda a, b: (self._compare(a, b) in (-1, 0), 0),
            "compare": lambda a, b: (self._compare(a, b), 0),
            "minimum": lambda a, b: self._extremum(a, b, greater=False),
            "maximum": lambda a, b: self._extremum(a, b, greater=True),
            "min_num": lambda a, b: self._number(a, b, greater=False),
            "max_num": lambda a, b: self._number(a, b, greater=True),
            "total_order": lambda a, b: (self._order(a) <= self._order(b), 0),
            **{f"round_to_integral {r}": self._integral(r) for r in ROUNDINGS},
            **{f"to_int{n} {r}": self._to_int(n, r) for n in (32, 64) for r in ROUNDINGS},
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the settings, from which ``pickle`` makes the same arithmetic."""
        options = {
            "tininess": self.tininess,
            "flush": self.flush,
            "saturate": self.saturate,
            "product_before_nan": self.product_before_nan,
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
        magnitude = a & (self._sign - 1)
        if magnitude not in self._values:
            self._values[magnitude] = _magnitude(self.format, magnitude)
        value = self._values[magnitude]
        return -value if a & self._sign else value

    def is_nan(self, a: int) -> bool:
        """Return whether an encoding is a NaN, quiet or signalling."""
        magnitude = a & (self._sign - 1)
        return magnitude > self._max_finite and magnitude != self._infinity

    def is_signalling(self, a: int) -> bool:
        """Return whether an encoding is a signalling NaN."""
        quiet = 1 << (self.format.trailing_bits - 1)
        return self.format.has_infinity and self.is_nan(a) and not a & quiet

    def is_infinite(self, a: int) -> bool:
        """Return whether an encoding is an infinity."""
        return self._infinity is not None and (a & (self._sign - 1)) == self._infinity

    def round(self, q: Fraction, *, zero_is_negative: bool = False) -> Outcome:
        """Return a rational rounded to an encoding, and the flags. A zero has the given sign."""
        if q == 0:
            return (self._sign if zero_is_negative else 0), 0
        key = q < 0, abs(q)
        if key not in self._rounded:
            self._rounded[key] = self._round(*key)
        return self._rounded[key]

    def _round(self, negative: bool, q: Fraction) -> Outcome:
        index, more = index_of_fraction(self.format, q)
        if self.flush and self._is_tiny(negative, index, more):
            return (self._sign if negative else 0), UNDERFLOW | INEXACT
        z, flags = self._round_index(negative, index, more)
        return z, flags

    # Shared by the operations.

    def _accept(self, a: int) -> int:
        subnormal = 0 < (a & (self._sign - 1)) < 1 << self.format.trailing_bits
        return a & self._sign if self.flush and subnormal else a

    def _infinite(self, negative: bool) -> int:
        sign = self._sign if negative else 0
        if self.saturate:
            return sign | self._max_finite
        return self.nan if self._infinity is None else sign | self._infinity

    def _negative(self, a: int) -> bool:
        return bool(a & self._sign)

    def _is_zero(self, a: int) -> bool:
        return (a & (self._sign - 1)) == 0

    def _negated(self, a: int) -> int:
        return a if self.is_nan(a) else a ^ self._sign

    def _nan_of(self, *operands: int) -> Outcome:
        return self.nan, INVALID if any(map(self.is_signalling, operands)) else 0

    def _zero_sum(self, negative_a: bool, negative_b: bool) -> bool:
        return negative_a if negative_a == negative_b else self.rounding == "toward_negative"

    # The operations.

    def _add(self, a: int, b: int) -> Outcome:
        a, b = self._accept(a), self._accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self._nan_of(a, b)
        negative_a, negative_b = self._negative(a), self._negative(b)
        if self.is_infinite(a) or self.is_infinite(b):
            if self.is_infinite(a) and self.is_infinite(b) and negative_a != negative_b:
                return self.nan, INVALID
            return self._infinite(negative_a if self.is_infinite(a) else negative_b), 0
        q = self.value(a) + self.value(b)
        return self.round(q, zero_is_negative=self._zero_sum(negative_a, negative_b))

    def _mul(self, a: int, b: int) -> Outcome:
        a, b = self._accept(a), self._accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self._nan_of(a, b)
        negative = self._negative(a ^ b)
        if self.is_infinite(a) or self.is_infinite(b):
            invalid = self._is_zero(a) or self._is_zero(b)
            return (self.nan, INVALID) if invalid else (self._infinite(negative), 0)
        return self.round(self.value(a) * self.value(b), zero_is_negative=negative)

    def _div(self, a: int, b: int) -> Outcome:
        a, b = self._accept(a), self._accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self._nan_of(a, b)
        negative = self._negative(a ^ b)
        if self.is_infinite(a):
            return (self.nan, INVALID) if self.is_infinite(b) else (self._infinite(negative), 0)
        if self.is_infinite(b):
            return (self._sign if negative else 0), 0
        if self._is_zero(b):
            zero_by_zero = self._is_zero(a)
            return (
                (self.nan, INVALID) if zero_by_zero else (self._infinite(negative), DIVIDE_BY_ZERO)
            )
        return self.round(self.value(a) / self.value(b), zero_is_negative=negative)

    def _sqrt(self, a: int) -> Outcome:
        a = self._accept(a)
        if self.is_nan(a):
            return self._nan_of(a)
        if self._is_zero(a):
            return a, 0
        if self._negative(a):
            return self.nan, INVALID
        if self.is_infinite(a):
            return self._infinite(negative=False), 0
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
            return z, flags | INVALID * (invalid and self.product_before_nan)
        negative, negative_c = self._negative(a ^ b), self._negative(c)
        if self.is_infinite(a) or self.is_infinite(b):
            opposed = self.is_infinite(c) and negative != negative_c
            invalid = opposed or self._is_zero(a) or self._is_zero(b)
            return (self.nan, INVALID) if invalid else (self._infinite(negative), 0)
        if self.is_infinite(c):
            return self._infinite(negative_c), 0
        q = self.value(a) * self.value(b) + self.value(c)
        return self.round(q, zero_is_negative=self._zero_sum(negative, negative_c))

    def _rem(self, a: int, b: int) -> Outcome:
        a, b = self._accept(a), self._accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self._nan_of(a, b)
        if self.is_infinite(a) or self._is_zero(b):
            return self.nan, INVALID
        if self.is_infinite(b):
            return a, 0
        x, y = self.value(a), self.value(b)
        return self.round(x - y * round_to_integer(x / y), zero_is_negative=self._negative(a))

    def _scaleb(self, a: int, n: int) -> Outcome:
        a = self._accept(a)
        if self.is_nan(a):
            return self._nan_of(a)
        if self.is_infinite(a):
            return self._infinite(self._negative(a)), 0
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
            return self._infinite(negative=False), 0
        if self._is_zero(a):
            return self._infinite(negative=True), DIVIDE_BY_ZERO
        return self.round(Fraction(floor_log2(abs(self.value(a)))))

    def _next(self, a: int, *, upward: bool) -> Outcome:
        if self.is_nan(a):
            return self._nan_of(a)
        if self._is_zero(a):
            return (1 if upward else self._sign | 1), 0
        if self._negative(a) == upward:
            return a - 1, 0
        at_end = (a & (self._sign - 1)) == self._max_finite or self.is_infinite(a)
        return (self._infinite(self._negative(a)) if at_end else a + 1), 0

    def _integral(self, rounding: str) -> Callable[[int], Outcome]:
        def integral(a: int) -> Outcome:
            a = self._accept(a)
            if self.is_nan(a):
                return self._nan_of(a)
            if self.is_infinite(a):
                return self._infinite(self._negative(a)), 0
            whole = Fraction(round_to_integer(self.value(a), rounding))
            return self.round(whole, zero_is_negative=self._negative(a))[0], 0

        return integral

    def _to_int(self, width: int, rounding: str) -> Callable[[int], Outcome]:
        most = (1 << (width - 1)) - 1

        def to_int(a: int) -> Outcome:
            a = self._accept(a)
            if self.is_nan(a):
                return 0, INVALID
            if self.is_infinite(a):
                return (-most - 1 if self._negative(a) else most), INVALID
            whole = round_to_integer(self.value(a), rounding)
            if not -most - 1 <= whole <= most:
                return (-most - 1 if whole < 0 else most), INVALID
            return whole, 0 if whole == self.value(a) else INEXACT

        return to_int

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
        magnitude = a & (self._sign - 1)
        return -magnitude - 1 if self._negative(a) else magnitude

    def _extremum(self, a: int, b: int, *, greater: bool) -> Outcome:
        if self.is_nan(a) or self.is_nan(b):
            return self.nan, 0
        return (a if (self._order(a) >= self._order(b)) == greater else b), 0

    def _number(self, a: int, b: int, *, greater: bool) -> Outcome:
        signalling = self.is_signalling(a) or self.is_signalling(b)
        if not signalling and self.is_nan(a) != self.is_nan(b):
            return (b if self.is_nan(a) else a), 0
        return self._extremum(a, b, greater=greater)


def _magnitude(format: Format, encoding: int) -> Fraction:
    """Return the value of a nonnegative finite encoding."""
    exponent, trailing = divmod(encoding, 1 << format.trailing_bits)
    scale = power_of_two(max(exponent, 1) - ((1 << (format.exponent_bits - 1)) - 1))
    return (Fraction(trailing, 1 << format.trailing_bits) + (exponent > 0)) * scale


def restore_arithmetic(format: Format, rounding: str, options: dict[str, Any]) -> ExactArithmetic:
    """Return the arithmetic that ``pickle`` kept by its settings."""
    return ExactArithmetic(format, rounding, **options)
