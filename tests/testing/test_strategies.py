import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from numlean import get_scalar
from numlean.testing import ExactArithmetic, arrays, encodings, operand_pairs, scalars
from numlean_kernels.formats import BINARY32, E4M3, E5M2

S = get_scalar("ieee32exec", "python")
FEW = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(
    "wanted",
    [
        lambda a: a == 0x80000000,
        lambda a: 0 < a < 0x00800000,
        lambda a: a == 0x7F7FFFFF,
        lambda a: a == 0x7F800000,
        lambda a: 0x7F800000 < a < 0x7FC00000,
        lambda a: a & 0x7FFFFF == 0x7FFFFF,
    ],
    ids=["-0", "subnormal", "greatest", "infinity", "signalling", "below a power of two"],
)
def test_encodings_of_every_kind_are_found(wanted):
    find(encodings(BINARY32), wanted)


@given(encodings(E4M3, nan=False), encodings(E5M2, nan=False, infinity=False))
def test_unwanted_values_are_not_drawn(a, b):
    assert a & 0x7F != 0x7F
    assert b & 0x7C != 0x7C


@pytest.mark.parametrize(
    "wanted",
    [
        lambda z, flags: z == 0 and flags == 0,
        lambda z, flags: flags & 4,
        lambda z, flags: 0 < z & 0x7FFFFFFF < 0x00800000,
    ],
    ids=["cancels", "overflows", "subnormal"],
)
def test_pairs_whose_sum_is_wrong_are_found(wanted):
    add = S.table["flagged add"]
    find(operand_pairs(BINARY32), lambda pair: wanted(*add(*pair)))


def test_a_pair_is_found_whose_sum_is_a_tie():
    def is_tie(pair):
        down = get_scalar("ieee32exec@round=toward_zero", "python").table["add"](*pair)
        even, away = S.table["add"](*pair), ties_to_away.table["add"](*pair)
        return even != away and down in (even, away)

    ties_to_away = get_scalar("ieee32exec@round=ties_to_away", "python")
    find(operand_pairs(BINARY32), is_tie)


@FEW
@given(st.data())
def test_arrays_are_of_the_scalar_s_storage(data):
    scalar = data.draw(scalars(device="python"))
    x = data.draw(arrays(scalar))
    assert x.dtype == scalar.storage_dtype
    assert scalar.to_bytes(scalar.neg(scalar.abs(x))) == scalar.to_bytes(
        scalar.neg(scalar.abs(scalar.abs(x)))
    )
    assert data.draw(arrays(scalar, (2, 3))).shape == (2, 3)


MODEL = ExactArithmetic(E5M2, "toward_negative")
TOWARD_NEGATIVE = get_scalar("e5m2@round=toward_negative,nan=canonical", "python")


@given(operand_pairs(E5M2), st.sampled_from(["add", "sub", "mul", "div", "rem"]))
def test_the_model_and_the_routines_agree_on_results_and_flags(pair, name):
    expected = MODEL.compute(name, *pair)
    z, raised = TOWARD_NEGATIVE.flagged(name, *(np.array([a], np.uint8) for a in pair))
    assert (z.item(), raised.item()) == expected
