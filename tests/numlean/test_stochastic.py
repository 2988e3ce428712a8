"""Stochastic rounding: unbiased, a function of seed, step and place, and of nothing else."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from math import isqrt, sqrt

import numpy as np
import pytest

from numlean import Flags, get_scalar
from numlean.errors import NumleanError
from numlean.optim import sgd
from numlean.runtime import Stepper, instantiate
from numlean.tasks import get_task

SAMPLES = 1_000_000


def value(x):
    return Fraction(float(x))


def root(q):
    return Fraction(isqrt(q.numerator * q.denominator << 200), q.denominator << 100)


EXACT = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "sqrt": root,
    "fma": lambda a, b, c: a * b + c,
}
CASES = [
    ("add", (1.0, 2.0**-10)),
    ("add", (3.0, -7.3e-3)),
    ("sub", (1.0, 0.3)),
    ("mul", (1.1, 1.7)),
    ("mul", (-(2.0**-70), 2.0**-62 * 1.3)),
    ("div", (1.0, 3.0)),
    ("div", (-5.0, 7.0)),
    ("sqrt", (2.0,)),
    ("fma", (1.1, 1.3, -1.0)),
]


@pytest.mark.parametrize("dtype", ["bfloat16", "ieee32exec", "e5m2"])
@pytest.mark.parametrize(("name", "operands"), CASES)
def test_the_mean_is_the_exact_result_within_statistical_error(dtype, name, operands):
    scalar = get_scalar(f"{dtype}@round=stochastic,seed=11").renewed()
    x = [scalar.from_float(np.full(SAMPLES, v)) for v in operands]
    exact = EXACT[name](*(value(scalar.to_float(a[:1]).item()) for a in x))
    results, counts = np.unique(scalar.to_float(getattr(scalar, name)(*x)), return_counts=True)
    if len(results) == 1:
        assert value(results[0]) == exact
        return
    below, above = map(value, results)  # never a third
    assert below < exact < above
    up = float((exact - below) / (above - below))
    assert abs(counts[1] / SAMPLES - up) < 5 * sqrt(up * (1 - up) / SAMPLES) + 1e-12


def test_what_is_exact_is_not_rounded_at_random():
    scalar = get_scalar("bfloat16@round=stochastic")
    x = scalar.from_float(np.arange(1, 17.0))
    flags = Flags()
    z = scalar.add(x, x, flags=flags)
    assert scalar.to_float(z).tolist() == np.arange(2, 34.0, 2).tolist()
    assert not flags


def test_seed_step_operation_and_place_decide_and_nothing_else():
    a = get_scalar("bfloat16@round=stochastic,seed=1").renewed()
    again = get_scalar("bfloat16@round=stochastic,seed=1", "python").renewed()
    other = get_scalar("bfloat16@round=stochastic,seed=2").renewed()
    x = a.from_float(np.full(200, 1 / 3))

    def product(scalar, step=0):
        scalar.begin(step)
        return [scalar.to_bytes(scalar.mul(x, x)) for _ in range(2)]

    first = product(a)
    assert first[0] != first[1]
    assert product(again) == first
    assert product(other) != first
    assert product(a, step=1) != first
    assert product(a) == first


def test_threads_that_share_nothing_give_what_one_thread_gives():
    def run(seed):
        scalar = get_scalar(f"bfloat16@round=stochastic,seed={seed}").renewed()
        x = scalar.from_float(np.full((9, 9), 1 / 3))
        return scalar.to_bytes(scalar.matmul(x, x))

    alone = [run(seed) for seed in range(6)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(run, range(6))) == alone


def trained(device, steps):
    task = get_task("xor")
    runner = instantiate(task.task, get_scalar("bfloat16@round=stochastic,seed=5", device))
    stepper = Stepper(runner, sgd(0.1))
    batch = task.load().train.batch(range(4))
    for _ in range(steps):
        stepper.step(batch)
    return [p.scalar.to_bytes(p.data) for p in runner.params]


def test_a_run_is_the_same_on_every_device_and_beside_other_runs():
    alone = trained("cpu", 5)
    trained("cpu", 2)
    assert trained("cpu", 5) == alone
    assert trained("python", 5) == alone


@pytest.mark.parametrize(
    "option", ["seed=3", "round=stochastic,seed=-1", "round=stochastic,seed=x"]
)
def test_a_seed_that_makes_no_sense_is_refused(option):
    with pytest.raises(NumleanError, match="seed"):
        get_scalar(f"bfloat16@{option}")
