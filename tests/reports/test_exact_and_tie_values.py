"""Elementary functions where the value is a number of the format, or the middle of two.

Each right value is an exact rational, which the reference in exact rationals rounds.
"""

from fractions import Fraction
from functools import cache
from math import isqrt

import gmpy2
import numpy as np
import pytest

from numlean import get_scalar
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.testing import ExactArithmetic
from numlean.verification.elementary import ElementaryComparison, verify
from numlean.verification.elementary.boundary_operands import boundary_operands
from numlean.verification.encoding import decode
from numlean_kernels.formats import BINARY16, BINARY32, BINARY64
from numlean_kernels.ieee import Arithmetic, Rounding
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.tables.elementary import binary64_flagged_routine
from numlean_kernels.targets import get_target

MODES = ("ties_to_even", "ties_to_away", "toward_zero", "toward_positive", "toward_negative")


def two(e):
    return Fraction(2) ** e


def powers_of_integers(format):
    """Yield arguments of exp2 and exp10, from below the least number to beyond the greatest."""
    least, greatest = format.emin - format.trailing_bits, format.emax
    for n in (-3, -2, -1, 0, 1):
        for end in (least, format.emin, greatest + 2):
            yield "exp2", (end + n,), two(end + n)
    for n in (-1, 1, 3, 10):
        yield "exp2", (n,), two(n)
    for n in (*range(1, 29), 38, 39, 308, 309, -1, -5, -8, -45, -46, -323, -324):
        yield "exp10", (n,), Fraction(10) ** n


def logarithms(format):
    least = format.emin - format.trailing_bits
    for k in (least, least + 1, format.emin, -1, 0, 1, 3, 10, format.emax):
        yield "log2", (two(k),), Fraction(k)
    for n in range(23):
        yield "log10", (10**n,), Fraction(n)


def roots(format):
    least, p = format.emin - format.trailing_bits, format.precision
    scales = (0, 6, -6, least // 6 * 6 + 6, format.emax // 6 * 6 - 6 * p)
    for scale in scales:
        for root in (1, 3, 5, (1 << p // 2) - 1, (1 << p // 2 - 1) + 1):
            yield "sqrt", (root**2 * two(scale),), root * two(scale // 2)
            yield "pow", (root**2 * two(scale), Fraction(1, 2)), root * two(scale // 2)
        for root in (1, 3, 5, -7, (1 << p // 3) - 1):
            yield "cbrt", (root**3 * two(scale),), root * two(scale // 3)
        yield "rsqrt", (two(scale),), two(-scale // 2)


def powers(format):
    """Yield powers that are exact, the middle of two numbers, or at an end of the range."""
    least, p = format.emin - format.trailing_bits, format.precision
    for n in (least - 2, least - 1, least, format.emin, format.emax, format.emax + 1):
        yield "pow", (2, n), two(n)
        yield "pow", (-2, n), Fraction(-2) ** n
        yield "pow", (Fraction(1, 2), -n), two(n)
        yield "pow", (4, Fraction(n, 2)), two(n)
        yield "pow", (16, Fraction(n, 4)), two(n)
    for base in (3, 5, 7, 9, 11, 13):
        for n in range(1, p):
            if p - 1 <= (base**n).bit_length() <= p + 2:
                yield "pow", (base, n), Fraction(base**n)
                yield "pow", (-base, n), Fraction((-base) ** n)
    for n in range(2, 60):
        if (least - 1) % n == 0:  # the last bit of the power is half the last place
            scale = two((least - 1) // n)
            for base in (1, 3, 5):
                yield "pow", (base * scale, n), (base * scale) ** n
                yield "pow", (-base * scale, n), (-base * scale) ** n


def hypotenuses(format):
    least, p = format.emin - format.trailing_bits, format.precision
    for a, b, c in ((3, 4, 5), (20, 21, 29), (119, 120, 169)):
        for e in (least, format.emin, -p, 0, format.emax - 8):
            yield "hypot", (a * two(e), b * two(e)), c * two(e)
    # Legs of p bits, a hypotenuse of p + 1: the middle of two numbers.
    for u in range(isqrt(7 << p - 3), isqrt(7 << p - 3) + 40):
        for v in range(u * 29 // 70 - 3, u * 29 // 70 + 4):
            a, b, c = u * u - v * v, 2 * u * v, u * u + v * v
            if max(a, b) < 1 << p < c:
                for e in (format.emin, 0):
                    yield "hypot", (a * two(e), -b * two(e)), c * two(e)


@cache
def cases(format):
    """Return the operands and the exact values by function, of operands that are numbers."""
    exact = ExactArithmetic(format)
    found = {}
    for family in (powers_of_integers, logarithms, roots, powers, hypotenuses):
        for name, operands, value in family(format):
            encodings = [exact.round(Fraction(q))[0] for q in operands]
            nonzero = all(
                q == 0 or not exact.is_infinite(e) for q, e in zip(operands, encodings, strict=True)
            )
            if nonzero and all(
                exact.value(e) == q for q, e in zip(operands, encodings, strict=True)
            ):
                found.setdefault(name, []).append((encodings, value))
    return found


def expected(format, mode, name):
    exact = ExactArithmetic(format, mode)
    return [exact.round(value) for _, value in cases(format)[name]]


def operands(format, name):
    rows = [encodings for encodings, _ in cases(format)[name]]
    return [np.array(column, format.storage_dtype) for column in zip(*rows, strict=True)]


NAMES = ("exp2", "exp10", "log2", "log10", "sqrt", "rsqrt", "cbrt", "pow", "hypot")


def test_two_to_the_minus_1075_is_a_tie_whose_even_neighbour_is_zero():
    s = get_scalar("float64")
    assert s.to_bits(s.exp2(s.from_float([-1075.0, -1074.0]))).tolist() == [0, 1]


def test_the_cases_contain_middles_of_two_numbers():
    def middles(format, name):
        down, up = (expected(format, mode, name) for mode in ("ties_to_even", "ties_to_away"))
        return sum(a != b for a, b in zip(down, up, strict=True))

    for format in (BINARY16, BINARY32, BINARY64):
        for name in ("exp2", "pow", "hypot"):
            assert middles(format, name) > 0, (format.name, name)
    assert middles(BINARY64, "exp10") == 1  # 10**23


@pytest.mark.parametrize("name", NAMES)
def test_exact_values_of_hardware_binary64_are_rounded_to_nearest_even(name):
    s = get_scalar("float64")
    z = getattr(s, name)(*map(s.from_bits, operands(BINARY64, name)))
    assert s.to_bits(z).tolist() == [e for e, _ in expected(BINARY64, "ties_to_even", name)]


@pytest.mark.parametrize("mode", MODES)
def test_exact_values_of_emulated_binary64_are_rounded_in_every_direction(mode):
    s = get_scalar(f"binary64exec@round={mode}", "python")
    for name in NAMES:
        z = getattr(s, name)(*operands(BINARY64, name))
        assert z.tolist() == [e for e, _ in expected(BINARY64, mode, name)], name


@pytest.mark.parametrize("mode", MODES)
def test_the_routines_of_binary64_are_exact_with_flags_in_every_direction(mode):
    builder = RoutineBuilder(Arithmetic(BINARY64, Rounding(mode)), get_target("python"))
    for name in set(NAMES) - {"sqrt"}:
        routine = binary64_flagged_routine(builder, name)
        rows = zip(*(a.tolist() for a in operands(BINARY64, name)), strict=True)
        assert [routine(*row) for row in rows] == expected(BINARY64, mode, name), name


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["ieee32exec", "binary16"])
def test_exact_values_of_narrow_formats_have_the_right_bits_and_flags(dtype, mode):
    s = get_scalar(f"{dtype}@round={mode}", "python")
    for name in NAMES:
        z, flags = s.flagged(name, *operands(s.format, name))
        found = list(zip(z.tolist(), flags.tolist(), strict=True))
        assert found == expected(s.format, mode, name), name


@pytest.mark.parametrize("precision", [1, 2, 3, 24])
def test_exact_values_with_unbounded_exponents_are_rounded_to_nearest_even(precision):
    s = get_scalar(f"mp:{precision}")

    def number(text):
        return s.to_exact(s.from_string([text]))[0]

    for n in (-1075, -3, 0, 1, 3, 5, 1024):
        k = int(number(str(n)))  # n may have more bits than the precision
        assert s.to_exact(s.exp2(s.from_int([k])))[0] == number(f"0x1p{k}")
        assert s.to_exact(s.log2(s.from_string([f"0x1p{n}"])))[0] == k
    for n in (1, 2, 3, 10):
        k = int(number(str(n)))
        assert s.to_exact(s.exp10(s.from_int([k])))[0] == number(f"1e{k}")


def test_the_verification_tries_what_lies_on_a_boundary():
    def rows(name):
        x = [decode(BINARY64, a).tolist() for a in boundary_operands(BINARY64, name)]
        return set(zip(*x, strict=True))

    assert (-1075.0,) in rows("exp2")
    assert {(float(n),) for n in range(-324, 310) if n} <= rows("exp10")
    assert (2.0, -1075.0) in rows("pow")
    assert (3 * 2.0**-215, 5.0) in rows("pow")
    assert (5e-324, 2.0) in rows("atan2")
    squares = (Fraction(a) ** 2 + Fraction(b) ** 2 for a, b in rows("hypot") if abs(a) + abs(b) < 9)
    assert any(is_middle(square) for square in squares)


def is_middle(square):
    """Return whether the root of a rational has 54 bits."""
    root = Fraction(isqrt(square.numerator), isqrt(square.denominator))
    return root * root == square and root.numerator.bit_length() == 54


def test_a_tie_rounded_to_the_wrong_neighbour_is_found_by_the_verification(monkeypatch):
    right = KernelScalar.exp2

    def wrong(self, x, *, flags=None):
        z = right(self, x)
        z[x == -1075.0] = 5e-324
        return z

    comparison = ElementaryComparison("float64")
    assert verify(comparison, "exp2", 4000).outcome.mismatches == 0
    monkeypatch.setattr(KernelScalar, "exp2", wrong)
    found = verify(comparison, "exp2", 4000).outcome.first
    assert found is not None
    assert decode(BINARY64, np.array(found.operands, np.uint64)).tolist() == [-1075.0]


def test_a_power_next_to_the_middle_of_two_numbers_is_not_taken_for_it():
    # 3**y is 2**-110.5 below the middle, 1 - 2**-54, of 1 and the number before it.
    s, y = get_scalar("float64"), float.fromhex("-0x1.d20ae03bcc153p-55")
    with gmpy2.context(precision=300):
        assert gmpy2.mpfr(3) ** gmpy2.mpfr(y) < 1 - gmpy2.mpfr(2) ** -54
    assert s.pow(s.from_float([3.0]), s.from_float([y])).tolist() == [1 - 2.0**-53]
