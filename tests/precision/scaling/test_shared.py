"""Scalings by the rules of block formats: which options of an operand's dtype they follow."""

import pytest

import numlean as nl
from numlean.precision.scaling.shared import Shared


@pytest.mark.parametrize("option", ["ties_to_even", "to_odd", "stochastic_a:8"])
def test_elements_are_rounded_as_the_dtype_says(option):
    scalar = nl.get_scalar(f"e4m3@round={option}", "python")
    assert Shared("mx").block_format(scalar, 4).rule.elements.key == option


@pytest.mark.parametrize("dtype", ["e2m1@subnormal=flush", "e4m3@overflow=nan,round=to_odd"])
def test_options_that_elements_do_not_follow_are_refused(dtype):
    scalar = nl.get_scalar(dtype, "python")
    with pytest.raises(
        nl.NumleanError, match=r"take the option round= only, got e.*; leave .* out"
    ):
        Shared("nvfp4").block_format(scalar, 4)
