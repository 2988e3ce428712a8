"""Checks of basic operations against exact rationals, on pairs of edges and random numbers."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from numlean.scalar.dtype import Dtype
from numlean.scalar.finiteness import is_nan
from numlean.scalar.protocol import Storage
from numlean.testing.conformance.checks import Subject, check
from numlean.testing.reference import Number, Reference, to_mpf

_PAIRS = 150
_OPERATIONS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}


@check("add", "sub", "mul", "div")
def every_operation_is_the_exact_result_rounded_once(subject: Subject, name: str) -> None:
    """Check zeros by their sign, and infinities and NaNs by the standard."""
    reference, (x, y) = subject.reference, _pairs(subject.reference)
    numbers = zip(reference.operands(x), reference.operands(y), strict=True)
    expected = [_settled(reference, *_exact(reference, name, a, b)) for a, b in numbers]
    reference.check(getattr(subject.scalar, name)(x, y), expected)


@check()
def square_roots_are_the_exact_roots_rounded_once(subject: Subject) -> None:
    """Check that a negative number gives a NaN or its substitute, and a zero itself."""
    reference = subject.reference
    x = np.concatenate([reference.edges(), reference.random(np.random.default_rng(102), 300)])

    def expected(a: Number) -> Number:
        if isinstance(a, Fraction):
            root = reference.undefined() if a < 0 else _root(a, reference.precision)
            return reference.rounded(root) if isinstance(root, Fraction) else root
        return reference.again(a) if a in (0, math.inf) else reference.undefined()

    reference.check(subject.scalar.sqrt(x), [expected(a) for a in reference.operands(x)])


@check()
def fma_rounds_the_product_and_sum_once_even_when_they_cancel(subject: Subject) -> None:
    """Check that the product's rounding error remains when the rounded product cancels."""
    scalar, reference, rng = subject.scalar, subject.reference, np.random.default_rng(103)
    x, y, far = (reference.random(rng, 300) for _ in range(3))
    cancelling, edges = scalar.neg(scalar.mul(x, y)), reference.edges()
    x, y = np.concatenate([x, x, edges]), np.concatenate([y, y, edges])
    z = np.concatenate([far, cancelling, scalar.neg(edges)])
    numbers = zip(*(reference.operands(w) for w in (x, y, z)), strict=True)
    expected = [_settled(reference, *_exact_fma(reference, *abc)) for abc in numbers]
    reference.check(scalar.fma(x, y, z), expected)


@check()
def a_tie_and_values_next_to_it_are_rounded_as_by_the_reference(subject: Subject) -> None:
    """Check 1 plus half an ulp, the same with an odd last bit, and values slightly above."""
    scalar, reference = subject.scalar, subject.reference
    one, half = Fraction(1), Fraction(1, 2**reference.precision)
    for a, b in ((one, half), (one + 2 * half, half), (one, half + half / 2)):
        x, y = (scalar.from_exact([to_mpf(q)]) for q in (a, b))
        numbers = reference.numbers(np.concatenate([x, y]))
        if all(map(math.isfinite, numbers)):  # the greatest number may be less than two
            exact = sum((Fraction(q) for q in numbers), Fraction(0))
            reference.check(scalar.add(x, y), [reference.rounded(exact)])


@check()
def neg_and_abs_change_only_the_sign(subject: Subject) -> None:
    """Check zeros and infinities as well; a NaN stays a NaN.

    Without negative numbers, their negatives have a substitute.
    """
    scalar, reference = subject.scalar, subject.reference
    x = np.concatenate([reference.edges(), reference.random(np.random.default_rng(104), 100)])
    numbers = reference.numbers(x)

    def negated(a: Number) -> Number:
        if isinstance(a, Fraction):
            return reference.negated(a)
        if a == 0:
            return -a if reference.has_signed_zero else 0.0
        return -a if reference.has_every_negative else reference.again(-a)

    def magnitude(a: Number) -> Number:
        return a if a >= 0 and repr(a) != "-0.0" else negated(a)

    for operation, expected in ((scalar.neg, negated), (scalar.abs, magnitude)):
        results = [math.nan if a != a else expected(a) for a in numbers]
        reference.check(operation(x), results)


@check()
def a_difference_is_the_sum_with_the_negated(subject: Subject) -> None:
    """Check the storage bytes, those of NaNs included, but not the flags.

    The rules of processors (``nan=x86`` and ``nan=arm``) return a NaN that is subtracted with its
    own sign, which IEEE 754 does not interpret (clause 6.3). Without negative numbers, a negated
    number has lost its magnitude.
    """
    subject.check_has_every_negative()
    scalar, (x, y) = subject.scalar, _pairs(subject.reference)
    keeps_sign = Dtype.parse(scalar.name).options.get("nan") in ("x86", "arm")
    kept = is_nan(scalar, y) & keeps_sign
    for part, change in ((~kept, scalar.neg), (kept, scalar.copy)):
        expected = scalar.add(x[part], change(y[part]))
        assert scalar.to_bytes(scalar.sub(x[part], y[part])) == scalar.to_bytes(expected)


@check()
def comparisons_are_those_of_the_exact_values(subject: Subject) -> None:
    """Check that zeros are equal and that a NaN is unordered, unless the reference orders it."""
    scalar, reference = subject.scalar, subject.reference
    x, y = _pairs(reference)
    numbers = list(zip(reference.numbers(x), reference.numbers(y), strict=True))
    if reference.nan_is_ordered:
        numbers = [(_least_if_nan(a), _least_if_nan(b)) for a, b in numbers]
    assert scalar.lt(x, y).tolist() == [a < b for a, b in numbers]
    assert scalar.le(x, y).tolist() == [a <= b for a, b in numbers]
    assert scalar.eq(x, y).tolist() == [a == b for a, b in numbers]
    codes = [2 if a != a or b != b else (a > b) - (a < b) for a, b in numbers]
    assert scalar.compare(x, y).tolist() == codes


def _least_if_nan(a: Number) -> Number:
    return -math.inf if a != a else a


@check("minimum", "maximum", "min_num", "max_num")
def extrema_order_zeros_by_sign_and_treat_nans_as_named(subject: Subject, name: str) -> None:
    """Check that minimum and maximum propagate NaNs; min_num and max_num, only quiet ones."""
    scalar, reference = subject.scalar, subject.reference
    x, y = _pairs(reference)

    def expected(a: Number, b: Number) -> Number | None:
        if a != a or b != b:
            return math.nan if name in ("minimum", "maximum") or (a != a and b != b) else None
        keys: list[Any] = [(a, _sign(a)), (b, _sign(b))]
        chosen: Number = (min(keys) if name.startswith("min") else max(keys))[0]
        return chosen

    numbers = list(zip(reference.numbers(x), reference.numbers(y), strict=True))
    results = [expected(a, b) for a, b in numbers]
    defined = [k for k, result in enumerate(results) if result is not None]
    z = getattr(scalar, name)(x, y)
    reference.check(z[defined], [result for result in results if result is not None])


def _pairs(reference: Reference) -> tuple[Storage, Storage]:
    edges = reference.edges()
    x, y = np.repeat(edges, edges.size)[::2], np.tile(edges, edges.size)[::2]
    rng = np.random.default_rng(101)
    more = [reference.random(rng, _PAIRS) for _ in range(2)]
    return np.concatenate([x, more[0]]), np.concatenate([y, more[1]])


def _stand_in(a: Number) -> Any:
    """Return a hardware number with the same sign and kind; only these matter next to a special."""
    return np.float64(math.copysign(1.0, a) if isinstance(a, Fraction) else a)


def _sign(a: Number) -> float:
    return math.copysign(1.0, a)


def _is_finite(*numbers: Number) -> bool:
    return all(isinstance(a, Fraction) or math.isfinite(a) for a in numbers)


def _exact(reference: Reference, name: str, a: Number, b: Number) -> tuple[Number, float]:
    """Return the exact result and its sign if it is zero, or the hardware's special result."""
    if name == "div" and b == 0 and isinstance(a, Fraction):
        return reference.divided_by_zero(math.copysign(1.0, a) * _sign(b)), 1.0
    if not _is_finite(a, b) or (name == "div" and b == 0):
        with np.errstate(all="ignore"):
            return float(_OPERATIONS[name](_stand_in(a), _stand_in(b))), 1.0
    p, q = Fraction(a), Fraction(b)
    if name in ("add", "sub"):
        q, sign = (q, _sign(b)) if name == "add" else (-q, -_sign(b))
        return p + q, _sign_of_zero_sum(reference, (p, _sign(a)), (q, sign))
    return p * q if name == "mul" else p / q, _sign(a) * _sign(b)


def _exact_fma(reference: Reference, a: Number, b: Number, c: Number) -> tuple[Number, float]:
    if not _is_finite(a, b, c):
        with np.errstate(all="ignore"):
            return float(_stand_in(a) * _stand_in(b) + _stand_in(c)), 1.0
    product, sign = Fraction(a) * Fraction(b), _sign(a) * _sign(b)
    zero = _sign_of_zero_sum(reference, (product, sign), (Fraction(c), _sign(c)))
    return product + Fraction(c), zero


def _sign_of_zero_sum(
    reference: Reference, one: tuple[Fraction, float], other: tuple[Fraction, float]
) -> float:
    """Return the sign of a zero sum of values with signs (IEEE 754, clause 6.3)."""
    same_zeros = one[0] == other[0] == 0 and one[1] == other[1]
    return one[1] if same_zeros else reference.sign_of_zero_sum


def _settled(reference: Reference, result: Number, zero: float) -> Number:
    if isinstance(result, Fraction):
        return reference.rounded(result, zero)
    return reference.of_float(result)


@cache
def _root(a: Fraction, precision: int) -> Fraction:
    """Return the square root of a positive rational, cut after enough bits; the last is sticky."""
    shift = 2 * (precision + 8) + 2 * abs(a.numerator.bit_length() - a.denominator.bit_length())
    scaled = (a.numerator << 2 * shift) // a.denominator
    floor = math.isqrt(scaled)
    is_exact = Fraction(floor * floor, 1 << 2 * shift) == a
    return Fraction(2 * floor + (not is_exact), 2 << shift)
