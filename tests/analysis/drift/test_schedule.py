"""The steps of a comparison that are measured and evaluated, without a list of all steps."""

import pytest

from numlean.analysis.drift.seed_experiment import MeasurementSchedule


@pytest.mark.parametrize("steps", range(1, 14))
@pytest.mark.parametrize("every", [1, 2, 3, 5, 20])
@pytest.mark.parametrize("tests", [0, 1, 2, 4, 30])
def test_evaluations_are_spread_evenly_over_the_measured_steps(steps, every, tests):
    schedule = MeasurementSchedule(steps, every, tests, operations=False, flags=False)
    measured = [step for step in range(steps) if schedule.measures(step)]
    count = min(tests, len(measured))
    expected = {measured[-(-(k + 1) * len(measured) // count) - 1] for k in range(count)}
    assert {step for step in measured if schedule.evaluates(step)} == expected


def test_a_schedule_of_very_many_steps_takes_no_memory():
    schedule = MeasurementSchedule(10**18, 1, 10**18, operations=False, flags=False)
    assert schedule.evaluates(10**18 - 1)
    assert schedule.measures(12345)
