"""Layers that differ in training: dropout and batch norm."""

import numpy as np
import pytest

from numlean import NumleanError, Options, Task, Tensor, get_scalar, instantiate, nn, stepper
from numlean.data import Sample
from numlean.nn.layer import EVALUATION, Clock, Context, Mode
from numlean.optim import sgd

S = get_scalar("float32")
RNG = np.random.default_rng(131)


def dropped(scalar, *, step=0, path=(), seed=0, p=0.5, shape=(4, 6)):
    """Apply dropout to ones: some become zeros, and the others are scaled."""
    layer, x = nn.Dropout(p, seed), Tensor.of(scalar, np.ones(shape))
    context = Context(Mode.TRAIN, Clock(step), path)
    return layer([Tensor.of(scalar, p)], x, context).to_float()


def test_dropout_scales_the_kept_numbers_and_only_in_training():
    z = dropped(S)
    assert set(z.ravel()) == {0.0, 2.0}
    x = Tensor.of(S, RNG.standard_normal((4, 6)))
    assert nn.Dropout(0.5)([Tensor.of(S, 0.5)], x, EVALUATION) is x
    kept = (dropped(S, p=0.25, shape=(100, 100)) > 0).mean()
    assert abs(kept - 0.75) < 0.02


def test_masks_are_the_same_in_every_scalar():
    names = ("float32", "float64", "ieee32exec", "bfloat16", "mp:50", "ieee32exec@round=stochastic")
    masks = {(dropped(get_scalar(name), p=0.3) > 0).tobytes() for name in names}
    assert len(masks) == 1


def test_the_mask_uses_the_layer_s_probability_and_the_divisor_the_buffer():
    z = dropped(S, p=0.5)
    x, context = Tensor.of(S, np.ones(z.shape)), Context(Mode.TRAIN)
    other = nn.Dropout(0.5)([Tensor.of(S, 0.75)], x, context).to_float()
    assert other.tolist() == (2 * z).tolist()
    # A probability that a Scalar does not have is rounded in the divisor, and there alone.
    coarse = dropped(get_scalar("e5m2"), p=0.3)
    assert set(coarse.ravel()) == {0.0, 1.25}
    assert ((coarse > 0) == (dropped(S, p=0.3) > 0)).all()


def test_masks_differ_by_seed_step_and_place():
    masks = {
        dropped(S, **where).tobytes()
        for where in ({}, {"step": 1}, {"step": 2}, {"seed": 1}, {"path": (0,)}, {"path": (1,)})
    }
    assert len(masks) == 6
    assert dropped(S, step=3, path=(1, 2)).tobytes() == dropped(S, step=3, path=(1, 2)).tobytes()


def test_masks_do_not_repeat_from_step_to_step_of_a_run():
    task = Task.regression(nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5)))
    sample = Sample(np.ones((8, 8)), np.zeros((8, 8)))
    losses = [loss.item() for loss in stepper(instantiate(task, S), sgd(0.1)).epoch([sample] * 6)]
    assert len(set(losses)) > 3


def test_a_dropout_probability_is_an_entry_that_no_gradient_changes():
    task = Task.regression(nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.25)))
    runner = instantiate(task, S)
    stepper(runner, sgd(0.1)).step(Sample(np.ones((2, 3)), np.ones((2, 3))))
    assert task.model.parameters[2].name == "1.p"
    assert task.param_shapes[2] == ()
    assert runner.params[2].item() == 0.25
    for p in (-0.1, 1.0, float("nan")):
        with pytest.raises(NumleanError, match=str(p)):
            nn.Dropout(p)


def running(momentum, batches):
    """Return the statistics after some batches, by numpy in binary32."""
    mean, variance = np.zeros(3, np.float32), np.ones(3, np.float32)
    rate = np.float32(momentum)
    for x in batches:
        rows = x.astype(np.float32).transpose(1, 0, 2).reshape(3, -1)
        m, v = (np.zeros(3, np.float32) for _ in range(2))
        for column in rows.T:
            m = m + column
        m = m / np.float32(rows.shape[1])
        for column in rows.T:
            v = v + (column - m) * (column - m)
        v = v / np.float32(rows.shape[1])
        kept = np.float32(1) - rate
        mean, variance = kept * mean + rate * m, kept * variance + rate * v
    return mean, variance


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_running_statistics_follow_the_batches_of_a_run(backend):
    model = nn.Sequential(nn.BatchNorm(3, momentum=0.25), nn.Flatten(), nn.Linear(12, 2))
    runner = instantiate(Task.regression(model), S, Options(backend=backend))
    batches = [RNG.standard_normal((5, 3, 4)) for _ in range(3)]
    stepper(runner, sgd(0.01)).epoch([Sample(x, np.zeros((5, 2))) for x in batches])
    for p, expected in zip(runner.params[2:4], running(0.25, batches), strict=True):
        assert np.array_equal(S.to_bits(p.data), expected.view(np.uint32))


def test_buffers_are_refreshed_by_training_only_and_evaluation_uses_them():
    model = nn.Sequential(nn.BatchNorm(3))
    runner = instantiate(Task.regression(model), S)
    x = RNG.standard_normal((5, 3, 4))
    sample = Sample(x, np.zeros((5, 3, 4)))
    before = [p.to_float().tolist() for p in runner.params]
    runner.refresh_buffers(sample)
    runner.loss(sample)
    assert [p.to_float().tolist() for p in runner.params] == before
    assert np.allclose(runner.predict(x).to_float(), x / np.sqrt(1 + 1e-5), rtol=1e-6)
    runner.train()
    runner.refresh_buffers(sample)
    expected = running(0.1, [x])
    for p, values in zip(runner.params[2:], expected, strict=True):
        assert np.array_equal(S.to_bits(p.data), values.view(np.uint32))
    runner.eval()
    mean, variance = (values[:, np.newaxis] for values in expected)
    normalized = (x - mean) / np.sqrt(variance + 1e-5)
    assert np.allclose(runner.predict(x).to_float(), normalized, rtol=1e-5, atol=1e-6)
