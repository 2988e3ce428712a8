"""Exact values, errors and places, against fractions."""

from fractions import Fraction

import numpy as np
import pytest

from numlean.inspection import evaluate
from numlean.inspection.evaluation import Evaluation
from numlean.inspection.syntax import parse
from numlean.play.scalars.detail import detail
from numlean.play.scalars.loading import load
from numlean.play.scalars.placement import placement
from numlean.play.scalars.truth import error_of, truth_of


def _all(dtype, text):
    scalar, node = load(dtype), parse(text)
    number, truth = detail(scalar, Evaluation(scalar).value(node)), truth_of(node, scalar)
    return number, truth, error_of(scalar, number, truth), placement(scalar, number, truth)


@pytest.mark.parametrize(
    ("text", "decimal", "fraction"),
    [
        ("0.1 + 0.2", "0.3", "3 / 10"),
        ("-0.7", "-0.7", "-7 / 10"),
        ("1/3", f"0.{'3' * 41}...", "1 / 3"),
        ("-200/3", f"-66.{'6' * 39}...", "-200 / 3"),
        ("1/0", "inf", None),
        ("-1/0", "-inf", None),
        ("0/0", "nan", None),
        ("0", "0.0", None),
        ("2 ** 0.5", "1.414213562373095048801688724209698078569...", None),
        ("1e30", "1e+30", None),
    ],
)
def test_the_exact_value_as_a_decimal_and_a_fraction(text, decimal, fraction):
    _, truth, _, _ = _all("float64", text)
    assert (truth.decimal(), truth.fraction_text()) == (decimal, fraction)


@pytest.mark.parametrize("text", ["0.1 + 0.2", "1/3", "-0.7", "3.14159", "1e-40", "255.5"])
def test_the_error_and_the_place_in_binary32(text):
    number, _, error, place = _all("float32", text)
    exact = Fraction(3, 10) if "+" in text else Fraction(text)
    value = np.float32(float(number.value))
    ulp = Fraction(float(np.spacing(abs(value))))
    ends = [np.nextafter(value, np.float32(side)) for side in (-np.inf, np.inf)]
    below, above = (Fraction(float(each)) for each in ends)
    distance = Fraction(float(value)) - exact
    assert error.ulps == pytest.approx(float(distance / ulp), rel=1e-12)
    assert error.relative == pytest.approx(float(abs(distance / exact)), rel=1e-12)
    at = float((exact - below) / (above - below))
    assert place.exact == pytest.approx(at, rel=1e-12)
    middles = [(Fraction(float(value)) + each) / 2 for each in (below, above)]
    turns = [float((each - below) / (above - below)) for each in middles]
    assert place.boundaries == pytest.approx(turns, rel=1e-12)
    assert evaluate(text, "float32").error_ulp == pytest.approx(error.ulps, rel=1e-9)


def test_the_boundary_between_posits_is_where_their_rounding_turns():
    # Between far numbers it turns where their strings of bits do, not in the middle.
    scalar = load("posit:8")
    number, _, _, place = _all("posit:8", "65536")
    below, above = float(number.below.value), float(number.above.value)
    assert number.value == "65536.0"
    turns = [below + at * (above - below) for at in place.boundaries]
    for turn in turns:
        around = scalar.to_float(scalar.from_float([turn * (1 - 2**-40), turn * (1 + 2**-40)]))
        assert around[0] < around[1]
    assert turns[1] != (65536 + above) / 2


def test_results_become_infinite_half_a_unit_beyond_the_greatest_number():
    number, _, _, place = _all("binary16", "65519.9")
    assert (number.value, number.above.value) == ("65504.0", "inf")
    below, half = 65472, 16
    assert place.boundaries == ((32 - half) / 64, (32 + half) / 64)
    assert place.exact == pytest.approx((65519.9 - below) / 64)
    *_, saturating = _all("binary16@overflow=saturate", "65519.9")
    assert saturating.boundaries == ((32 - half) / 64,)


def test_directed_roundings_have_no_boundary():
    *_, place = _all("e4m3@round=toward_zero", "0.3")
    assert place.boundaries == ()


def test_an_exact_value_beyond_the_neighbours_is_beyond_the_line():
    *_, place = _all("e2m1", "1000")
    assert place.exact > 1
    assert not place.above


def test_errors_of_results_beyond_the_range():
    assert _all("fixed:4.4", "1/0")[2].ulps == float("-inf")
    assert _all("float32", "1/0")[2].ulps == 0
    assert _all("binary16", "1e6")[2].ulps == float("inf")


def test_numbers_with_huge_exponents_cost_nothing():
    number, truth, error, _ = _all("mp:60", "1e999999999")
    assert truth is not None
    assert abs(error.ulps) <= 0.5
    assert number.dyadic is None or len(number.dyadic[0]) < 60
