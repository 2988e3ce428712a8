"""References: the correct results of a Scalar, by exact rationals.

A *number* is a nonzero ``Fraction``, or a Python float for a zero (with its sign), an infinity or a
NaN. Numbers are equal if they print alike.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Any, TypeAlias, final

import numpy as np

from numlean.scalar.dtype import Dtype
from numlean.scalar.exact import exact_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import scalar_backend_of
from numlean.testing.exact import ExactArithmetic
from numlean.testing.rounding import ROUNDINGS, floor_log2, power_of_two, round_to_integer
from numlean_kernels.formats import Format

Number: TypeAlias = Fraction | float

_SHOWN = 5
_DESCRIBED = frozenset(("round", "nan", "tininess", "overflow", "subnormal", "math"))
"""The options that a reference covers: it has no bits of NaNs, no flags, no elementary functions.

A dtype with another option has no reference.
"""


class Reference(ABC):
    """A Scalar's arithmetic, as its author specifies it.

    Subclass it for an arithmetic without an IEEE format and without unbounded exponents. Define how
    an exact result is rounded, and which special values there are.

    Attributes:
        scalar: The Scalar under test.
        precision: The significant bits of a number near one.
        has_infinity: Whether there are infinities.
        has_signed_zero: Whether there is a -0.
        has_every_negative: Whether the negative of every number is a number.
        has_zero: Whether there is a zero.
        nan_is_ordered: Whether a NaN equals itself and is less than every number, as NaR of posits.
        sign_of_zero_sum: The sign of a sum that is zero, unless both terms are zeros of one sign.
    """

    has_infinity = True
    has_signed_zero = True
    has_every_negative = True
    has_zero = True
    nan_is_ordered = False
    sign_of_zero_sum = 1.0

    def __init__(self, scalar: Scalar, precision: int) -> None:
        self.scalar = scalar
        self.precision = precision

    @abstractmethod
    def rounded(self, q: Fraction, sign_of_zero: float = 1.0) -> Number:
        """Return an exact result rounded; an exact zero has the sign given."""

    @abstractmethod
    def infinite(self, sign: float) -> Number:
        """Return the result in place of infinity: an infinity, the greatest number, or a NaN."""

    @abstractmethod
    def edges(self) -> Storage:
        """Return numbers near changes: zeros, the least, one, the greatest, specials."""

    def undefined(self) -> Number:
        """Return the result of an invalid operation, and of a NaN that enters."""
        return math.nan

    def divided_by_zero(self, sign: float) -> Number:
        """Return a nonzero number divided by zero, where the quotient has a sign."""
        return self.infinite(sign)

    def negated(self, a: Fraction) -> Number:
        """Return the result of ``neg`` for a nonzero number."""
        return -a

    def number(self, x: Storage) -> Number:
        """Return the number of the only element of an array."""
        (value,) = self.scalar.to_exact(x.reshape(1))
        sign, m, e, _ = exact_of(value)
        if m == 0:
            return float(value) if e else 0.0
        return (-1 if sign else 1) * power_of_two(int(e)) * int(m)

    def random(self, rng: np.random.Generator, count: int) -> Storage:
        """Return random numbers, half of them near one."""
        near = rng.standard_normal(count - count // 2)
        wide = np.ldexp(rng.standard_normal(count // 2), rng.integers(-300, 300, count // 2))
        return self.scalar.from_float(np.concatenate([wide, near]))

    def numbers(self, x: Storage) -> list[Number]:
        """Return the numbers of the elements of an array, in C order."""
        flat = x.reshape(-1)
        return [self.number(flat[k : k + 1]) for k in range(flat.size)]

    def operands(self, x: Storage) -> list[Number]:
        """Return the numbers that an operation computes with, where it does not take all as is."""
        return self.numbers(x)

    def again(self, a: Number) -> Number:
        """Return a number of the Scalar after it has left the Scalar exactly and entered again."""
        if isinstance(a, Fraction):
            return self.rounded(a)
        if math.isnan(a):
            return self.undefined()
        return self.infinite(a) if math.isinf(a) else a

    def of_float(self, value: float) -> Number:
        """Return a binary64 number, which may be special, rounded once."""
        if math.isnan(value):
            return self.undefined()
        if math.isinf(value):
            return self.infinite(value)
        return self.rounded(Fraction(value), math.copysign(1.0, value))

    def check(self, x: Storage, expected: list[Number]) -> None:
        """Check that every number equals the one expected, zeros by their sign, NaNs without bits.

        Raises:
            AssertionError: A number differs; the message shows the first few.
        """
        found = self.numbers(x)
        assert len(found) == len(expected), f"{len(found)} numbers, not {len(expected)}"
        wrong = [
            f"[{k}] expected {b!r}, got {a!r}"
            for k, (a, b) in enumerate(zip(found, expected, strict=True))
            if repr(a) != repr(b)
        ]
        shown = "\n".join(wrong[:_SHOWN])
        assert not wrong, f"{len(wrong)} wrong in {self.scalar.name}:\n{shown}"


@final
class IeeeReference(Reference):
    """The reference of a Scalar that rounds in a direction in a binary format."""

    def __init__(
        self,
        scalar: Scalar,
        format: Format,
        rounding: str = "ties_to_even",
        *,
        overflow: str | None = None,
        flush: bool = False,
        tininess: str = "after",
        nan_rule: str = "torchlean",
    ) -> None:
        super().__init__(scalar, format.precision)
        self.format = format
        self.flush = flush
        self.has_infinity = format.has_infinity
        self.has_signed_zero = format.has_negative_zero
        self.has_every_negative = format.is_signed
        self.has_zero = format.has_zero
        self.sign_of_zero_sum = -1.0 if rounding == "toward_negative" else 1.0
        self._model = ExactArithmetic(
            format,
            rounding,
            tininess=tininess,
            flush=flush,
            overflow=overflow,
            nan_rule=nan_rule,
        )

    def number(self, x: Storage) -> Number:
        """Return the number of an encoding."""
        return self._number(int(self.scalar.to_bits(x).item()))

    def numbers(self, x: Storage) -> list[Number]:
        """Return the numbers of an array of encodings, in C order."""
        return [self._number(int(encoding)) for encoding in self.scalar.to_bits(x).flat]

    def _number(self, encoding: int) -> Number:
        sign = -1.0 if encoding & self.format.sign_mask else 1.0
        if self._model.is_nan(encoding):
            return math.nan
        if self._model.is_infinite(encoding):
            return math.copysign(math.inf, sign)
        return self._model.value(encoding) or math.copysign(0.0, sign)

    def operands(self, x: Storage) -> list[Number]:
        """Return the numbers, with zeros for subnormal ones if operations flush them."""
        least = float(self._model.value(self.format.least_normal))
        return [
            math.copysign(0.0, a if self.has_signed_zero else 1.0)
            if self.flush and -least < a < least
            else a
            for a in self.numbers(x)
        ]

    def rounded(self, q: Fraction, sign_of_zero: float = 1.0) -> Number:
        """Return the number that the direction selects."""
        encoding, _ = self._model.round(q, zero_is_negative=math.copysign(1.0, sign_of_zero) < 0)
        return self._number(encoding)

    def infinite(self, sign: float) -> Number:
        """Return an infinity, or its substitute in the format and under its options."""
        encoding, _ = self._model.infinite(negative=sign < 0)
        return self._number(encoding)

    def undefined(self) -> Number:
        """Return a NaN, or its substitute in a format without one."""
        return self._number(self._model.not_a_number()[0])

    def negated(self, a: Fraction) -> Number:
        """Return the negative, or its substitute in an unsigned format."""
        return -a if self.format.is_signed else self.rounded(-a)

    def edges(self) -> Storage:
        """Return zeros, the ends of the subnormals, one, the greatest, infinities, NaNs."""
        f = self.format
        one, least_normal = f.one, f.implicit_bit
        top = f.magnitude_mask
        ends = [0, 1, 2, least_normal - 1, least_normal, least_normal + 1, top, top - 1]
        ends += [one - 1, one, one + 1, one + least_normal, one + least_normal // 2, f.infinity]
        ends += [f.infinity - 1, f.infinity - 2]
        ends = [end & top for end in ends]
        return self.scalar.from_bits([*ends, *(b | f.sign_mask for b in ends)])

    def random(self, rng: np.random.Generator, count: int) -> Storage:
        """Return random encodings, with specials, half of them near one."""
        near_one = self.scalar.from_float(rng.standard_normal(count - count // 2))
        bits = rng.integers(0, 1 << self.format.width, count // 2, dtype=np.uint64, endpoint=False)
        return np.concatenate([self.scalar.from_bits(bits), near_one])


@final
class UnboundedReference(Reference):
    """The reference of a Scalar that rounds to nearest even, with unbounded exponents."""

    has_signed_zero = False

    def rounded(self, q: Fraction, sign_of_zero: float = 1.0) -> Number:
        """Return the nearest number, ties to even."""
        if q == 0:
            return 0.0
        unit = power_of_two(floor_log2(abs(q)) - self.precision + 1)
        return round_to_integer(q / unit) * unit

    def infinite(self, sign: float) -> Number:
        """Return an infinity."""
        return math.copysign(math.inf, sign)

    def edges(self) -> Storage:
        """Return powers of two and their neighbours, and specials."""
        powers = (-60, -5, -1, 0, 1, 7, 60)
        values = [m * 2.0**e for e in powers for m in (1, 1 + 2.0**-23, 1.5)]
        specials = [0.0, math.inf, math.nan]
        return self.scalar.from_float([*values, *(-v for v in values), *specials, -math.inf])


def reference_of(scalar: Scalar) -> Reference | None:
    """Return the reference of a Scalar: of its backend, its format, or its precision.

    None if there is none, as for a Scalar that rounds at random, or that saturates.
    """
    backend = scalar_backend_of(scalar.name)
    if backend is not None and backend.reference is not None:
        known: Reference = backend.reference(scalar)
        return known
    options = Dtype.parse(scalar.name).options
    if scalar.rounding not in ROUNDINGS or not _DESCRIBED.issuperset(options):
        return None
    if scalar.format is not None:
        return IeeeReference(
            scalar,
            scalar.format,
            scalar.rounding,
            overflow=options.get("overflow"),
            nan_rule=options.get("nan", "torchlean"),
            flush=options.get("subnormal") == "flush",
            tininess=options.get("tininess", "after"),
        )
    if scalar.rounding != "ties_to_even":
        return None
    precision = probe_precision(scalar)
    return None if precision is None else UnboundedReference(scalar, precision)


def probe_precision(scalar: Scalar) -> int | None:
    """Return the least p for which 2**p + 1 is not exact; None if 2**p is not exact either."""
    p = 1
    while int(scalar.to_exact(scalar.from_exact([2**p + 1])).item()) == 2**p + 1:
        p += 1
    return p if int(scalar.to_exact(scalar.from_exact([2**p])).item()) == 2**p else None


def to_mpf(q: Fraction) -> Any:
    """Return a dyadic rational as an ``mpmath.mpf``, exactly."""
    import mpmath

    exponent = q.denominator.bit_length() - 1
    assert q.denominator == 1 << exponent, f"{q} is not a dyadic rational"
    return mpmath.mp.make_mpf(mpmath.libmp.from_man_exp(q.numerator, -exponent))
