"""Runs as a whole: against numpy, across arithmetics, and against their known digests."""

import hashlib

import numpy as np
import pytest

from numlean import (
    NumleanError,
    Options,
    Tensor,
    TrainConfig,
    crosscheck,
    get_scalar,
    get_task,
    instantiate,
    state_digest,
    stepper,
    task_names,
    value_digest,
)
from numlean.data import Dataset, Sample, minibatches
from numlean.nn import Linear, Mode, ReLU, Sequential
from numlean.optim import sgd
from numlean.training import Task, initial_parameters
from numlean.training import run_steps as run_minibatches
from numlean.training.evaluation import argmax

TASK = Task.regression(Sequential(Linear(3, 4), ReLU(), Linear(4, 2)))
RNG = np.random.default_rng(67)
DATA = Dataset.of_arrays(RNG.standard_normal((10, 3)), RNG.standard_normal((10, 2)))
S = get_scalar("float32")


def f32_matmul(a, b):
    """Return the product of matrices: sums from +0, products rounded, k ascending."""
    c = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for k in range(a.shape[1]):
        c = c + a[:, k : k + 1] * b[k : k + 1]
    return c


def f32_sum(x):
    """Add along the first axis, in order, from +0."""
    total = np.zeros(x.shape[1:], np.float32)
    for row in x:
        total = total + row
    return total


def numpy_training(steps, lr, momentum, batch_size, seed):
    """Repeat the run in numpy, with numlean's initial values and sample order only."""
    f32 = np.float32
    w1, b1, w2, b2 = (p.astype(f32) for p in initial_parameters(TASK, seed))
    buffers = [np.zeros_like(p) for p in (w1, b1, w2, b2)]
    losses = []
    for sample, _ in zip(minibatches(DATA, batch_size, seed=seed), range(steps), strict=False):
        x, y = sample.x.astype(f32), sample.y.astype(f32)
        hidden = f32_matmul(x, w1.T) + b1
        active = np.maximum(hidden, f32(0))
        difference = f32_matmul(active, w2.T) + b2 - y
        squares = difference * difference
        count = f32(squares.size)
        losses.append(f32_sum(squares.reshape(-1)) / count)
        g = np.broadcast_to(f32(1) / count, squares.shape)
        g_difference = g * difference + g * difference
        g_w2 = f32_matmul(active.T, g_difference).T
        g_hidden = np.where(hidden > 0, f32_matmul(g_difference, w2), f32(0))
        g_w1 = f32_matmul(x.T, g_hidden).T
        gradients = [g_w1, f32_sum(g_hidden), g_w2, f32_sum(g_difference)]
        buffers = [b * f32(momentum) + d for b, d in zip(buffers, gradients, strict=True)]
        w1, b1, w2, b2 = (p - b * f32(lr) for p, b in zip((w1, b1, w2, b2), buffers, strict=True))
    return [w1, b1, w2, b2], losses


def test_a_run_in_float32_has_the_bits_of_a_transcription_in_numpy():
    losses = []
    config = TrainConfig(steps=12, batch_size=4, optimizer=sgd(0.05, 0.9), seed=2)
    runner = instantiate(TASK, S, Options(seed=2))
    run_minibatches(runner, config, DATA, on_step=lambda _, loss: losses.append(loss.data))
    expected, expected_losses = numpy_training(12, 0.05, 0.9, 4, seed=2)
    for ours, theirs in zip(runner.params, expected, strict=True):
        assert np.array_equal(S.to_bits(ours.data), theirs.view(np.uint32))
    assert [S.to_bits(x).item() for x in losses] == [x.view(np.uint32) for x in expected_losses]


def test_a_runner_is_born_in_evaluation_mode_and_switches():
    runner = instantiate(TASK, S)
    assert (runner.mode, runner.is_training) == (Mode.EVAL, False)
    assert runner.predictor is runner.predictor_eval
    assert runner.loss_program is runner.loss_eval
    runner.backward(DATA.stacked())
    assert runner.is_training
    assert runner.predictor is runner.predictor_train
    runner.eval()
    assert not runner.is_training
    runner.set_mode(Mode.TRAIN)
    assert runner.loss_program is runner.loss_train


def test_a_step_returns_the_loss_before_its_update():
    runner = instantiate(TASK, S)
    batch = DATA.stacked()
    before = runner.loss(batch).item()
    step = stepper(runner, sgd(0.1))
    assert step.step(batch).item() == before
    assert runner.loss(batch).item() < before
    assert len(step.epoch([batch, batch])) == 2
    assert step.step_count == 3


def test_a_schedule_decides_the_learning_rate_of_each_step():
    rates = [0.1, 0.01]
    batch = DATA.stacked()
    scheduled, plain = instantiate(TASK, S), instantiate(TASK, S)
    stepper(scheduled, sgd(5.0), lambda step: rates[step]).epoch([batch, batch])
    for rate in rates:
        stepper(plain, sgd(rate)).step(batch)
    assert state_digest(scheduled.named_parameters) == state_digest(plain.named_parameters)


def test_the_mean_loss_is_the_samples_own_losses_in_order_divided_once():
    runner = instantiate(TASK, S)
    total = np.float32(0)
    for x, y in DATA:
        own = runner.loss(Sample(x[np.newaxis], y[np.newaxis]))
        total = total + own.data
    expected = total / np.float32(DATA.size)
    assert S.to_bits(runner.mean_loss(DATA).data) == expected.view(np.uint32)
    assert runner.mean_loss(DATA.split_at(0)[0]).item() == 0.0


def test_classes_are_the_first_maximum_and_none_among_nans():
    x = Tensor.of(S, [[1, 3, 3], [5, -1, 5], [0, np.nan, 1], [np.nan, 2, 3], [-3, -2, -1]])
    assert argmax(x).tolist() == [1, 0, -1, -1, 2]


def test_a_cast_overrides_how_binary64_numbers_enter():
    halved = instantiate(TASK, S, cast=lambda values: S.from_float(np.asarray(values) / 2))
    plain = instantiate(TASK, S)
    assert np.array_equal(halved.params[0].to_float() * 2, plain.params[0].to_float())


@pytest.mark.parametrize("config", [{"steps": -1}, {"steps": 1, "batch_size": -1}])
def test_invalid_configurations_are_refused(config):
    with pytest.raises(NumleanError, match=r"-1"):
        TrainConfig(**config)
    with pytest.raises(NumleanError, match="known: eager, compiled"):
        Options(backend="magic")


def run_steps(name, dtype, steps, device=None):
    task = get_task(name)
    config = TrainConfig(steps, task.batch_size, sgd(task.lr, task.momentum))
    runner = instantiate(task.task, get_scalar(dtype, device))
    run_minibatches(runner, config, task.load().train)
    return runner.named_parameters


GOLDEN = {
    ("xor", 20): (
        "84119f34a311d3074283ebfa4a68ffa0552fba13dfb6e6aa573b86786a5b2108",
        "4271f42d72a5eacced390c20eafb496cda75027acdb2d9ce11226c824ac535e5",
    ),
    ("sine", 5): (
        "fdcb8108b463063077f7ad7e85d6be13dc25619e75e70670f4c2c12f6ec40e7f",
        "5579707390ba562f09e12e6b54978b827eeef091c0a5c2ffc26a8e1a8510dc7b",
    ),
    ("digits", 20): (
        "265694ce42838ac5b0a43d0022c57f1d29464bf41f5b9812b40d0ad7ae9da532",
        "13cd2fe86fc93fa37c322e0519bcf3cc0e9edfafc563f84616edad7d45bcb123",
    ),
}
"""State digests in binary32 and binary64: they change when, and only when, the bits do."""


@pytest.mark.parametrize(("name", "steps"), GOLDEN)
def test_runs_have_their_golden_digests_on_every_machine(name, steps):
    binary32, binary64 = GOLDEN[name, steps]
    for dtypes, golden in ((("float32", "ieee32exec"), binary32), (("float64",), binary64)):
        for dtype in dtypes:
            assert state_digest(run_steps(name, dtype, steps)) == golden


@pytest.mark.parametrize("name", ["xor", "sine"])
def test_emulated_hardware_and_arbitrary_precision_runs_have_one_value(name):
    digests = {d: value_digest(run_steps(name, d, 4)) for d in ("ieee32exec", "float32", "mp:24")}
    assert len(set(digests.values())) == 1, digests
    doubles = {d: value_digest(run_steps(name, d, 4)) for d in ("float64", "mp:53", "binary64exec")}
    assert len(set(doubles.values())) == 1, doubles
    assert not set(digests.values()) & set(doubles.values())


def test_softfloat_trains_as_the_emulation_does():
    pytest.importorskip("softfloat", reason="no oracle extra", exc_type=ImportError)
    emulated = state_digest(run_steps("xor", "ieee32exec", 3))
    assert state_digest(run_steps("xor", "softfloat32", 3)) == emulated


def test_the_interpreter_trains_as_the_compiled_kernels_do():
    compiled = state_digest(run_steps("xor", "ieee32exec", 2, "cpu"))
    assert state_digest(run_steps("xor", "ieee32exec", 2, "python")) == compiled
    hardware = state_digest(run_steps("xor", "float32", 2, "python"))
    assert hardware == compiled


def test_a_run_that_ends_in_nans_keeps_its_digest():
    task = get_task("xor")
    config = TrainConfig(12, task.batch_size, sgd(1e20))
    digests = set()
    for dtype in ("ieee32exec", "float32"):
        runner = instantiate(task.task, get_scalar(dtype))
        run_minibatches(runner, config, task.load().train)
        assert np.isnan(runner.params[0].to_float()).any()
        digests.add(state_digest(runner.named_parameters))
    assert len(digests) == 1


def test_digests_depend_on_names_shapes_order_and_values():
    def named(*pairs, dtype="float32"):
        return [(name, Tensor.of(get_scalar(dtype), v)) for name, v in pairs]

    base = named(("a", [1.0, 0.0]), ("b", [2.0]))
    variants = [
        named(("a", [1.0, 0.0]), ("c", [2.0])),
        named(("b", [2.0]), ("a", [1.0, 0.0])),
        named(("a", [[1.0, 0.0]]), ("b", [2.0])),
        named(("a", [1.0, 0.5]), ("b", [2.0])),
    ]
    for digest in (state_digest, value_digest):
        assert len({digest(n) for n in [base, *variants]}) == 5
    minus_zero = named(("a", [1.0, -0.0]), ("b", [2.0]))
    assert state_digest(minus_zero) != state_digest(base)
    assert value_digest(minus_zero) == value_digest(base)
    assert value_digest(named(("a", [1.0, 0.0]), ("b", [2.0]), dtype="mp:99")) == value_digest(base)
    nans = [[("a", Tensor(S, S.from_bits([bits])))] for bits in (0x7FC00000, 0xFFC00001)]
    assert state_digest(nans[0]) != state_digest(nans[1])
    assert value_digest(nans[0]) == value_digest(nans[1])


def test_a_state_digest_is_sha256_of_the_documented_bytes():
    tensor = Tensor.of(S, [1.0, -2.0])
    content = np.array([1.0, -2.0], "<f4").tobytes()
    expected = hashlib.sha256(b"w (2,) 8\n" + content).hexdigest()
    assert state_digest([("w", tensor)]) == expected
    text = b"0:1:0\n1:1:1"
    expected = hashlib.sha256(b"w (2,) %d\n" % len(text) + text).hexdigest()
    assert value_digest([("w", tensor)]) == expected


def test_crosscheck_reports_the_comparison_and_the_first_divergence():
    config = TrainConfig(steps=6, batch_size=4, optimizer=sgd(0.05))
    names = ("float32", "ieee32exec", "float64")
    result = crosscheck(TASK, *names, config=config, data=DATA)
    found = {(p.a, p.b): (p.compared, p.identical, p.first_different_step) for p in result.pairs}
    assert found == {
        ("float32", "ieee32exec"): ("state", True, None),
        ("float32", "float64"): ("value", False, 0),
        ("ieee32exec", "float64"): ("value", False, 0),
    }
    assert not result.identical
    with pytest.raises(NumleanError, match="at least two"):
        crosscheck(TASK, S, config=config, data=DATA)


def test_crosscheck_finds_the_very_step_at_which_one_bit_is_flipped(monkeypatch):
    from numlean.training import Stepper

    right = Stepper.step

    def faulty(self, sample):
        loss = right(self, sample)
        if self.runner.scalar.name == "ieee32exec" and self.step_count == 4:
            self.runner.params[1].data[0] ^= np.uint32(1)
        return loss

    monkeypatch.setattr(Stepper, "step", faulty)
    config = TrainConfig(steps=6, batch_size=4, optimizer=sgd(0.05))
    (pair,) = crosscheck(TASK, S, "ieee32exec", config=config, data=DATA).pairs
    assert pair.first_different_step == 3


def test_tasks_are_named_and_their_data_is_fixed():
    images, tables = ("digits", "digits-cnn"), ("breast-cancer", "diabetes", "iris", "wine")
    texts, formulas = ("char-rnn", "char-transformer"), ("sine", "xor")
    assert task_names() == tuple(sorted((*images, *tables, *texts, *formulas)))
    with pytest.raises(NumleanError, match="known: breast-cancer, char-rnn, char-transformer"):
        get_task("xnor")
    split = get_task("digits").load()
    assert (split.train.size, split.test.size) == (1437, 360)
    rows = {x.tobytes() for x in split.train.x}
    overlap = sum(x.tobytes() in rows for x in split.test.x)
    assert overlap == 0
    assert set(split.train.y.sum(axis=1)) == {1.0}
    sine = get_task("sine").load()
    exact = np.sin(np.pi * sine.train.x.astype(np.longdouble)).astype(float)
    assert np.abs(sine.train.y - exact).max() < 1e-15
