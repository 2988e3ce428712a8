"""Stochastic rounding: unbiased, a function of seed, step and place, and of nothing else."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from numlean import Flags, get_scalar
from numlean.cli.main import main
from numlean.errors import NumleanError
from numlean.optim import sgd
from numlean.tasks import get_task
from numlean.training import Stepper, instantiate
from numlean.verification.bias import CASES, TOLERANCE, bias


@pytest.mark.parametrize("dtype", ["bfloat16", "ieee32exec"])  # `numlean verify stochastic`: others
@pytest.mark.parametrize("case", CASES, ids=str)
def test_results_are_rounded_up_with_the_expected_frequency(dtype, case):
    found = bias(f"{dtype}@round=stochastic,seed=11", case, 1_000_000)
    assert found.strays == 0
    assert found.deviation < TOLERANCE


def test_a_bias_and_a_stray_are_found(monkeypatch, capsys):
    scalar = get_scalar("bfloat16@round=stochastic")
    right = type(scalar).add
    monkeypatch.setattr(
        type(scalar), "add", lambda self, x, y: np.minimum(*(right(self, x, y) for _ in range(2)))
    )
    assert not bias("bfloat16@round=stochastic", CASES[0], 1000).is_unbiased
    assert main(["verify", "stochastic", "--count", "1e4"]) == 1
    assert "BIASED" in capsys.readouterr().out
    monkeypatch.setattr(type(scalar), "add", lambda self, x, y: y)
    assert bias("bfloat16@round=stochastic", CASES[0], 1000).strays == 1000


def test_bias_is_a_matter_of_stochastic_rounding():
    with pytest.raises(NumleanError, match="ties_to_even"):
        bias("bfloat16", CASES[0], 10)


def test_exact_results_are_not_rounded_at_random():
    scalar = get_scalar("bfloat16@round=stochastic")
    x = scalar.from_float(np.arange(1, 17.0))
    flags = Flags()
    z = scalar.add(x, x, flags=flags)
    assert scalar.to_float(z).tolist() == np.arange(2, 34.0, 2).tolist()
    assert not flags


def test_results_depend_on_seed_step_operation_and_place_only():
    a = get_scalar("bfloat16@round=stochastic,seed=1").with_reset_stream()
    again = get_scalar("bfloat16@round=stochastic,seed=1", "python").with_reset_stream()
    other = get_scalar("bfloat16@round=stochastic,seed=2").with_reset_stream()
    x = a.from_float(np.full(200, 1 / 3))

    def product(scalar, step=0):
        scalar.start_step(step)
        return [scalar.to_bytes(scalar.mul(x, x)) for _ in range(2)]

    first = product(a)
    assert first[0] != first[1]
    assert product(again) == first
    assert product(other) != first
    assert product(a, step=1) != first
    assert product(a) == first


def test_threads_that_share_nothing_give_the_bits_of_one_thread():
    def run(seed):
        scalar = get_scalar(f"bfloat16@round=stochastic,seed={seed}").with_reset_stream()
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


def test_a_run_is_the_same_on_every_device_and_next_to_other_runs():
    alone = trained("cpu", 5)
    trained("cpu", 2)
    assert trained("cpu", 5) == alone
    assert trained("python", 5) == alone


@pytest.mark.parametrize(
    "option", ["seed=3", "round=stochastic,seed=-1", "round=stochastic,seed=x"]
)
def test_an_invalid_seed_is_refused(option):
    with pytest.raises(NumleanError, match="seed"):
        get_scalar(f"bfloat16@{option}")
