"""The numbers of each binade, against all numbers counted one by one."""

from collections import Counter
from math import frexp

import numpy as np
import pytest

from numlean.play.scalars.loading import load
from numlean.play.scalars.spectrum import spectrum_of
from numlean.scalar.code_fields import code_width


def _counted(values):
    return Counter(frexp(float(value))[1] - 1 for value in values if 0 < value < float("inf"))


def _of_spectrum(dtype):
    return Counter(
        {k: each.count for each in spectrum_of(dtype) for k in range(each.first, each.end)}
    )


def test_binary16_as_numpy_has_it():
    every = np.arange(1 << 15, dtype=np.uint16).view(np.float16)
    assert _of_spectrum("binary16") == _counted(every)


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        ("bfloat16", "bfloat16"),
        ("e4m3", "float8_e4m3fn"),
        ("e5m2fnuz", "float8_e5m2fnuz"),
        ("e8m0", "float8_e8m0fnu"),
        ("e2m1", "float4_e2m1fn"),
    ],
)
def test_formats_as_ml_dtypes_has_them(dtype, name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    width = code_width(load(dtype))
    every = np.arange(1 << width, dtype=np.uint16 if width == 16 else np.uint8)
    every = every.view(getattr(ml_dtypes, name)).astype(np.float32)
    assert _of_spectrum(dtype) == _counted(np.unique(every[every == every]))


@pytest.mark.parametrize(
    "dtype", ["posit:8", "posit:9.1", "posit:7.4", "takum:8", "fixed:3.5", "fixed:0.7u", "lns:4.4"]
)
def test_other_formats_by_all_of_their_codes(dtype):
    scalar = load(dtype)
    codes = list(range(1 << code_width(scalar)))
    assert _of_spectrum(dtype) == _counted(scalar.to_float(scalar.from_bits(codes)))


def test_unbounded_exponents_have_none():
    assert spectrum_of("mp:50") is None


def test_precision_is_one_more_than_the_logarithm_of_the_count():
    (subnormal, *_, normal) = spectrum_of("binary16")
    assert (subnormal.precision, normal.precision) == (1, 11)
