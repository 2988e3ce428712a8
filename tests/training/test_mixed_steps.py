"""Steps in two arithmetics: bfloat16 layers over float32 parameters, by casts.

The expected values come from numpy and ml_dtypes alone.
"""

import pickle
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import pytest

import numlean as nl
from numlean import Options, Session, Task, TrainConfig, instantiate, stepper
from numlean.autograd.tensor import Tensor
from numlean.data import Batch
from numlean.errors import MixedScalarError, UnavailableError
from numlean.nn import Layer, Linear, ReLU, Sequential
from numlean.optim import sgd
from numlean.training.engine.plan import Recorder

BF16, F32 = ml_dtypes.bfloat16, np.float32
RNG = np.random.default_rng(11)
X, Y = RNG.standard_normal((6, 4)), RNG.standard_normal((6, 3))
STEPS = 5


def test_train_takes_a_policy_and_its_runner_is_pickled():
    task, policy = Task.regression(Sequential(Linear(4, 3), ReLU())), nl.policies.get("bf16-mixed")
    way, config = Options(device="python"), TrainConfig(2, 3, sgd(0.1))
    data = nl.Dataset.of_arrays(X, Y)
    log = lambda line: None  # noqa: E731
    runner, _ = nl.train(task, policy, config, data, way, log=log)
    other = instantiate(task, policy, way)
    nl.train_dataset(other, config, data, log=log)
    assert nl.state_digest(runner.named_parameters) == nl.state_digest(other.named_parameters)
    kept = pickle.loads(pickle.dumps(runner))
    assert kept.precision.policy == policy
    for one in (kept, runner):
        nl.run_steps(one, config, data)
    assert nl.state_digest(kept.named_parameters) == nl.state_digest(runner.named_parameters)


def test_a_policy_is_refused_where_one_arithmetic_is_taken():
    policy = nl.policies.get("bf16-mixed")
    uses = {
        "Session: scalar must be a Scalar": lambda: Session(policy),
        "must be a Scalar or the name of a dtype": lambda: Tensor.of(policy, [1.0]),
        r"is a policy, not a dtype: .* nl.policies.get\('bf16-sr'\)": lambda: instantiate(
            Task.regression(Linear(1, 1)), "bf16-sr,accumulate=exact"
        ),
    }
    for words, use in uses.items():
        with pytest.raises(nl.NumleanError, match=words) as caught:
            use()
        assert len(str(caught.value)) < 200


@dataclass(frozen=True)
class Narrow(Linear):
    """A linear layer that computes in another arithmetic than that of its parameters."""

    dtype: str = "bfloat16"

    def __call__(self, parameters, x, context):
        operands = [nl.cast(p, self.dtype) for p in parameters]
        return super().__call__(operands, nl.cast(x, self.dtype), context)


class Cast(Layer):
    """A cast of the activations."""

    name = "Cast"

    def __init__(self, dtype):
        self.dtype = dtype

    def output_shape(self, shape):
        return shape

    def __call__(self, parameters, x, context):
        return nl.cast(x, self.dtype)


def task(dtype="bfloat16"):
    layers = Narrow(4, 8, dtype=dtype), ReLU(), Narrow(8, 3, dtype=dtype), Cast("float32")
    return Task.regression(Sequential(*layers))


def trained(backend, device, *, of=None, steps=STEPS):
    runner = instantiate(of or task(), "float32", Options(backend=backend, device=device, seed=3))
    training = stepper(runner, sgd(0.1, 0.9))
    losses = [training.step(Batch(X, Y)) for _ in range(steps)]
    assert {t.dtype for t in (*losses, *runner.params)} == {"float32"}
    return [t.numpy().astype(F32).tobytes() for t in (*losses, *runner.params)]


def product(a, b):
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for k in range(a.shape[1]):
        c = c + a[:, k : k + 1] * b[k]
    return c


def column_sums(x):
    total = np.zeros(x.shape[1], x.dtype)
    for row in x:
        total = total + row
    return total


def transcription():
    runner = instantiate(task(), "float32", Options(device="python", seed=3))
    p = [t.numpy().astype(F32) for t in runner.params]
    buffers, losses = [np.zeros_like(a) for a in p], []
    x, y = X.astype(F32), Y.astype(F32)
    for _ in range(STEPS):
        w1, b1, w2, b2 = (a.astype(BF16) for a in p)
        x1 = x.astype(BF16)
        z1 = product(x1, w1.T) + b1
        h = np.where(z1 > 0, z1, BF16(0))
        error = (product(h, w2.T) + b2).astype(F32) - y
        total = F32(0)
        for square in (error * error).ravel():
            total = total + square
        losses.append(total / F32(error.size))
        scale = F32(1) / F32(error.size)
        g2 = (scale * error + scale * error).astype(BF16)
        g1 = np.where(z1 > 0, product(g2, w2), BF16(0))
        gradients = product(x1.T, g1).T, column_sums(g1), product(h.T, g2).T, column_sums(g2)
        for k, g in enumerate(gradients):
            buffers[k] = buffers[k] * F32(0.9) + g.astype(F32)
            p[k] = p[k] - buffers[k] * F32(0.1)
    return [a.tobytes() for a in (*losses, *p)]


def test_a_mixed_step_has_the_bits_of_its_transcription_on_every_engine_and_device():
    expected = transcription()
    assert trained("eager", "python") == expected
    assert trained("compiled", "python") == expected
    assert trained("eager", "cpu") == expected
    assert trained("compiled", "cpu") == expected


def test_casts_are_kernels_of_the_plan():
    runner = instantiate(task(), "float32", Options(backend="compiled"))
    training = stepper(runner, sgd(0.1))
    training.step(Batch(X, Y))
    (plan,) = training.engine.plans.values()
    steps = [str(step) for step in plan.operations]
    assert steps.count("from e8m23") == 6  # x, the parameters, the gradient of the outputs
    assert steps.count("from e8m7") == 5  # the outputs, the gradients of the parameters


def test_a_compiled_session_replays_casts():
    def gradients(backend):
        session, found = Session("float32", backend), []
        weight = session.param([[1.5, -2.25]])
        for x in ([[1.01], [2.02]], [[3.03], [-4.04]]):
            session.reset_tape()
            narrow = [
                session.apply(nl.cast, each, dtype="bfloat16")
                for each in (session.input(x), session.use(weight))
            ]
            z = session.matmul(*narrow[::-1])
            value = session.apply(nl.cast, session.sum(z), dtype="float32")
            session.backward_scalar(value)
            found += [session.get_value(z), session.grad(weight)]
            session.sgd_step_all(0.1)
        return [(t.dtype, t.tolist()) for t in found]

    assert gradients("eager") == gradients("compiled")
    assert [dtype for dtype, _ in gradients("compiled")] == ["bfloat16", "float32"] * 2


class Scaled(Layer):
    """A product with a constant that was made in the run's dtype, not in its Scalar."""

    name = "Scaled"

    def __init__(self):
        self.constant = Tensor.of("float32", 1.5)

    def output_shape(self, shape):
        return shape

    def __call__(self, parameters, x, context):
        return self.constant * x


def test_a_constant_on_the_left_of_a_product_does_not_keep_it_from_being_recorded():
    of = Task.regression(Sequential(Linear(4, 3), Scaled()))
    assert trained("eager", "cpu", of=of) == trained("compiled", "cpu", of=of)


def test_a_step_that_cannot_be_recorded_is_refused_with_the_reason():
    with pytest.raises(UnavailableError, match="does not start its random stream"):
        trained("compiled", "cpu", of=task("bfloat16@round=stochastic"))


def test_a_step_on_two_devices_is_refused():
    pytest.importorskip("softfloat")
    with pytest.raises(UnavailableError, match="softfloat32 is on python and float32 on cpu"):
        trained("compiled", "cpu", of=task("softfloat32"))


@pytest.mark.parametrize("device", ["cpu", "python"])
@pytest.mark.parametrize("dtype", ["mp:30", "mp:30@engine=mpmath"])
def test_a_program_in_another_arithmetic_is_recorded_with_mp(dtype, device):
    of = task(dtype)
    assert trained("compiled", device, of=of) == trained("eager", device, of=of)


def test_a_parameter_s_new_value_in_another_arithmetic_is_refused():
    scalar = nl.get_scalar("binary16", "python")
    recorder, p = Recorder(scalar), Tensor.of(scalar, [1.0])
    with pytest.raises(MixedScalarError, match=r"new value differ: binary16.*bfloat16"):
        recorder.write_back([(p, nl.cast(recorder.attach(p), "bfloat16"))])


def test_a_run_of_a_mixed_model_reports_its_losses():
    data = nl.Dataset.of_arrays(X, Y)
    eager, compiled = (
        nl.train(task(), "float32", TrainConfig(3, 2, sgd(0.1)), data, Options(backend=backend))[1]
        for backend in ("eager", "compiled")
    )
    assert eager == compiled
    assert eager.after < eager.before
