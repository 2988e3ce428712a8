"""Blocks of compiled steps: the bits, hooks and events of single steps."""

import numpy as np
import pytest

import numlean as nl
from numlean.data._minibatches import batch_orders
from numlean.errors import NumleanError
from numlean.nn import Linear, Sequential, Tanh
from numlean.training import TrainConfig, all_of, run_steps
from numlean.training.loops import step_blocks
from numlean.training.loops.step_blocks import Orders, StepBlocks
from numlean.training.pace import UNLIMITED, steps_until_call

TASK = nl.Task.regression(Sequential(Linear(3, 4), Tanh(), Linear(4, 1)))
DATA = nl.Dataset.of_arrays(
    np.linspace(-1, 1, 33).reshape(11, 3), np.linspace(0.5, -0.5, 11).reshape(11, 1)
)


class Patient:
    """A hook that needs a call after every few steps only, and takes down when it is called."""

    def __init__(self, every=UNLIMITED, end=UNLIMITED):
        self.every, self.end, self.calls = every, end, []

    def __call__(self, stepper, loss):
        self.calls.append((stepper.step_count, loss.item()))
        return stepper.step_count >= self.end

    def steps_until_call(self, stepper):
        return self.every - stepper.step_count % self.every


def trained(backend, hook=None, dtype="float32", steps=40, optimizer=None, **settings):
    runner = nl.instantiate(TASK, dtype, nl.Options(backend, seed=3))
    config = TrainConfig(steps, 4, optimizer or nl.sgd(0.1, momentum=0.5), **settings)
    stepper = run_steps(runner, config, DATA, on_step=hook)
    return stepper, nl.state_digest(runner.named_parameters)


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec", "bfloat16"])
def test_blocks_of_steps_have_the_bits_of_single_steps(dtype):
    blocks, digest = trained("compiled", dtype=dtype)
    single, expected = trained("eager", lambda *_: None, dtype=dtype)
    assert digest == expected
    assert blocks.losses[0].item() == single.losses[0].item()
    assert blocks.step_count == blocks.schedule_count == single.step_count == 40
    assert blocks.runner.clock.step == 40
    assert np.array_equal(blocks.samples[0].x, single.samples[0].x)


def test_a_schedule_and_a_state_of_several_tensors_have_the_same_bits_in_blocks():
    choices = {
        "optimizer": nl.adam(0.05),
        "scheduler": nl.schedules.cosine(0.05, 40),
    }
    assert trained("compiled", **choices)[1] == trained("eager", **choices)[1]


def test_a_hook_that_asks_for_every_step_is_called_after_every_step():
    counts = []
    trained("compiled", lambda stepper, loss: counts.append(stepper.step_count))
    assert counts == list(range(1, 41))


def test_a_patient_hook_is_called_when_it_is_due_and_ends_the_run():
    hook, losses = Patient(every=7, end=28), {}
    stepper, digest = trained("compiled", hook)

    def each(stepper, loss):
        losses[stepper.step_count] = loss.item()
        return stepper.step_count == 28

    assert digest == trained("eager", each)[1]
    assert stepper.step_count == 28
    due = [call for call in hook.calls if call[0] % 7 == 0]
    assert due == [(count, losses[count]) for count in (7, 14, 21, 28)]
    assert all(losses[count] == loss for count, loss in hook.calls)


def test_several_hooks_are_as_patient_as_the_least():
    stepper = nl.Stepper(nl.instantiate(TASK, "float32", nl.Options(device="python")), nl.sgd(0.1))
    patient = all_of(Patient(7), Patient(3))
    assert steps_until_call(patient, stepper) == 3
    assert steps_until_call(all_of(patient, lambda *_: None), stepper) == 1
    assert steps_until_call(None, stepper) == UNLIMITED


@pytest.mark.parametrize("rate", [1e30, 1e38])
def test_the_first_step_that_is_not_finite_is_found_in_a_block(rate):
    events = {}
    for backend in ("compiled", "eager"):
        lines = []
        check = nl.FiniteCheck("stop", report=lines.append)
        hook = Checked(check) if backend == "compiled" else check
        stepper, digest = trained(backend, hook, optimizer=nl.sgd(rate, momentum=0.5))
        events[backend] = lines, digest, stepper.step_count, str(check.first)
    assert events["compiled"] == events["eager"]
    assert events["eager"][0]


class Checked(Patient):
    """A patient hook that looks for numbers that are not finite."""

    def __init__(self, check):
        super().__init__()
        self.check = check

    def __call__(self, stepper, loss):
        return self.check(stepper, loss)


def test_an_invalid_rate_is_an_error_of_its_own_step():
    def schedule(index):
        return 0.1 if index < 23 else -1.0

    for backend in ("compiled", "eager"):
        runner = nl.instantiate(TASK, "float32", nl.Options(backend))
        stepper = nl.Stepper(runner, nl.sgd(0.1), schedule)
        config = TrainConfig(40, 4, nl.sgd(0.1), scheduler=schedule)
        with pytest.raises(NumleanError, match="lr"):
            run_steps(runner, config, DATA, stepper=stepper)
        assert stepper.step_count == 23


def test_runs_that_cannot_be_repeated_make_single_steps(monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(step_blocks.StepBlocks, "_repeat", never)
    for dtype, device in (("float32", "python"), ("bfloat16@round=stochastic", "python")):
        runner = nl.instantiate(TASK, dtype, nl.Options("compiled", device))
        run_steps(runner, TrainConfig(4, 4, nl.sgd(0.1)), DATA)
    runner = nl.instantiate(TASK, "float32", nl.Options("compiled"))
    runner.keeps_outputs = True
    run_steps(runner, TrainConfig(4, 4, nl.sgd(0.1)), DATA)


def test_orders_are_taken_in_one_size_and_given_back():
    orders = Orders(batch_orders(DATA, 4, seed=5))
    expected = batch_orders(DATA, 4, seed=5)
    full, rest, following = next(expected), next(expected), next(expected)
    assert orders.take(9).tolist() == full.tolist()
    assert orders.width == 3
    assert orders.take(9).tolist() == rest.tolist()
    taken = orders.take(2)
    orders.give_back(taken[1:])
    assert orders.take(9).tolist() == following[1:].tolist()


def test_orders_of_one_size_continue_over_epochs():
    data, _ = DATA.split_at(4)
    orders = Orders(batch_orders(data, 4, seed=1))
    assert orders.take(5).shape == (5, 4)
    assert sorted(orders.take(1)[0].tolist()) == [0, 1, 2, 3]


def test_data_that_the_loss_refuses_are_an_error_of_the_step_that_takes_them():
    labels = np.array([0.0, 1.0, 2.0, 7.0])
    data = nl.Dataset.of_arrays(np.eye(4, 3), labels)
    task = nl.Task.classification(Sequential(Linear(3, 3)))
    stepper = nl.Stepper(nl.instantiate(task, "float32", nl.Options("compiled")), nl.sgd(0.1))
    assert isinstance(StepBlocks(stepper, data), StepBlocks)
