"""Spreads over seeds: Student's t against mpmath, and what a few seeds can tell."""

import math

import pytest
from mpmath import betainc

from numlean.analysis.ablation.statistics import Sample, student_tail


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 8, 9, 30, 101])
def test_the_tail_of_students_t_is_an_incomplete_beta_function(freedom):
    for t in (0.0, 0.1, 1.0, 2.5, 4.303, 12.0, 200.0):
        bound = freedom / (freedom + t * t)
        expected = betainc(freedom / 2, 0.5, 0, bound, regularized=True)
        assert student_tail(t, freedom) == pytest.approx(float(expected), rel=1e-7, abs=1e-14)


def test_the_tail_of_students_t_is_that_of_printed_tables():
    for t, freedom in ((12.706, 1), (4.303, 2), (3.182, 3), (2.776, 4), (2.228, 10)):
        assert student_tail(t, freedom) == pytest.approx(0.05, rel=1e-3)


def test_one_seed_and_numbers_that_are_not_finite_tell_nothing():
    assert Sample((3.0,)).p_value() == Sample(()).p_value() == 1
    assert Sample((1.0, math.nan, 1.0)).p_value() == Sample((1.0, math.inf)).p_value() == 1
    assert Sample((0.0, 0.0)).p_value() == 1
    assert Sample((0.5, 0.5)).p_value() == 0


def test_a_mean_needs_all_values():
    sample = Sample((1.0, 2.0, 6.0))
    assert (sample.mean, sample.deviation) == (3.0, math.sqrt(7))
    assert sample.p_value() == pytest.approx(0.1885, abs=1e-4)
    assert math.isnan(Sample((1.0, math.inf)).mean)
    assert Sample((1.0, math.inf)).finite == (1.0,)
