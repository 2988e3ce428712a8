"""Checks of exact products of matrices, against sums of exact rationals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from numlean.testing.conformance.checks import Subject, check
from numlean.testing.reference import Number, Reference

_SHAPES = ((4, 6, 5), (3, 1, 3), (2, 0, 2))
"""The rows, the terms of each sum and the columns of products."""


@check()
def an_exact_product_rounds_each_sum_of_exact_products_once(subject: Subject) -> None:
    """Check sums that cancel, overflow, underflow or are zero, infinities and NaNs as well."""
    scalar, reference = subject.scalar, subject.reference
    rng = np.random.default_rng(199)
    drawn = np.concatenate([reference.edges(), reference.random(rng, 60)])
    for rows, terms, columns in _SHAPES:
        a = drawn[rng.integers(0, drawn.size, (rows, terms))]
        b = drawn[rng.integers(0, drawn.size, (terms, columns))]
        if terms > 1 and reference.has_every_negative:
            a[0, 1], b[1] = a[0, 0], scalar.neg(b[0])  # the first two terms of a row cancel
        z = scalar.exact_product(scalar, a, scalar, b)
        left, right = reference.numbers(a), reference.numbers(b)
        sums = [
            [(left[i * terms + k], right[k * columns + j]) for k in range(terms)]
            for i in range(rows)
            for j in range(columns)
        ]
        reference.check(z, [_rounded_sum(reference, pairs) for pairs in sums])


def _rounded_sum(reference: Reference, pairs: Sequence[tuple[Number, Number]]) -> Number:
    """Return the exact sum of the products of pairs, rounded once."""
    floats = [(_float(a), _float(b)) for a, b in pairs]
    special = sum((a * b for a, b in floats), 0.0)
    if math.isnan(special):
        return reference.undefined()
    if math.isinf(special):
        return reference.infinite(special)
    total = sum((_fraction(a) * _fraction(b) for a, b in pairs), Fraction(0))
    are_plus_zeros = all(a * b == 0 and math.copysign(1.0, a * b) > 0 for a, b in floats)
    return reference.rounded(total, 1.0 if are_plus_zeros else reference.sign_of_zero_sum)


def _float(a: Number) -> float:
    """Return a number of the same sign that is zero, infinite or a NaN if it is, else 1 or -1."""
    if isinstance(a, Fraction):
        return math.copysign(1.0, a)
    return a


def _fraction(a: Number) -> Fraction:
    return a if isinstance(a, Fraction) else Fraction(0)
