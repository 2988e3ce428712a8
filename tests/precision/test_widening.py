"""Which arithmetics have all numbers of another one."""

import pytest

import numlean as nl
from numlean.precision.widening import widens


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("posit8", "float32"),
        ("posit16", "float32"),
        ("posit32", "float64"),
        ("takum16", "float64"),
        ("fixed:8.0", "bfloat16"),
        ("fixed:16.16", "float64"),
        ("posit8", "mp:53"),
        ("lns:7.0", "float64"),
        ("lns:4.4", "mp:200"),
        ("binary16", "mp:11"),
        ("posit:8", "posit8"),
    ],
)
def test_a_wider_arithmetic_has_every_number(narrow, wide):
    one, other = nl.get_scalar(narrow, "python"), nl.get_scalar(wide, "python")
    assert widens(one, other)
    if one.storage_dtype.itemsize == 1:
        every = one.from_bits(range(256))
        assert one.to_bytes(one.cast_from(other, other.cast_from(one, every))) == every.tobytes()


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("posit8", "binary16"),  # its exponents
        ("posit32", "float32"),  # its precision
        ("takum16", "float32"),
        ("fixed:16.16", "float32"),
        ("fixed:10.0", "bfloat16"),
        ("float32", "posit32"),
        ("mp:8", "posit8"),
        ("posit8", "posit16"),
        ("mp:5", "float64"),
        ("lns:4.4", "float64"),  # its numbers are irrational
        ("lns:4.4", "mp:53"),
    ],
)
def test_an_arithmetic_that_may_lack_a_number_is_not_wider(narrow, wide):
    assert not widens(nl.get_scalar(narrow, "python"), nl.get_scalar(wide, "python"))
