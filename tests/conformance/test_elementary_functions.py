"""Elementary functions against MPFR: correctly rounded at every argument tried.

MPFR rounds to the format's precision, subnormals included, once; there is no tolerance. Where a
number's precision depends on its magnitude, MPFR's value has 100 bits, and the reference rounds it.
"""

import math
from fractions import Fraction

import gmpy2
import numpy as np
import pytest

from numlean.testing.reference import UnboundedReference

NAMES = ("exp", "log", "tanh", "sinh", "cosh", "sin", "cos")
EXPONENTS = 2**40


def mpfr_context(reference):
    f = reference.scalar.format
    if f is None:
        # Only numbers with unbounded exponents all have the same precision.
        is_unbounded = isinstance(reference, UnboundedReference)
        precision = reference.precision if is_unbounded else 100
        return gmpy2.context(precision=precision, emin=-EXPONENTS, emax=EXPONENTS)
    return gmpy2.context(
        precision=f.precision, emax=f.emax + 1, emin=f.emin - f.precision + 2, subnormalize=True
    )


def to_mpfr(number):
    """Convert a number exactly."""
    with gmpy2.context(precision=1200, emin=-EXPONENTS, emax=EXPONENTS):
        if isinstance(number, Fraction):
            return gmpy2.mpfr(gmpy2.mpq(number.numerator, number.denominator))
        return gmpy2.mpfr(number)


def from_mpfr(reference, z):
    if gmpy2.is_nan(z):
        return reference.undefined()
    if gmpy2.is_infinite(z):
        return reference.of_float(float(z))
    if z == 0:
        return reference.rounded(Fraction(0), math.copysign(1.0, float(z)))
    value = Fraction(*(int(part) for part in z.as_integer_ratio()))
    # A format without infinity has one significand less at its top than MPFR believes.
    return reference.rounded(value)


def arguments(reference, name):
    scalar, rng = reference.scalar, np.random.default_rng(107)
    floats = [*rng.uniform(-4, 4, 60), *rng.uniform(-120, 120, 30)]
    floats += [1 + k * 2.0**-9 for k in range(-6, 7)] + [k * math.pi / 4 for k in range(-9, 10)]
    floats += [2.0**-k for k in range(0, 70, 3)] + [-(2.0**-k) for k in range(1, 70, 5)]
    floats += [k * math.log(2) for k in range(-160, 160, 17)]
    next_to_one = scalar.add(
        scalar.from_float(1.0), scalar.from_float(2.0 ** (1 - reference.precision))
    )
    x = np.concatenate([scalar.from_float(floats), next_to_one.reshape(1), reference.edges()])
    if reference.scalar.format is None:
        return x
    return np.concatenate([x, reference.random(rng, 120)])


def within_reason(reference, a):
    """Return whether the exponents of MPFR and the memory of mpmath suffice."""
    return reference.scalar.format is not None or not isinstance(a, Fraction) or abs(a) < 2**36


@pytest.mark.parametrize("name", NAMES)
def test_values_are_mpfr_s_at_hundreds_of_arguments(scalar, reference, name):
    x = arguments(reference, name)
    x = x[[within_reason(reference, a) for a in reference.numbers(x)]]
    numbers = [to_mpfr(a) for a in reference.numbers(x)]
    with mpfr_context(reference) as context:
        function = getattr(context, name)
        values = [function(a) for a in numbers]
    reference.check(getattr(scalar, name)(x), [from_mpfr(reference, z) for z in values])
