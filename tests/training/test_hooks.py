"""Evaluations during training, and its early end."""

import numpy as np
import pytest

from numlean import (
    Dataset,
    EarlyStopping,
    Evaluate,
    Mode,
    NumleanError,
    Task,
    Tensor,
    TrainConfig,
    get_scalar,
    instantiate,
    state_digest,
    stepper,
    train_samples,
)
from numlean.autograd.indices import INDEX
from numlean.nn import Linear, Sequential
from numlean.optim import sgd
from numlean.training import Evaluation, all_of
from numlean.training.reported_loss import ReportedLoss

S = get_scalar("float32")
TASK = Task.regression(Sequential(Linear(3, 2)))
RNG = np.random.default_rng(109)
X = RNG.standard_normal((8, 3))
DATA, HELD_OUT = Dataset.of_arrays(X, X[:, :2] * 0.5).split_at(5)


def trained(hook, steps=10, lr=0.1):
    runner = instantiate(TASK, S)
    config = TrainConfig(steps, optimizer=sgd(lr), log_every=0)
    train_samples(runner, config, list(DATA), on_step=hook)
    return runner


def test_an_evaluation_every_few_steps_changes_nothing_of_the_run():
    evaluate = Evaluate(3, HELD_OUT)
    digest = state_digest(trained(evaluate).named_parameters)
    assert digest == state_digest(trained(None).named_parameters)
    assert [found.step_count for found in evaluate.evaluations] == [3, 6, 9]
    runner = trained(None, steps=6)
    runner.eval()
    found = evaluate.evaluations[1].loss
    assert found == runner.reported_loss(HELD_OUT)
    assert found.in_format.item() == runner.mean_loss(HELD_OUT).item()


def test_evaluations_are_in_evaluation_mode_and_the_mode_is_restored(monkeypatch):
    runner, modes = instantiate(TASK, S), []
    right = type(runner).reported_loss
    monkeypatch.setattr(
        type(runner),
        "reported_loss",
        lambda self, data: modes.append(self.mode) or right(self, data),
    )
    step = stepper(runner, sgd(0.1))
    loss = step.step(DATA.get(0))
    Evaluate(1, HELD_OUT)(step, loss)
    assert modes == [Mode.EVAL]
    assert runner.is_training


def test_a_callback_of_evaluations_may_end_the_training():
    heard = []

    def hear(found):
        heard.append(found)
        return found.step_count >= 4

    evaluate = Evaluate(2, list(HELD_OUT), hear)
    trained(evaluate)
    assert heard == evaluate.evaluations
    assert [found.step_count for found in heard] == [2, 4]


def reported(loss):
    return ReportedLoss(loss, Tensor.of(S, loss))


def stops_after(losses, monkeypatch, *, patience, min_delta=0.0):
    script = iter(losses)
    monkeypatch.setattr(
        "numlean.training.hooks.run_evaluation",
        lambda stepper, *_, **__: Evaluation(stepper.step_count, reported(next(script))),
    )
    hook = EarlyStopping(1, HELD_OUT, patience, min_delta)
    trained(hook, steps=len(losses))
    return hook, len(hook.evaluations)


@pytest.mark.parametrize(
    ("losses", "patience", "min_delta", "count", "best"),
    [
        ([5, 4, 3, 2, 1], 2, 0.0, 5, 4),
        ([5, 4, 4, 4, 1], 2, 0.0, 4, 1),
        ([5, 4, 6, 3, 7, 7, 0], 2, 0.0, 6, 3),
        ([5, 4.75, 4.5, 4.25, 4], 2, 0.5, 3, 0),
        ([5, 4, 3, 2], 1, 1.0, 2, 0),
        ([np.nan, np.nan, np.nan, 1], 2, 0.0, 2, None),
        ([np.nan, 5, np.nan, 4, 4], 2, 0.0, 5, 3),
        ([np.inf, 5, 6, 6], 2, 0.0, 4, 1),
    ],
)
def test_training_ends_when_patience_does(losses, patience, min_delta, count, best, monkeypatch):
    hook, made = stops_after(losses, monkeypatch, patience=patience, min_delta=min_delta)
    assert made == count
    assert hook.best is (None if best is None else hook.evaluations[best])


def test_the_best_parameters_can_be_restored(monkeypatch):
    hook, _ = stops_after([5, 3, 4, 4], monkeypatch, patience=2)
    runner = trained(None, steps=4)
    hook.restore(runner)
    assert state_digest(runner.named_parameters) == state_digest(trained(None, 2).named_parameters)
    with pytest.raises(NumleanError, match="nothing to restore"):
        EarlyStopping(1, HELD_OUT, 1).restore(runner)


def test_a_run_that_gets_worse_is_stopped_for_real():
    hook = EarlyStopping(2, HELD_OUT, 3)
    trained(hook, steps=1000, lr=0.9)
    assert len(hook.evaluations) < 500
    assert hook.best is not None


def test_hooks_are_joined_and_all_are_called():
    calls = []

    def hook(name, answer):
        return lambda stepper, loss: calls.append(name) or answer

    trained(all_of(hook("a", True), hook("b", None)), steps=5)
    assert calls == ["a", "b"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Evaluate(0, HELD_OUT),
        lambda: EarlyStopping(0, HELD_OUT, 1),
        lambda: EarlyStopping(1, HELD_OUT, 0),
        lambda: EarlyStopping(1, HELD_OUT, 1, -0.5),
        lambda: EarlyStopping(1, HELD_OUT, 1, float("nan")),
    ],
)
def test_invalid_hooks_are_refused(make):
    with pytest.raises(NumleanError):
        make()


@pytest.mark.parametrize("cut", [1, 4, 11])
def test_a_hook_continues_from_the_state_of_another(cut):
    whole = EarlyStopping(2, HELD_OUT, 3)
    trained(whole, steps=1000, lr=0.9)
    first, second = (EarlyStopping(2, HELD_OUT, 3) for _ in range(2))
    runner = instantiate(TASK, S)
    config = TrainConfig(cut, optimizer=sgd(0.9), log_every=0)
    step = stepper(runner, config.optimizer)
    train_samples(runner, config, list(DATA), on_step=first, stepper=step)
    second.load_state_dict(first.state_dict())
    config = TrainConfig(1000, optimizer=sgd(0.9), log_every=0)
    train_samples(runner, config, list(DATA), on_step=second, stepper=step)
    assert len(first.evaluations) + len(second.evaluations) == len(whole.evaluations)
    second.restore(runner)
    for ours, theirs in zip(runner.params, whole.best_params, strict=True):
        assert S.to_bytes(ours.data) == S.to_bytes(theirs.data)


def test_early_stopping_continues_from_the_state_of_plain_evaluations():
    evaluate, stopping = Evaluate(3, HELD_OUT), EarlyStopping(3, HELD_OUT, 2)
    trained(evaluate, steps=4, lr=0.1)
    stopping.load_state_dict(evaluate.state_dict())
    assert stopping.state_dict()["evaluations"][0].data.tolist() == [4]
    assert stopping.best is None
    assert not stopping.is_over


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_the_state_of_something_else_is_refused(cut):
    hook = EarlyStopping(1, HELD_OUT, 2)
    trained(hook, steps=2, lr=0.1)
    tensors = hook.state_dict()["evaluations"]
    other = Tensor.of(S, [1.0, 2.0])
    for state in ([*tensors[:cut], other], [*tensors[:cut], other, *tensors[cut + 1 :]]):
        with pytest.raises(NumleanError, match="not that of this hook"):
            EarlyStopping(1, HELD_OUT, 2).load_state_dict({"evaluations": state})


@pytest.mark.parametrize("place", [3, 4])
def test_indices_are_neither_a_loss_nor_parameters(place):
    hook = EarlyStopping(1, HELD_OUT, 2)
    trained(hook, steps=2, lr=0.1)
    tensors = hook.state_dict()["evaluations"]
    tensors[place] = Tensor(INDEX, np.array(0) if place == 3 else np.zeros((1, 1), np.int64))
    with pytest.raises(NumleanError, match="not that of this hook"):
        EarlyStopping(1, HELD_OUT, 2).load_state_dict({"evaluations": tensors})
