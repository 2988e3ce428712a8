"""Rounding to the numbers that two formats have in common, against sets of rationals."""

from bisect import bisect_left
from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean.analysis.lockstep.common_numbers import CommonNumbers
from numlean.analysis.lockstep.number_set import NumberSet


def scalar(dtype):
    """Return a Scalar of the interpreter, which compiles nothing; mp runs there anyway."""
    return nl.get_scalar(dtype, "python")


def numbers_of(s):
    """Return all finite numbers of a small format, decoded here from their encodings."""
    form = s.format
    found = set()
    for bits in range(1 << form.width):
        exponent = bits >> form.trailing_bits & form.exponent_limit
        trailing = bits & form.trailing_mask
        top = exponent == form.exponent_limit
        if top and (form.has_infinity or trailing == form.trailing_mask):
            continue
        significand = trailing + (form.implicit_bit if exponent else 0)
        scale = Fraction(2) ** (max(exponent, 1) - form.bias - form.trailing_bits)
        found.add((-1 if bits & form.sign_mask else 1) * significand * scale)
    return found


SMALL = ("e5m2", "e4m3", "ieee:e3m4")


@pytest.mark.parametrize(("a", "b"), [(a, b) for a in SMALL for b in SMALL if a != b], ids="-".join)
def test_numbers_round_to_the_nearest_of_those_that_both_formats_have(a, b):
    s, t = scalar(a), scalar(b)
    common = CommonNumbers.of(s, t)
    both = sorted(numbers_of(s) & numbers_of(t))
    x = np.array(sorted(numbers_of(s)), dtype=np.float64)
    low, high = common.neighbours(s, s.from_float(x))
    for value, least, greatest in zip(map(Fraction, x), low, high, strict=True):
        if abs(value) > both[-1]:
            continue
        k = bisect_left(both, value)
        near = both[k : k + 1] if both[k] == value else both[k - 1 : k + 1]
        distance = min(abs(value - each) for each in near)
        expected = [each for each in near if abs(value - each) == distance]
        assert [Fraction(least), Fraction(greatest)] == [min(expected), max(expected)]


@pytest.mark.parametrize("rounding", ["ties_to_even", "toward_zero", "toward_positive", "to_odd"])
def test_numbers_of_any_precision_round_as_binary64_numbers_do(rounding):
    rng = np.random.Generator(np.random.Philox(4))
    x = np.ldexp(rng.standard_normal(200), rng.integers(-40, 20, 200))
    x = np.concatenate([x, [0.0, 1.5, 2.0**-25, 3 * 2.0**-25, np.inf, -np.inf, np.nan, 2.0**-900]])
    numbers = NumberSet(8, -24, Fraction(65280))
    floats = numbers.neighbours_of_floats(x, rounding)
    exact = numbers.neighbours_of_exact(scalar("float64").to_exact(x), rounding)
    for one, other in zip(floats, exact, strict=True):
        assert np.array_equal(one, other.astype(np.float64), equal_nan=True)


def test_a_format_that_contains_the_other_is_rounded_to_it():
    for a, b, name in (
        ("float32", "bfloat16", "bfloat16"),
        ("binary16", "float64", "binary16"),
        ("mp:24", "float32", "float32"),
        ("mp:30", "mp:20", "mp:20"),
        ("e5m2", "binary16", "e5m2"),
    ):
        assert CommonNumbers.of(scalar(a), scalar(b)).name == name


def test_of_formats_that_do_not_contain_each_other_the_shared_numbers_are_common():
    common = CommonNumbers.of(scalar("bfloat16"), scalar("binary16"))
    assert common.name == (
        "the numbers of both bfloat16 and binary16 (8 bits, multiples of 2^-24, at most 65280)"
    )
    assert common.scalar is None


def differing(a, x, b, y):
    s, t = scalar(a), scalar(b)
    mask = CommonNumbers.of(s, t).differing(s, s.from_string(x), t, t.from_string(y))
    return mask.tolist()


def test_a_number_halfway_between_two_others_equals_both():
    tie = "0x1.01p+0"  # halfway between 1 and 1 + 2**-7, the next bfloat16
    assert differing("float32", [tie] * 4, "bfloat16", ["1", "0x1.02p+0", "0x1.04p+0", "0.99"]) == [
        *(False, False, True, True)
    ]


def test_a_number_next_to_a_tie_equals_only_the_nearest():
    above = "0x1.010002p+0"
    assert differing("float32", [above] * 2, "bfloat16", ["1", "0x1.02p+0"]) == [True, False]


def test_beyond_the_greatest_number_both_are_what_overflow_gives():
    assert differing("float32", ["1e6", "-1e6", "inf"], "binary16", ["inf", "-inf", "inf"]) == [
        *(False, False, False)
    ]
    # e4m3 has no infinity: its overflow is a NaN.
    assert differing("float32", ["1e6", "-1e6", "nan"], "e4m3", ["nan", "nan", "nan"]) == [
        *(False, False, False)
    ]
    saturating = "e4m3@overflow=saturate"
    assert differing("float32", ["1e6", "-1e6", "1e6"], saturating, ["448", "-448", "-448"]) == [
        *(False, False, True)
    ]
    assert differing("bfloat16", ["1e30", "65280"], "binary16", ["inf", "65280"]) == [False, False]


def test_the_coarser_scalar_s_direction_counts():
    toward_zero = "bfloat16@round=toward_zero"
    assert differing("float32", ["0x1.01fffep+0"] * 2, toward_zero, ["1", "0x1.02p+0"]) == [
        *(False, True)
    ]


def test_with_random_rounding_a_number_equals_both_its_neighbours():
    random = "bfloat16@round=stochastic,seed=1"
    s, t = scalar("float32"), scalar(random)
    x = s.from_float([1.0001] * 3)
    y = t.from_bits([0x3F80, 0x3F81, 0x3F82])
    assert CommonNumbers.of(s, t).differing(s, x, t, y).tolist() == [False, False, True]


def test_initial_values_of_two_formats_are_equal_beyond_rounding():
    rng = np.random.Generator(np.random.Philox(9))
    drawn = rng.standard_normal(2000)
    drawn[:2] = 1 + 2.0**-8 + 2.0**-40, 1 + 2.0**-8 - 2.0**-40  # ties in binary32 only
    for a, b in (("float32", "bfloat16"), ("binary16", "float32"), ("bfloat16", "binary16")):
        s, t = scalar(a), scalar(b)
        common = CommonNumbers.of(s, t)
        assert not common.differing(s, s.from_float(drawn), t, t.from_float(drawn)).any()
