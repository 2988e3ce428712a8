"""Numbers that enter a Scalar that rounds at random: conversions draw, constants do not."""

from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean import get_scalar
from numlean.scalar.entering import enter, entering

VALUES = np.full(2000, 1 + 2.0**-9)
LOW, HIGH = 1.0, 1 + 2.0**-7


def fresh(step=1, dtype="bfloat16@round=stochastic,seed=3"):
    scalar = get_scalar(dtype, "python").with_reset_stream()
    scalar.start_step(step)
    return scalar


def test_from_float_draws_as_every_other_operation():
    scalar = fresh()
    first, second = (scalar.to_float(scalar.from_float(VALUES)) for _ in range(2))
    assert set(first) == {LOW, HIGH}
    assert abs((first == HIGH).mean() - 0.25) < 0.04
    assert first.tolist() != second.tolist()
    again = fresh()
    assert again.to_float(again.from_float(VALUES)).tolist() == first.tolist()
    source = get_scalar("float64", "python")
    same = fresh()
    assert same.to_float(same.cast_from(source, VALUES)).tolist() == first.tolist()
    few = fresh(dtype="bfloat16@round=stochastic_a:2,seed=3")
    assert abs((few.to_float(few.from_float(VALUES)) == HIGH).mean() - 0.25) < 0.04


def test_numbers_of_every_kind_are_drawn():
    scalar = fresh()
    for value in (Fraction(1, 3), 257, (1 << 70) + (1 << 62)):
        x = scalar.to_exact(scalar.from_float([value] * 200))
        assert len({float(each) for each in x}) == 2


def test_numbers_that_need_no_rounding_draw_nothing():
    scalar, other = fresh(), fresh()
    for exact in ([0.0, -1.5, np.inf, np.nan], 2, [Fraction(1, 4)]):
        scalar.from_float(exact)
    assert scalar.stream.operation == 0
    assert scalar.from_float(VALUES).tolist() == other.from_float(VALUES).tolist()


def test_constants_are_rounded_to_nearest_whatever_the_seed_and_the_step():
    scalar, nearest = fresh(), get_scalar("bfloat16", "python")
    assert enter(scalar, VALUES).tolist() == nearest.from_float(VALUES).tolist()
    assert nl.Tensor.of(scalar, VALUES).data.tolist() == nearest.from_float(VALUES).tolist()
    x = nl.Tensor.of(scalar, [1.0])
    assert (x.literal(1 + 2.0**-9).item(), nl.ops.constant(x, "1/3").item()) == (
        1.0,
        nl.Tensor.of(nearest, [1 / 3]).item(),
    )
    assert scalar.from_int([257]).tolist() == nearest.from_int([257]).tolist()
    assert scalar.from_string(["0.1"]).tolist() == nearest.from_string(["0.1"]).tolist()
    assert scalar.from_float(VALUES, rounding="RNE").tolist() == enter(scalar, VALUES).tolist()
    assert scalar.stream.operation == 0
    assert entering(nearest) == nearest.from_float
    assert entering(scalar) == entering(fresh(2))


def test_a_tensor_in_another_arithmetic_is_converted_and_so_draws():
    wide, scalar = nl.Tensor.of(get_scalar("float64", "python"), VALUES), fresh()
    assert set(wide.to(scalar).tolist()) == {LOW, HIGH}
    precise = nl.Tensor.of("mp:60", VALUES[:200])
    assert set(precise.to(scalar).tolist()) == {LOW, HIGH}


@pytest.mark.parametrize("values", [VALUES[:50], [Fraction(1, 3)] * 50])
def test_a_recorded_draw_is_that_of_the_step_of_each_replay(values):
    steps = []
    recorder = fresh().with_recorder(steps)
    recorded = recorder.from_float(values)
    assert recorded.tolist() == fresh().from_float(values).tolist()
    run = recorder.compile(steps)
    recorder.start_step(7)
    run()
    assert recorded.tolist() == fresh(7).from_float(values).tolist()
