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
        nan_rule: The rule for what the standard leaves open: whether zero times infinity is invalid
            in an fma that adds a quiet NaN (``arm`` and ``riscv``), and the integers of values that
            are beyond the range (``x86`` and ``riscv``).
    """

    def __init__(
        self,
        format: Format,
        rounding: str = "ties_to_even",
        *,
        tininess: str = "after",
        flush: bool = False,
        saturate: bool = False,
        nan_rule: str = "torchlean",
    ) -> None:
        self.format = format
        self.rounding = rounding
        self.tininess = tininess
        self.flush = flush
        self.saturate = saturate
        self.nan_rule = nan_rule
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
            "saturate": self.saturate,
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
            return z, flags | INVALID * (invalid and self.nan_rule in ("arm", "riscv"))
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
                return self._infinite(self._negative(a)), 0
            whole = Fraction(round_to_integer(self.value(a), rounding))
            flags = INEXACT if is_exact and whole != self.value(a) else 0
            return self.round(whole, zero_is_negative=self._negative(a))[0], flags

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
                return (most if beyond == "rule" and self.nan_rule == "riscv" else 0), INVALID
            return (least if whole < 0 else most), INVALID

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
        sizes = (a & (self._sign - 1), b & (self._sign - 1)) if of_magnitude else (0, 0)
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
    exponent, trailing = divmod(encoding, 1 << format.trailing_bits)
    scale = power_of_two(max(exponent, 1) - ((1 << (format.exponent_bits - 1)) - 1))
    return (Fraction(trailing, 1 << format.trailing_bits) + (exponent > 0)) * scale


def restore_arithmetic(format: Format, rounding: str, options: dict[str, Any]) -> ExactArithmetic:
    """Return the arithmetic that ``pickle`` kept by its settings."""
    return ExactArithmetic(format, rounding, **options)
