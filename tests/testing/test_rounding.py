"""The rounding that references share, compared with numpy's and Python's own."""

import math
from fractions import Fraction

import numpy as np
import pytest

from numlean import get_scalar
from numlean.testing import ExactArithmetic, IeeeReference
from numlean.testing.rounding import ROUNDINGS, floor_log2, round_to_integer
from numlean_kernels.flags import INEXACT, OVERFLOW, UNDERFLOW
from numlean_kernels.formats import BINARY16, BINARY32, BINARY64, E4M3

RNG = np.random.default_rng(11)
HALF = Fraction(1, 2)
INTEGERS = {
    "ties_to_even": round,
    "ties_to_away": lambda q: (1 if q > 0 else -1) * math.floor(abs(q) + HALF),
    "toward_zero": math.trunc,
    "toward_positive": math.ceil,
    "toward_negative": math.floor,
    "to_odd": lambda q: math.floor(q) | (q != math.floor(q)),
    "away_from_zero": lambda q: math.ceil(q) if q > 0 else math.floor(q),
}


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_integers_are_those_of_python(rounding):
    for eighths in range(-100, 101):
        for q in (Fraction(eighths, 8), Fraction(eighths, 7), Fraction(eighths, 8) + 10**30):
            assert round_to_integer(q, rounding) == INTEGERS[rounding](q), q


@pytest.mark.parametrize(
    ("format", "kind"), [(BINARY16, np.float16), (BINARY32, np.float32), (BINARY64, np.float64)]
)
def test_exact_arithmetic_rounds_to_even_as_numpy_casts(format, kind):
    model = ExactArithmetic(format)
    exponents = RNG.integers(max(format.emin - format.precision, -1022), format.emax, 3000)
    for m, e in zip(RNG.integers(1, 1 << 53, 3000).tolist(), exponents.tolist(), strict=True):
        value = math.ldexp(m, e - 52)
        with np.errstate(over="ignore", under="ignore"):
            expected = np.array(value).astype(kind).view(format.storage_dtype)
        encoding, _ = model.round(Fraction(m) * Fraction(2) ** (e - 52))
        assert encoding == int(expected), value


def test_exact_arithmetic_rounds_quotients_as_python_does():
    model = ExactArithmetic(BINARY64)
    for a, b in RNG.integers(1, 1 << 62, (1000, 2)).tolist():
        encoding, _ = model.round(Fraction(a, b))
        assert encoding == int(np.array(a / b).view(np.uint64)), (a, b)


def test_flags_are_those_of_the_place_of_a_value():
    model = ExactArithmetic(BINARY16)
    least_normal, greatest = Fraction(1, 1 << 14), Fraction(65504)
    assert model.round(Fraction(1, 3))[1] == INEXACT
    assert model.round(Fraction(1, 4))[1] == 0
    assert model.round(least_normal / 1024)[1] == 0
    assert model.round(least_normal / 1023)[1] == INEXACT | UNDERFLOW
    assert model.round(greatest + 15)[1] == INEXACT
    assert model.round(greatest + 16) == (BINARY16.infinity, INEXACT | OVERFLOW)
    assert ExactArithmetic(E4M3).round(Fraction(465)) == (0x7F, INEXACT | OVERFLOW)


def test_tininess_after_rounding_is_judged_with_one_bit_more():
    q = Fraction(1, 1 << 14) * (1 - Fraction(1, 1 << 13))
    assert ExactArithmetic(BINARY16).round(q) == (BINARY16.implicit_bit, INEXACT)
    before = ExactArithmetic(BINARY16, tininess="before")
    assert before.round(q) == (BINARY16.implicit_bit, INEXACT | UNDERFLOW)


def test_the_reference_of_a_wide_format_does_not_list_its_numbers():
    reference = IeeeReference(get_scalar("float64", "python"), BINARY64)
    assert reference.rounded(Fraction(1, 10)) == Fraction(0.1)
    assert repr(reference.rounded(Fraction(0), -1.0)) == "-0.0"
    assert reference.rounded(Fraction(10) ** 400) == math.inf


def test_the_exponent_of_a_rational_is_exact():
    for e in (-1000, -1, 0, 1, 53, 1000):
        power = Fraction(2) ** e
        below = power * (1 - Fraction(1, 1 << 2000))
        assert [floor_log2(q) for q in (below, power, power * 3 / 2)] == [e - 1, e, e]
