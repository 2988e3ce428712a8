import random
from decimal import Context, Decimal
from fractions import Fraction

import pytest
from mpmath import libmp

from numlean.scalar.decimal_powers import (
    cut,
    enclose,
    floor_log10,
    floor_scaled,
)
from numlean.scalar.decimals import exact_decimal, first_digits
from numlean.scalar.exact import Exact
from numlean.scalar.long_integers import digits_of_int, int_of_digits


def exact(m, e):
    return Exact(*libmp.from_man_exp(m, e))


def fraction(value):
    sign, m, e, _ = value
    return Fraction(int(m)) * Fraction(2) ** int(e) * (-1 if sign else 1)


def numbers(count):
    draw = random.Random(103)
    for _ in range(count):
        yield exact(draw.choice([1, -1]) * draw.getrandbits(60) | 1, draw.randint(-400, 400))


def test_integers_of_any_length_are_converted_to_digits_and_back():
    for n in (0, 7, 10**5000, 10**5000 - 1, 3**40_000):
        digits = digits_of_int(n)
        assert int_of_digits(digits) == n
        assert len(digits) == max(Decimal(n).adjusted() + 1, 1)
    assert digits_of_int(10**9999) == "1" + "0" * 9999


@pytest.mark.parametrize("exponent", [0, 1, -1, 400, -400])
def test_powers_of_ten_are_between_the_ends_of_their_enclosures(exponent):
    low, high = (fraction(end) for end in enclose(7, exponent, 100))
    value = 7 * Fraction(10) ** exponent
    assert low <= value <= high
    assert high - low <= value / 2**100


@pytest.mark.parametrize("exponent", [150_001, -150_001])
def test_long_exponents_are_cut_as_short_ones_are(exponent):
    value = fraction(cut(3, exponent, 80))
    true = Fraction(3 * 10**exponent) if exponent > 0 else Fraction(3, 10**-exponent)
    assert abs(value - true) < true / 2**79


def test_logarithms_and_floors_are_exact_at_powers_of_ten():
    for k in range(25):
        power = exact(10**k, 0)
        assert floor_log10(power) == k
        assert floor_scaled(power, -k) == (1, True)
        if k:
            assert floor_log10(exact(10**k - 1, 0)) == k - 1
            assert floor_scaled(exact(10**k - 1, 0), -k) == (0, False)
    for value in numbers(200):
        k = floor_log10(value)
        assert 10**k <= abs(fraction(value)) < 10 ** (k + 1) if k >= 0 else True


def test_all_digits_are_those_of_the_decimal_module():
    context = Context(prec=2000)
    for value in numbers(200):
        q = fraction(value)
        expected = context.divide(Decimal(q.numerator), Decimal(q.denominator)).normalize(context)
        shown = exact_decimal(value, 1000)
        assert Decimal(str(shown)) == expected
        assert exact_decimal(value, len(shown.digits)) == shown
        assert exact_decimal(value, len(shown.digits) - 1) is None
        cut_off = Decimal(str(first_digits(value, 12)))
        assert cut_off == Context(prec=12, rounding="ROUND_DOWN").plus(expected)


def test_integers_with_factors_of_five_end_in_zeros():
    assert str(exact_decimal(exact(5**7, 9), 3)) == "40000000.0"
    assert exact_decimal(exact(5**7, 9), 1).digits == "4"
    assert exact_decimal(exact(5**7, 9), 0) is None
