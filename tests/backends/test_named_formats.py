"""Dtypes of formats without infinity, NaN, sign or zero, by their names and options."""

import ml_dtypes
import numpy as np
import pytest

from numlean import Flags, NumleanError, get_scalar
from numlean.testing import check_scalar


def test_the_names_of_ml_dtypes_are_those_of_its_formats():
    for name, dtype in {
        "float8_e4m3": "e4m3ieee",
        "float8_e4m3fn": "e4m3",
        "float8_e4m3b11fnuz": "e4m3b11fnuz",
        "Float8_E8M0FNU": "e8m0",
        "float4_e2m1fn": "e2m1",
    }.items():
        scalar = get_scalar(name, "python")
        assert scalar.name == dtype
        if hasattr(ml_dtypes, name):
            info = ml_dtypes.finfo(getattr(ml_dtypes, name))
            assert scalar.format.emin == info.minexp
            assert scalar.to_float(scalar.from_bits([scalar.format.max_finite])) == float(info.max)


@pytest.mark.parametrize("dtype", ["e4m3fnuz@overflow=saturate_finite"])
def test_no_promise_is_broken(dtype):
    report = check_scalar(get_scalar(dtype, "python"))
    assert not report.failures, report


@pytest.mark.parametrize(
    ("overflow", "of_finite", "of_infinity"),
    [
        ("infinite", np.inf, np.inf),
        ("saturate", 57344.0, 57344.0),
        ("saturate_finite", 57344.0, np.inf),
        ("nan", np.nan, np.nan),
    ],
)
def test_overflow_and_infinity_are_chosen_apart_and_flagged_alike(overflow, of_finite, of_infinity):
    s = get_scalar(f"e5m2@overflow={overflow}", "python")
    flags = Flags()
    z = s.add(s.from_float([57344.0, np.inf]), s.from_float([57344.0, 0.0]), flags=flags)
    np.testing.assert_array_equal(s.to_float(z), [of_finite, of_infinity])
    assert (flags.overflow, flags.inexact, flags.invalid) == (1, 1, 0)


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("e2m1@overflow=nan", "e2m1 has no NaN"),
        ("e4m3@nan=max", "e4m3 has a NaN"),
        ("p3109:8.3f@overflow=infinite", "only saturate"),
        ("p3109:8.9", "P3109"),
        ("e4m3@round=stochastic_a:0", "stochastic_a:N"),
        ("e4m3@round=stochastic_d:3", "stochastic_a:N"),
        ("e4m3@round=stochastic_a:33", "N from 1 to 32"),
        ("binary64exec@round=stochastic_b:20", "N is at most 8"),
        ("e4m3@round=stochastic_c", "stochastic_c:N"),
    ],
)
def test_options_that_a_format_does_not_have_are_refused_in_one_line(dtype, message):
    with pytest.raises(NumleanError, match=message) as caught:
        get_scalar(dtype, "python")
    assert "\n" not in str(caught.value)


def test_finite_formats_of_p3109_saturate():
    s = get_scalar("P3109:8.3F", "python")
    greatest = s.from_bits([s.format.max_finite])
    assert s.to_bits(s.add(greatest, greatest)).tolist() == [0x7F]
    assert s.to_bits(s.from_float([np.inf, -np.inf, np.nan])).tolist() == [0x7F, 0xFF, 0x80]
    assert get_scalar("p3109:8.3f@overflow=saturate", "python").format == s.format


def test_few_random_bits_come_from_the_stream_of_the_seed():
    few = get_scalar("binary16@round=Stochastic-A:4,seed=3", "python")
    usual = get_scalar("binary16@round=SR,seed=3", "python")
    assert few.name == "binary16@round=stochastic_a:4,seed=3"
    assert (few.rounding, few.is_deterministic) == ("stochastic", False)
    x, y = (few.from_float(np.full(4000, value)) for value in (1.0, 2.0**-12))
    up = (few.to_float(few.add(x, y)) > 1).mean()
    assert abs(up - 0.25) < 0.03  # eta is 1/4, which 4 bits hold
    assert np.array_equal(*(few.with_reset_stream().add(x, y) for _ in range(2)))
    # Less than 2**-4 of the distance is lost by rule a, and kept by the usual rounding.
    tiny = few.from_float(np.full(4000, 2.0**-15))
    assert (few.to_float(few.add(x, tiny)) == 1).all()
    assert (usual.to_float(usual.add(x, tiny)) > 1).any()
