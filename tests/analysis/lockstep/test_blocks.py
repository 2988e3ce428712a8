"""Blocks of common steps: what crosscheck finds is what it finds step by step."""

from dataclasses import replace

import numpy as np
import pytest

import numlean as nl
from numlean.analysis.lockstep import lockstep
from numlean.analysis.lockstep.blocks import CommonBlocks
from numlean.analysis.lockstep.states import RecordingOptimizer
from numlean.data._minibatches import batch_orders
from numlean.nn import Linear, Sequential, Tanh
from numlean.training import Stepper, TrainConfig
from numlean.training.loops.step_blocks import BlockLength, Orders
from numlean_kernels.threads import THREADS

TASK = nl.Task.regression(Sequential(Linear(3, 4), Tanh(), Linear(4, 1)))
DATA = nl.Dataset.of_arrays(
    np.linspace(-1, 1, 33).reshape(11, 3), np.linspace(0.5, -0.5, 11).reshape(11, 1)
)
CONFIG = TrainConfig(40, 4, nl.sgd(0.1, momentum=0.5), seed=3)


def steppers(*dtypes):
    runners = [nl.instantiate(TASK, dtype, nl.Options("compiled", seed=3)) for dtype in dtypes]
    return [Stepper(runner, RecordingOptimizer(CONFIG.optimizer)) for runner in runners]


def orders():
    return Orders(batch_orders(DATA, 4, seed=3))


def numbers(stepper):
    return [t.scalar.to_bits(t.data).tolist() for t in stepper.engine.buffers]


def make_blocks(own, taken, steps):
    """Make steps in blocks, and those on a batch of a new size one by one; return the block."""
    blocks = CommonBlocks(own, [DATA] * len(own))
    made = 0
    while made < steps:
        before = own[0].step_count
        if blocks.run(taken, steps - made) is None:
            (rows,) = taken.take(1)
            for stepper in own:
                stepper.step(DATA.batch(rows))
        made += own[0].step_count - before
    return blocks


def test_runs_have_the_numbers_of_single_steps_after_blocks():
    own, taken = steppers("float32", "ieee32exec"), orders()
    make_blocks(own, taken, 40)
    single, rest = steppers("float32")[0], orders()
    for _ in range(40):
        loss = single.step(DATA.batch(rest.take(1)[0]))
    assert numbers(own[0]) == numbers(own[1]) == numbers(single)
    assert own[1].losses[0].item() == loss.item()
    assert own[0].step_count == own[1].schedule_count == 40


def test_a_block_with_a_difference_or_an_infinity_leaves_all_runs_as_they_were():
    for changed in (lambda x: np.nextafter(x, np.float32(9)), lambda x: np.float32(3e38)):
        own, taken = steppers("float32", "float32"), orders()
        blocks = make_blocks(own, taken, 8)
        weights = own[1].engine.buffers[0].data
        weights[0, 0] = changed(weights[0, 0])
        before = [numbers(stepper) for stepper in own]
        upcoming = taken.take(2)
        taken.give_back(upcoming)
        assert blocks.run(taken, 2) is None
        assert [numbers(stepper) for stepper in own] == before
        assert [stepper.step_count for stepper in own] == [8, 8]
        assert np.array_equal(taken.take(2), upcoming)
        assert blocks.run(taken, 2) is None


SMALL = TrainConfig(21, 4, nl.sgd(0.1), scheduler=nl.schedules.cosine(0.1, 21), seed=3)
"""Steps of which the first one is made alone, and eight each are a block."""

FLUSHED = "ieee32exec@subnormal=flush:compiled"
"""A run that differs from others where a subnormal number is."""


def data_with_a_subnormal(number, step):
    """Return 30 batches of four with zeros for one input, but for a number in that of a step."""
    rows = np.random.default_rng(0).uniform(0.1, 0.2, (120, 4))
    rows[:, 0] = 0
    data = nl.Dataset.of_arrays(rows[:, :3], rows[:, 3:])
    place = next(batch_orders(data, 4, seed=3))[step, 1]
    rows[place, :3] = number, 0, 0
    return nl.Dataset.of_arrays(rows[:, :3], rows[:, 3:])


def in_blocks_and_step_by_step(monkeypatch, data, *runs):
    """Return a crosscheck in blocks of eight steps, its single steps, and one of single steps."""
    monkeypatch.setattr(BlockLength, "adapt", lambda *_: None)
    right, single = Stepper.step, []
    monkeypatch.setattr(
        Stepper,
        "step",
        lambda self, sample: single.append(self.step_count) or right(self, sample),
    )
    found = nl.crosscheck(TASK, *runs, config=SMALL, data=data)
    made = sorted(set(single))
    monkeypatch.setattr(CommonBlocks, "run", lambda *_: None)
    return found, made, nl.crosscheck(TASK, *runs, config=SMALL, data=data)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("step", [1, 9, 12, 16, 20])
def test_a_difference_of_a_gradient_in_one_step_is_found(step, threads, monkeypatch):
    """The gradient of a weight is subnormal, or 0, and changes no weight."""
    data = data_with_a_subnormal(2.0**-126, step)
    with THREADS.given(threads):
        found, made, expected = in_blocks_and_step_by_step(
            monkeypatch, data, "float32:compiled", FLUSHED
        )
    assert found == expected
    assert found.pairs[0].first_different_step == step
    assert found.pairs[0].divergence.differing.startswith("gradient of 0.weight")
    assert made == [0, step]


@pytest.mark.parametrize("step", [1, 9, 12, 16, 20])
def test_the_runs_that_remain_the_same_go_on_after_a_difference(step, monkeypatch):
    data = data_with_a_subnormal(2.0**-126, step)
    runs = "float32:compiled", FLUSHED, "ieee32exec:compiled"
    found, made, expected = in_blocks_and_step_by_step(monkeypatch, data, *runs)
    assert found == expected
    assert [pair.first_different_step for pair in found.pairs] == [step, None, step]
    assert made == [0, *range(step, 21)]


def test_intermediate_results_that_differ_without_consequences_are_no_difference(monkeypatch):
    data = data_with_a_subnormal(2.0**-149, 12)
    found, made, expected = in_blocks_and_step_by_step(
        monkeypatch, data, "float32:compiled", FLUSHED
    )
    assert found == expected
    assert found.identical
    assert made == [0]


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize(
    "runs",
    [
        ("float32:compiled", "ieee32exec:compiled"),
        ("float32:compiled", "ieee32exec:eager"),
        ("float32:compiled", "bfloat16:compiled"),
        ("ieee32exec:compiled", "ieee32exec@math=torchlean:compiled"),
        ("ieee32exec:compiled", "ieee32exec@subnormal=flush:compiled", "float32:compiled"),
    ],
)
def test_a_crosscheck_finds_the_same_with_and_without_blocks(runs, ends, monkeypatch):
    calls = []

    def on_step(step):
        calls.append(step)
        return ends and step == 23

    # Decay makes parameters subnormal in the course of the steps.
    config = replace(CONFIG, optimizer=nl.sgd(0.99, weight_decay=1.0), steps=120)
    found = nl.crosscheck(TASK, *runs, config=config, data=DATA, on_step=on_step)
    made, calls[:] = list(calls), []
    monkeypatch.setattr(lockstep.CommonBlocks, "run", lambda *_: None)
    assert nl.crosscheck(TASK, *runs, config=config, data=DATA, on_step=on_step) == found
    assert made == calls == list(range(1, found.steps + 1))
