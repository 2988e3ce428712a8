"""The loops over samples, datasets and loaders, against transcriptions in numpy."""

from dataclasses import dataclass

import numpy as np
import pytest

from numlean import (
    DataLoader,
    Dataset,
    LoaderTrainConfig,
    Mode,
    NumleanError,
    Options,
    Sample,
    Task,
    TrainConfig,
    get_scalar,
    instantiate,
    state_digest,
    stepper,
    train,
    train_dataset,
    train_loader,
    train_minibatches,
    train_samples,
)
from numlean.autograd.primitives import slice_
from numlean.nn import Layer, Linear, ParameterSpec, Sequential
from numlean.nn.layer import zeros
from numlean.optim import adam, schedules, sgd
from numlean.training import initial_parameters

S = get_scalar("float32")
F32 = np.float32
TASK = Task.regression(Sequential(Linear(3, 2)))
RNG = np.random.default_rng(103)
X, Y = RNG.standard_normal((5, 3)), RNG.standard_normal((5, 2))
DATA = Dataset.of_arrays(X, Y)
SAMPLES = list(DATA)


def silent(line):
    """Discard a line of the log."""


def predicted(w, b, x):
    z = np.zeros(2, F32)
    for j in range(2):
        for k in range(3):
            z[j] = z[j] + x[k] * w[j, k]
        z[j] = z[j] + b[j]
    return z


def own_loss(w, b, x, y):
    d = predicted(w, b, x) - y
    total = F32(0)
    for square in d * d:
        total = total + square
    return total / F32(2)


def mean(losses):
    total = F32(0)
    for loss in losses:
        total = total + loss
    return total / F32(len(losses))


class Transcription:
    """Linear regression by SGD in binary32, written with numpy alone."""

    def __init__(self, seed=0):
        self.w, self.b = (p.astype(F32) for p in initial_parameters(TASK, seed))

    def update(self, x, y, lr):
        loss = own_loss(self.w, self.b, x, y)
        d, half = predicted(self.w, self.b, x) - y, F32(1) / F32(2)
        g = half * d + half * d
        self.w = self.w - (g[:, np.newaxis] * x[np.newaxis]) * F32(lr)
        self.b = self.b - g * F32(lr)
        return loss

    def mean_loss(self):
        pairs = zip(X.astype(F32), Y.astype(F32), strict=True)
        return mean([own_loss(self.w, self.b, x, y) for x, y in pairs])

    def assert_same(self, runner):
        for ours, theirs in zip(runner.params, (self.w, self.b), strict=True):
            assert np.array_equal(ours.data.view(np.uint32), theirs.view(np.uint32))


def visited(groups, rates):
    """Train on groups of samples by the transcription; return it and the steps' losses."""
    reference = Transcription()
    losses = [
        mean([reference.update(X[k].astype(F32), Y[k].astype(F32), rate) for k in group])
        for group, rate in zip(groups, rates, strict=True)
    ]
    return reference, losses


@pytest.mark.parametrize(
    ("batch_size", "groups"),
    [
        (1, [[0], [1], [2], [3], [4], [0], [1]]),
        (0, [[0], [1], [2], [3], [4], [0], [1]]),
        (2, [[0, 1], [2, 3], [4, 0], [1, 2], [3, 4], [0, 1], [2, 3]]),
        (7, [[0, 1, 2, 3, 4, 0, 1], [2, 3, 4, 0, 1, 2, 3]]),
    ],
)
def test_groups_are_taken_in_a_circle_with_one_update_a_sample(batch_size, groups):
    config = TrainConfig(len(groups), batch_size, sgd(0.1))
    reference, losses = visited(groups, [0.1] * len(groups))
    before, after = Transcription().mean_loss(), reference.mean_loss()
    for run, data in ((train_samples, SAMPLES), (train_dataset, DATA)):
        runner, heard, counts = instantiate(TASK, S), [], []

        def hear(stepper, loss, heard=heard, counts=counts):
            heard.append(loss.data)
            counts.append(stepper.step_count)

        report = run(runner, config, data, log=silent, on_step=hear)
        reference.assert_same(runner)
        assert [x.view(np.uint32).item() for x in heard] == [x.view(np.uint32) for x in losses]
        assert counts == list(np.cumsum([len(group) for group in groups]))
        assert S.to_bits(report.before.data) == before.view(np.uint32)
        assert S.to_bits(report.after.data) == after.view(np.uint32)
        assert runner.is_training


def test_the_schedule_is_called_once_per_step_and_holds_for_its_whole_group():
    called = []

    def schedule(t):
        called.append(t)
        return [0.2, 0.05, 0.1][t]

    runner = instantiate(TASK, S)
    config = TrainConfig(3, 2, sgd(9.0), schedule)
    train_samples(runner, config, SAMPLES, log=silent)
    reference, _ = visited([[0, 1], [2, 3], [4, 0]], [0.2, 0.05, 0.1])
    reference.assert_same(runner)
    assert called == [0, 1, 2]


def test_the_optimizer_keeps_its_state_through_the_whole_training():
    together, apart = instantiate(TASK, S), instantiate(TASK, S)
    train_samples(together, TrainConfig(4, 3, adam(0.1)), SAMPLES, log=silent)
    step = stepper(apart, adam(0.1))
    for k in range(12):
        step.step(SAMPLES[k % 5])
    assert state_digest(together.named_parameters) == state_digest(apart.named_parameters)


def test_without_samples_nothing_happens_and_the_mean_loss_is_zero():
    runner, lines = instantiate(TASK, S), []
    before = state_digest(runner.named_parameters)
    report = train_samples(runner, TrainConfig(3), [], log=lines.append)
    assert (report.before.item(), report.after.item(), lines) == (0.0, 0.0, [])
    assert state_digest(runner.named_parameters) == before
    assert runner.is_training


def test_the_log_has_a_line_for_each_step_that_log_every_divides():
    for log_every, numbers in ((0, []), (1, [0, 1, 2, 3, 4]), (2, [0, 2, 4])):
        lines, losses = [], []
        train_samples(
            instantiate(TASK, S),
            TrainConfig(5, 2, log_every=log_every),
            SAMPLES,
            log=lines.append,
            on_step=lambda _, loss, losses=losses: losses.append(loss.item()),
        )
        assert lines == [f"step {k}: loss {losses[k]:.9g}" for k in numbers]


def test_without_further_ado_the_log_is_printed(capsys):
    train_samples(instantiate(TASK, S), TrainConfig(2), SAMPLES)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("step 0: loss ")
    assert second.startswith("step 1: loss ")


def test_a_stacked_sample_is_one_update_by_the_gradient_of_its_mean_loss():
    cyclic, minibatch = instantiate(TASK, S), instantiate(TASK, S)
    units = DATA.minibatches(2)
    assert [unit.x.shape for unit in units] == [(2, 3), (2, 3), (1, 3)]
    counts = []
    train_samples(
        cyclic,
        TrainConfig(4, optimizer=sgd(0.1)),
        units,
        log=silent,
        on_step=lambda stepper, _: counts.append(stepper.step_count),
    )
    assert counts == [1, 2, 3, 4]
    step = stepper(minibatch, sgd(0.1))
    for places in ([0, 1], [2, 3], [4], [0, 1]):
        step.step(Sample(X[places], Y[places]))
    assert state_digest(cyclic.named_parameters) == state_digest(minibatch.named_parameters)
    with pytest.raises(NumleanError, match="0"):
        DATA.minibatches(0)


def transcribed_keys(state, count):
    keys = []
    for _ in range(count):
        state = (1103515245 * state + 12345) % 2147483648
        keys.append(state)
    return keys


@pytest.mark.parametrize("batch_size", [1, 2, 5, 9])
def test_a_loader_is_trained_on_epoch_after_epoch(batch_size):
    order, seed, groups, rates = list(range(5)), 3, [], []
    for epoch in range(4):
        keys = transcribed_keys(seed, 5)
        order = [place for _, _, place in sorted(zip(keys, range(5), order, strict=True))]
        seed = keys[-1]
        new = [order[k : k + batch_size] for k in range(0, 5, batch_size)]
        groups, rates = groups + new, rates + [0.1 * 0.5**epoch] * len(new)
    reference, losses = visited(groups, rates)

    runner, heard = instantiate(TASK, S), []
    loader = DataLoader(DATA, batch_size, shuffle=True, seed=3)
    config = LoaderTrainConfig(4, sgd(7.0)).exponential_epoch_lr(0.1, 0.5)
    report, after = train_loader(
        runner, config, loader, log=silent, on_step=lambda _, loss: heard.append(loss.data)
    )
    reference.assert_same(runner)
    assert [x.view(np.uint32).item() for x in heard] == [x.view(np.uint32) for x in losses]
    assert (after.seed, list(after.order), after.epochs_done) == (seed, order, 4)
    assert loader.order is None
    assert S.to_bits(report.before.data) == Transcription().mean_loss().view(np.uint32)
    assert S.to_bits(report.after.data) == reference.mean_loss().view(np.uint32)


def test_a_loader_s_log_is_by_epoch():
    lines = []
    config = LoaderTrainConfig(4, log_every=3)
    train_loader(instantiate(TASK, S), config, DataLoader(DATA, 2), log=lines.append)
    assert [line.split(":")[0] for line in lines] == ["epoch 0", "epoch 3"]
    _, losses = visited([[0, 1, 2, 3, 4]], [0.01])
    assert lines[0] == f"epoch 0: loss {losses[0].item():.9g}"


def test_a_loader_that_stacks_makes_an_update_a_batch():
    stacked, plain = instantiate(TASK, S), instantiate(TASK, S)
    config = LoaderTrainConfig(2, sgd(0.1), log_every=0)
    train_loader(stacked, config, DataLoader(DATA, 2, stack=True))
    train_samples(plain, TrainConfig(6, optimizer=sgd(0.1), log_every=0), DATA.minibatches(2))
    assert state_digest(stacked.named_parameters) == state_digest(plain.named_parameters)


def test_a_loader_whose_only_batch_is_dropped_trains_nothing():
    runner, lines = instantiate(TASK, S), []
    before = state_digest(runner.named_parameters)
    loader = DataLoader(DATA, 6, drop_last=True)
    _, after = train_loader(runner, LoaderTrainConfig(2), loader, log=lines.append)
    assert (lines, after.epochs_done) == ([], 2)
    assert state_digest(runner.named_parameters) == before


def test_train_instantiates_and_takes_lists_datasets_and_loaders():
    config, options = TrainConfig(4, 2, sgd(0.1), log_every=0), Options(seed=3)
    digests = set()
    for data in (SAMPLES, DATA):
        runner, report = train(TASK, "float32", config, data, options)
        assert report.after.item() < report.before.item()
        digests.add(state_digest(runner.named_parameters))
    direct = instantiate(TASK, S, options)
    train_samples(direct, config, SAMPLES)
    assert digests == {state_digest(direct.named_parameters)}
    epochs = LoaderTrainConfig(2, sgd(0.1), log_every=0)
    runner, report, loader = train(TASK, S, epochs, DataLoader(DATA, 2), options)
    assert loader.epochs_done == 2
    assert report.after.item() < report.before.item()
    for wrong in ((config, DataLoader(DATA, 2)), (epochs, DATA)):
        with pytest.raises(NumleanError, match="DataLoader"):
            train(TASK, S, *wrong)


@pytest.mark.parametrize("loop", ["samples", "loader", "minibatches"])
def test_a_hook_that_returns_true_ends_the_training_there(loop):
    runner, counts = instantiate(TASK, S), []

    def hook(stepper, loss):
        counts.append(stepper.step_count)
        return len(counts) == 3

    if loop == "samples":
        train_samples(runner, TrainConfig(9, 2), SAMPLES, log=silent, on_step=hook)
        assert counts == [2, 4, 6]
    elif loop == "loader":
        loader = DataLoader(DATA, 3)
        _, after = train_loader(runner, LoaderTrainConfig(9), loader, log=silent, on_step=hook)
        assert (counts, after.epochs_done) == ([3, 5, 8], 2)
    else:
        train_minibatches(runner, TrainConfig(9, 2), DATA, log=silent, on_step=hook)
        assert counts == [1, 2, 3]


def test_minibatches_log_as_the_other_loops_do():
    lines, losses = [], []
    train_minibatches(
        instantiate(TASK, S),
        TrainConfig(4, 2, log_every=2),
        DATA,
        log=lines.append,
        on_step=lambda _, loss: losses.append(loss.item()),
    )
    assert lines == [f"step {k}: loss {losses[k]:.9g}" for k in (0, 2)]


def test_a_stepper_counts_updates_and_schedules_steps():
    called = []

    def schedule(t):
        called.append(t)
        return 0.1

    step = stepper(instantiate(TASK, S), sgd(0.1), schedule)
    step.step(SAMPLES[0])
    assert len(step.step_group(SAMPLES[:3])) == 3
    assert (step.step_count, step.schedule_count) == (4, 2)
    step.step_group(SAMPLES[:2], at=7)
    assert (step.step_count, step.schedule_count) == (6, 8)
    assert len(step.epoch(SAMPLES[:2])) == 2
    assert called == [0, 1, 7, 8, 9]


@dataclass(frozen=True)
class FirstNumber(Layer):
    """A layer that returns its input; in training, a buffer takes the batch's first number."""

    name = "FirstNumber"

    @property
    def parameters(self):
        return (ParameterSpec("seen", (), zeros, is_trainable=False),)

    def __call__(self, parameters, x, context):
        if context.is_training:
            context.update_buffer("seen", slice_(x.reshape(-1), (slice(1),)).reshape())
        return x


FIRST_NUMBER = Task.regression(Sequential(FirstNumber(), Linear(3, 2)))


def test_buffers_are_refreshed_by_each_sample_and_no_gradient_moves_them():
    runner, seen = instantiate(FIRST_NUMBER, S), []
    train_samples(runner, TrainConfig(2, 3, sgd(0.1), log_every=0), SAMPLES)
    assert runner.params[0].item() == F32(X[0, 0])  # samples 0 1 2, 3 4 0
    step = stepper(runner, sgd(0.1))
    for sample in SAMPLES:
        step.step(sample)
        seen.append(runner.params[0].item())
    assert seen == [F32(x[0]) for x in X]


def test_refreshing_buffers_happens_in_training_only_and_backward_does_both():
    runner = instantiate(FIRST_NUMBER, S)
    runner.refresh_buffers(SAMPLES[1])
    assert runner.params[0].item() == 0.0
    gradients = runner.backward(SAMPLES[2])
    assert runner.mode is Mode.TRAIN
    assert runner.params[0].item() == F32(X[2, 0])
    assert [g.shape for g in gradients] == [(), (2, 3), (2,)]
    assert gradients[0].item() == 0.0
    runner.refresh_buffers(SAMPLES[3])
    assert runner.params[0].item() == F32(X[3, 0])


def test_a_warm_up_reaches_the_loops():
    runner = instantiate(TASK, S)
    config = TrainConfig(3, optimizer=sgd(0.1), log_every=0).warmup(2)
    train_samples(runner, config, SAMPLES)
    rates = [schedules.linear_warmup(2, schedules.constant(0.1))(t) for t in range(3)]
    reference, _ = visited([[0], [1], [2]], rates)
    reference.assert_same(runner)
