"""An independent model of IEEE 754 arithmetic: exact rationals, rounded by searching a table.

It shares no step with the routines it judges: no shifting, no sticky bits, no words. It is slow,
and meant for formats small enough to list their numbers.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from typing import Final, TypeAlias

from numlean_kernels.formats import Format

INEXACT: Final = 1
UNDERFLOW: Final = 2
OVERFLOW: Final = 4
DIVIDE_BY_ZERO: Final = 8
INVALID: Final = 16

Outcome: TypeAlias = tuple[int, int]
"""An encoding (an integer or a truth value for operations that give one), and flags."""

ROUNDINGS: Final = (
    "ties_to_even",
    "ties_to_away",
    "toward_zero",
    "toward_positive",
    "toward_negative",
    "to_odd",
)

_INTEGERS: Final[dict[str, Callable[[Fraction], int]]] = {
    "ties_to_even": round,
    "ties_to_away": lambda q: (1 if q > 0 else -1) * math.floor(abs(q) + Fraction(1, 2)),
    "toward_zero": math.trunc,
    "toward_positive": math.ceil,
    "toward_negative": math.floor,
    "to_odd": lambda q: math.floor(q) | 1 if q != math.floor(q) else math.floor(q),
}


class ExactArithmetic:
    """Results and flags of every operation on encodings of a format; NaNs are ``canonical``.

    Attributes:
        format: The format.
        rounding: One of ``ROUNDINGS``.
        tininess: ``after`` or ``before`` rounding.
        flush: Whether subnormal operands and results count as zeros.
        saturate: Whether what is beyond the range becomes the greatest number.
    """

    def __init__(
        self,
        format: Format,
        rounding: str = "ties_to_even",
        *,
        tininess: str = "after",
        flush: bool = False,
        saturate: bool = False,
    ) -> None:
        self.format = format
        self.rounding = rounding
        self.tininess = tininess
        self.flush = flush
        self.saturate = saturate
        self._sign = 1 << (format.exponent_bits + format.trailing_bits)
        self._values = _magnitudes(format)
        self._infinity = len(self._values) if format.has_infinity else None
        top = ((1 << format.exponent_bits) - 1) << format.trailing_bits
        self.nan = top | 1 << (format.trailing_bits - 1) if format.has_infinity else self._sign - 1
        self._min_normal = self._values[1 << format.trailing_bits]
        self._rounded: dict[tuple[bool, Fraction], Outcome] = {}
        self._operations: dict[str, Callable[..., Outcome]] = {
            "add": self._add,
            "sub": lambda a, b: self._add(a, self._negated(b)),
            "mul": self._mul,
            "div": self._div,
            "sqrt": self._sqrt,
            "fma": self._fma,
            "rem": self._rem,
            "scaleb": self._scale_b,
            "logb": self._log_b,
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

    @property
    def operations(self) -> tuple[str, ...]:
        """The names of what it computes; arguments are encodings, but for scale_b's power."""
        return tuple(self._operations)

    def compute(self, operation: str, *operands: int) -> Outcome:
        """The result of an operation by name, and the flags it raises."""
        return self._operations[operation](*operands)

    def value(self, a: int) -> Fraction:
        """The exact value of a finite encoding."""
        magnitude = self._values[a & (self._sign - 1)]
        return -magnitude if a & self._sign else magnitude

    def is_nan(self, a: int) -> bool:
        """Whether it is a NaN, quiet or signalling."""
        magnitude = a & (self._sign - 1)
        return magnitude >= len(self._values) and magnitude != self._infinity

    def is_signalling(self, a: int) -> bool:
        """Whether it is a signalling NaN."""
        quiet = 1 << (self.format.trailing_bits - 1)
        return self.format.has_infinity and self.is_nan(a) and not a & quiet

    def is_infinite(self, a: int) -> bool:
        """Whether it is an infinity."""
        return self._infinity is not None and (a & (self._sign - 1)) == self._infinity

    # Rounding.

    def _up(self, negative: bool, below: Fraction, q: Fraction, above: Fraction, odd: bool) -> bool:
        """Whether a magnitude strictly between neighbours goes up; ``odd`` is the lower one's."""
        if self.rounding == "toward_zero":
            return False
        if self.rounding == "toward_positive":
            return not negative
        if self.rounding == "toward_negative":
            return negative
        if self.rounding == "to_odd":
            return not odd
        middle = (below + above) / 2
        if q == middle:
            return self.rounding == "ties_to_away" or odd
        return q > middle

    def _unbounded(self, negative: bool, q: Fraction) -> Fraction:
        """A magnitude rounded to the precision, whatever its exponent."""
        e = q.numerator.bit_length() - q.denominator.bit_length()
        e -= q < Fraction(2) ** e
        ulp = Fraction(2) ** (e - self.format.trailing_bits)
        below = q // ulp
        if below * ulp == q:
            return q
        up = self._up(negative, below * ulp, q, (below + 1) * ulp, below % 2 == 1)
        return (below + up) * ulp

    def _round(self, negative: bool, q: Fraction) -> Outcome:
        key = negative, q
        if key not in self._rounded:
            self._rounded[key] = self._round_anew(negative, q)
        return self._rounded[key]

    def _round_anew(self, negative: bool, q: Fraction) -> Outcome:
        sign = self._sign if negative else 0
        unbounded = self._unbounded(negative, q)
        tiny = (q if self.tininess == "before" else unbounded) < self._min_normal
        if tiny and self.flush:
            return sign, UNDERFLOW | INEXACT
        if unbounded > self._values[-1]:
            beyond = {
                "toward_zero": False,
                "to_odd": False,
                "toward_positive": not negative,
                "toward_negative": negative,
            }.get(self.rounding, True)
            z = self._infinite(negative) if beyond else sign | (len(self._values) - 1)
            return z, OVERFLOW | INEXACT
        k = bisect_right(self._values, q) - 1
        if self._values[k] == q:
            return sign | k, 0
        if k + 1 < len(self._values):
            k += self._up(negative, self._values[k], q, self._values[k + 1], k % 2 == 1)
        return sign | k, INEXACT | (UNDERFLOW if tiny else 0)

    def _signed(self, q: Fraction, zero_is_negative: bool) -> Outcome:
        if q == 0:
            return (self._sign if zero_is_negative else 0), 0
        return self._round(q < 0, abs(q))

    # What operations have in common.

    def _accept(self, a: int) -> int:
        subnormal = 0 < (a & (self._sign - 1)) < 1 << self.format.trailing_bits
        return a & self._sign if self.flush and subnormal else a

    def _infinite(self, negative: bool) -> int:
        sign = self._sign if negative else 0
        if self.saturate:
            return sign | (len(self._values) - 1)
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
        return self._signed(self.value(a) + self.value(b), self._zero_sum(negative_a, negative_b))

    def _mul(self, a: int, b: int) -> Outcome:
        a, b = self._accept(a), self._accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self._nan_of(a, b)
        negative = self._negative(a ^ b)
        if self.is_infinite(a) or self.is_infinite(b):
            invalid = self._is_zero(a) or self._is_zero(b)
            return (self.nan, INVALID) if invalid else (self._infinite(negative), 0)
        return self._signed(self.value(a) * self.value(b), negative)

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
        return self._signed(self.value(a) / self.value(b), negative)

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
        # A rational that rounds as the root does: many bits of it, and a mark if there are more.
        bits = (1 << self.format.exponent_bits) + 2 * self.format.trailing_bits + 4
        scaled = self.value(a) * 4**bits
        root = math.isqrt(scaled.numerator // scaled.denominator)
        more = Fraction(root) ** 2 != scaled
        return self._signed((root + Fraction(more, 2)) / 2**bits, False)

    def _fma(self, a: int, b: int, c: int) -> Outcome:
        a, b, c = self._accept(a), self._accept(b), self._accept(c)
        if self.is_nan(a) or self.is_nan(b) or self.is_nan(c):
            return self._nan_of(a, b, c)
        negative, negative_c = self._negative(a ^ b), self._negative(c)
        if self.is_infinite(a) or self.is_infinite(b):
            opposed = self.is_infinite(c) and negative != negative_c
            invalid = opposed or self._is_zero(a) or self._is_zero(b)
            return (self.nan, INVALID) if invalid else (self._infinite(negative), 0)
        if self.is_infinite(c):
            return self._infinite(negative_c), 0
        q = self.value(a) * self.value(b) + self.value(c)
        return self._signed(q, self._zero_sum(negative, negative_c))

    def _rem(self, a: int, b: int) -> Outcome:
        a, b = self._accept(a), self._accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self._nan_of(a, b)
        if self.is_infinite(a) or self._is_zero(b):
            return self.nan, INVALID
        if self.is_infinite(b):
            return a, 0
        x, y = self.value(a), self.value(b)
        return self._signed(x - y * round(x / y), self._negative(a))

    def _scale_b(self, a: int, n: int) -> Outcome:
        a = self._accept(a)
        if self.is_nan(a):
            return self._nan_of(a)
        if self._is_zero(a) or self.is_infinite(a):
            return a, 0
        # Beyond four times the range all powers are alike.
        most = 4 << self.format.exponent_bits
        power = Fraction(2) ** max(-most, min(n, most))
        return self._signed(self.value(a) * power, self._negative(a))

    def _log_b(self, a: int) -> Outcome:
        a = self._accept(a)
        if self.is_nan(a):
            return self._nan_of(a)
        if self.is_infinite(a):
            return self._infinite(negative=False), 0
        if self._is_zero(a):
            return self._infinite(negative=True), DIVIDE_BY_ZERO
        q = abs(self.value(a))
        e = q.numerator.bit_length() - q.denominator.bit_length()
        return self._signed(Fraction(e - (q < Fraction(2) ** e)), False)

    def _next(self, a: int, *, upward: bool) -> Outcome:
        if self.is_nan(a):
            return self._nan_of(a)
        if self._is_zero(a):
            return (1 if upward else self._sign | 1), 0
        if self._negative(a) == upward:
            return a - 1, 0
        if self.is_infinite(a):
            return a, 0
        at_end = (a & (self._sign - 1)) == len(self._values) - 1
        return (self._infinite(self._negative(a)) if at_end else a + 1), 0

    def _integral(self, rounding: str) -> Callable[[int], Outcome]:
        def integral(a: int) -> Outcome:
            a = self._accept(a)
            if self.is_nan(a):
                return self._nan_of(a)
            if self.is_infinite(a):
                return a, 0
            whole = Fraction(_INTEGERS[rounding](self.value(a)))
            return self._signed(whole, self._negative(a))[0], 0

        return integral

    def _to_int(self, width: int, rounding: str) -> Callable[[int], Outcome]:
        most = (1 << (width - 1)) - 1

        def to_int(a: int) -> Outcome:
            a = self._accept(a)
            if self.is_nan(a):
                return 0, INVALID
            if self.is_infinite(a):
                return (-most - 1 if self._negative(a) else most), INVALID
            whole = _INTEGERS[rounding](self.value(a))
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


def _magnitudes(format: Format) -> list[Fraction]:
    """The values of the nonnegative finite encodings, ascending."""
    values = []
    sign = 1 << (format.exponent_bits + format.trailing_bits)
    for encoding in range(sign):
        exponent, trailing = divmod(encoding, 1 << format.trailing_bits)
        top = exponent == (1 << format.exponent_bits) - 1
        if top and (format.has_infinity or encoding == sign - 1):
            break
        scale = Fraction(2) ** (max(exponent, 1) - (2 ** (format.exponent_bits - 1) - 1))
        significand = Fraction(trailing, 1 << format.trailing_bits) + (exponent > 0)
        values.append(significand * scale)
    return values
