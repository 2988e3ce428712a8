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
from numlean.training.loops.step_blocks import Orders

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


def test_what_is_kept_of_each_step_are_the_numbers_after_it():
    (own,), taken = steppers("float32"), orders()
    make_blocks([own], taken, 6)
    order = taken.take(2)
    blocks = CommonBlocks([own], [DATA])
    repeater = blocks._blocks[0].repeater(order.shape[1])
    rows = repeater.kept_steps(np.ascontiguousarray(order), blocks._blocks[0].rates(len(order)))
    for row in rows[-1:]:
        start = 8
        for t in repeater.buffers:
            kept = row[start : start + t.data.nbytes].view(t.data.dtype)
            assert np.array_equal(kept, t.data.reshape(-1))
            start += -(-t.data.nbytes // 8) * 8
    assert len(rows) == len(order)
    assert len(order) == 1 or not np.array_equal(rows[0], rows[1])


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
