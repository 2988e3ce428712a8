"""Exact values, and their two text forms."""

import mpmath
import pytest

import numlean as nl
from numlean.errors import NumleanError
from numlean.scalar.exact import Exact, exact_of, is_mpf, to_mpf
from numlean.scalar.exact_text import format_c_hex, format_fields, parse_fields


@pytest.mark.parametrize(
    ("value", "fields", "c_hex"),
    [
        (0.0, "0:0:0", "0x0p+0"),
        (1.0, "0:1:0", "0x1p+0"),
        (-1.5, "1:3:-1", "-0x1.8p+0"),
        (255.0, "0:ff:0", "0x1.fep+7"),
        (-(2.0**-1074), "1:1:-432", "-0x1p-1074"),
        (0.1, "0:ccccccccccccd:-37", "0x1.999999999999ap-4"),
    ],
)
def test_both_text_forms_give_the_value_back(value, fields, c_hex):
    exact = exact_of(mpmath.mpf(value))
    assert (format_fields(exact), format_c_hex(exact)) == (fields, c_hex)
    assert parse_fields(fields) == exact
    assert float.fromhex(c_hex) == value
    wide = nl.get_scalar("mp:60")
    assert float(wide.to_exact(wide.from_string([c_hex]))[0]) == value


def test_an_exact_value_has_the_fields_of_mpmath_s_kernel():
    exact = exact_of(mpmath.mpf(-12))
    assert exact == (1, 3, 2, 2)
    assert (exact.sign, exact.significand, exact.exponent, exact.bits) == (1, 3, 2, 2)
    assert exact.leading_exponent == 3
    assert to_mpf(exact) == -12
    assert is_mpf(to_mpf(exact))
    assert not is_mpf(12.0)


@pytest.mark.parametrize(
    ("value", "is_finite"), [("0", True), ("-1e300", True), ("inf", False), ("nan", False)]
)
def test_infinities_and_nans_are_not_finite(value, is_finite):
    assert exact_of(mpmath.mpf(value)).is_finite == is_finite


def test_an_even_significand_is_reduced_and_another_form_is_refused():
    assert parse_fields("0:4:0") == Exact(0, 1, 2, 1)
    with pytest.raises(NumleanError, match="'1:2' is not of the form sign:significand:exponent"):
        parse_fields("1:2")
