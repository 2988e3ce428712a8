"""Stochastic rounding with N random bits: each rule for every random integer, in rationals."""

import itertools
import math
from fractions import Fraction

import pytest

from numlean.testing import ExactArithmetic
from numlean_kernels.formats import BINARY16, BINARY64, NAMED, format_of_key, parse_p3109
from numlean_kernels.ieee import Arithmetic, RandomBits, Rounding
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets import get_target

PYTHON = get_target("python")
E2M1 = next(each.format for each in NAMED if each.name == "e2m1")
FORMATS = [E2M1, format_of_key("e3m2"), parse_p3109("5.3"), parse_p3109("5.1")]


def nearest_even(q):
    return round(q)  # of a Fraction: ties to even


def goes_up(variant, eta, bits, r):
    """The conditions of the three rules."""
    if variant == "a":
        return math.floor(eta * 2**bits) + r >= 2**bits
    if variant == "b":
        return math.floor(eta * 2 ** (bits + 1)) + 2 * r + 1 >= 2 ** (bits + 1)
    return nearest_even(eta * 2**bits) + r >= 2**bits


def neighbours(format, q):
    """The encodings next to a positive rational within the range, below and above, and eta."""
    model = ExactArithmetic(format)
    below = max(c for c in range(format.max_finite) if model.value(c) <= q)
    low, high = model.value(below), model.value(below + 1)
    return below, below + 1, (q - low) / (high - low)


@pytest.mark.parametrize("bits", [1, 2, 5])
@pytest.mark.parametrize("variant", ["a", "b", "c"])
@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
def test_every_quotient_is_rounded_up_by_the_rule_for_every_random_integer(format, variant, bits):
    arithmetic = Arithmetic(format, Rounding.STOCHASTIC, random=RandomBits(variant, bits))
    div, model = ieee_table(arithmetic, PYTHON)["div"], ExactArithmetic(format)
    greatest, sign = model.value(format.max_finite), format.sign_mask
    codes = range(1, format.max_finite + 1, 1 if format.max_finite < 9 else 3)
    for a, b in itertools.product(codes, codes):
        q = model.value(a) / model.value(b)
        if q >= greatest:
            continue
        below, above, eta = neighbours(format, q)
        for r in range(1 << bits):
            expected = above if goes_up(variant, eta, bits, r) else below
            word = r << (64 - bits) | (1 << (64 - bits)) - 1  # the lower bits do not matter
            assert div(a, b, word) == expected, (a, b, r)
            if expected:
                assert div(a | sign, b, word) == expected | sign, (a, b, r)


def test_the_share_of_random_integers_that_round_up_is_that_of_the_rule():
    eta, bits = Fraction(3, 16), 3
    shares = {v: sum(goes_up(v, eta, bits, r) for r in range(1 << bits)) for v in "abc"}
    assert shares == {"a": 1, "b": 2, "c": 2}
    add = {
        v: ieee_table(
            Arithmetic(BINARY16, Rounding.STOCHASTIC, random=RandomBits(v, bits)), PYTHON
        )["add"]
        for v in "abc"
    }
    one, part = 0x3C00, BINARY16.bias - 13 << 10 | 1 << 9  # 2**-13 * 1.5 is 3/16 of 2**-10
    found = {v: sum(add[v](one, part, r << 61) == one + 1 for r in range(8)) for v in "abc"}
    assert found == shares


def test_results_that_are_numbers_are_never_rounded():
    for variant in "abc":
        random = RandomBits(variant, 32)
        table = ieee_table(Arithmetic(E2M1, Rounding.STOCHASTIC, random=random), PYTHON)
        for word in (0, (1 << 64) - 1):
            assert table["add"](2, 2, word) == 4
            assert table["flagged mul"](3, 4, word) == (5, 0)


def test_rules_that_do_not_exist_or_need_more_bits_are_refused():
    for variant, bits in (("d", 3), ("a", 0), ("a", 33)):
        with pytest.raises(ValueError, match="N from 1 to 32"):
            RandomBits(variant, bits)
    with pytest.raises(ValueError, match="N is at most 8"):
        Arithmetic(BINARY64, Rounding.STOCHASTIC, random=RandomBits("a", 9))


def test_the_key_names_the_rule():
    keys = {
        Arithmetic(E2M1, Rounding.STOCHASTIC, random=random).key
        for random in (None, RandomBits("a", 3), RandomBits("b", 3), RandomBits("a", 4))
    }
    assert len(keys) == 4
