"""Steps planned once and replayed have the bits of eager steps."""

from dataclasses import dataclass

import numpy as np
import pytest

from numlean import (
    CountingScalar,
    NumleanError,
    Options,
    Task,
    Tensor,
    TrainConfig,
    get_scalar,
    get_task,
    instantiate,
    state_digest,
    stepper,
)
from numlean.autograd import primitives as ops
from numlean.data import Dataset, Sample
from numlean.nn import Layer, Linear, ParameterSpec, ReLU, Sequential, Tanh
from numlean.nn.layer import ones, zeros
from numlean.optim import sgd
from numlean.training import run_steps
from numlean.training.engine.plan import Recorder

RNG = np.random.default_rng(97)
DATA = Dataset.of_arrays(RNG.standard_normal((10, 3)), RNG.standard_normal((10, 2)))
DTYPES = (
    "float32",
    "float64",
    "ieee32exec",
    "bfloat16",
    "mp:40",
    "ieee32exec@round=stochastic,seed=3",
    "ieee32exec@math=torchlean",
    "binary64exec",
)


@dataclass(frozen=True)
class Noisy(Layer):
    """A layer that multiplies by new random numbers at each step, and counts steps in a buffer."""

    name = "Noisy"

    @property
    def parameters(self):
        return (
            ParameterSpec("seen", (), zeros, is_trainable=False),
            ParameterSpec("one", (), ones, is_trainable=False),
        )

    def __call__(self, parameters, x, context):
        seen, one = parameters
        context.update_buffer("seen", seen + one)
        return x * Tensor(x.scalar, x.scalar.from_host_callback(context.uniform(5, x.shape)))


MODEL = Sequential(Linear(3, 5), Noisy(), Tanh(), Linear(5, 4), ReLU(), Linear(4, 2))


def trained(backend, dtype, task, data, *, steps=7, batch_size=4, lr=0.05, momentum=0.9):
    runner = instantiate(task, get_scalar(dtype), Options(backend=backend))
    config = TrainConfig(steps, batch_size, sgd(lr, momentum))
    losses = []
    run_steps(runner, config, data, on_step=lambda _, loss: losses.append(loss))
    named = [*runner.named_parameters, *((str(k), loss) for k, loss in enumerate(losses))]
    return state_digest(named)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_replayed_run_has_the_bits_of_an_eager_one(dtype, momentum):
    # Ten samples by four: batches of two shapes, hence two plans on the same parameters.
    task = Task.regression(MODEL)
    runs = {trained(b, dtype, task, DATA, momentum=momentum) for b in ("eager", "compiled")}
    assert len(runs) == 1


@pytest.mark.parametrize("name", ["digits", "sine", "xor"])
@pytest.mark.parametrize("dtype", ["float32", "ieee32exec", "float64"])
def test_the_tasks_do_too(name, dtype):
    task = get_task(name)
    options = {"steps": 6, "batch_size": task.batch_size, "lr": task.lr}
    runs = {
        trained(b, dtype, task.task, task.load().train, **options) for b in ("eager", "compiled")
    }
    assert len(runs) == 1


def test_a_run_that_ends_in_nans_is_replayed_as_well():
    task = get_task("xor")
    runs = {
        trained(b, "ieee32exec", task.task, task.load().train, lr=1e20)
        for b in ("eager", "compiled")
    }
    assert len(runs) == 1


def digests_by_step(backend, disturb):
    runner = instantiate(Task.regression(MODEL), get_scalar("float32"), Options(backend=backend))
    step, seen = stepper(runner, sgd(0.1, 0.5)), []
    for k in range(5):
        step.step(DATA.stacked())
        if k == 2:
            disturb(runner, step)
        seen.append(state_digest(runner.named_parameters))
    return seen


def test_parameters_given_to_the_runner_between_steps_are_taken_over():
    def double(runner, step):
        runner.params = [p + p for p in runner.params]

    eager, compiled = (digests_by_step(b, double) for b in ("eager", "compiled"))
    assert eager == compiled
    assert eager != digests_by_step("eager", lambda *_: None)


def test_parameters_and_state_that_were_read_do_not_change_later():
    runner = instantiate(Task.regression(MODEL), get_scalar("float32"), Options(backend="compiled"))
    step = stepper(runner, sgd(0.1, 0.5))
    step.step(DATA.stacked())
    params, state = runner.params, step.state["momentum"]
    before = [p.data.copy() for p in (*params, *state)]
    step.step(DATA.stacked())
    assert all(np.array_equal(a, b.data) for a, b in zip(before, (*params, *state), strict=True))
    assert any(
        not np.array_equal(p.data, q.data) for p, q in zip(params, runner.params, strict=True)
    )


def test_a_plan_is_readable_and_contains_no_constant_operations():
    runner = instantiate(
        Task.regression(Sequential(Linear(3, 2))),
        get_scalar("float32"),
        Options(backend="compiled"),
    )
    step = stepper(runner, sgd(0.1))
    step.step(DATA.stacked())
    (plan,) = step.engine.plans.values()
    text = str(plan)
    assert text.splitlines()[0] == "%0: input (10, 3) float32"
    assert " = matmul(%0, " in text
    assert text.splitlines()[-1].startswith("loss %")
    assert text.count("matmul") == 2


def test_counted_flags_and_compiled_steps_exclude_each_other():
    scalar = CountingScalar(get_scalar("ieee32exec"))
    runner = instantiate(Task.regression(MODEL), scalar, Options(backend="compiled"))
    with pytest.raises(NumleanError, match="--backend eager"):
        stepper(runner, sgd(0.1)).step(Sample(np.ones(3), np.ones(2)))


def test_an_array_of_many_axes_is_moved_in_native_code():
    @dataclass(frozen=True)
    class Folded(Layer):
        name = "Folded"

        def __call__(self, parameters, x, context):
            z = ops.permute(x.reshape(x.shape[0], 2, 2, 2, 2, 2, 2), (0, 6, 2, 4, 1, 5, 3))
            return z.reshape(x.shape[0], 64)

    rng = np.random.default_rng(5)
    data = Dataset.of_arrays(rng.standard_normal((4, 64)), rng.standard_normal((4, 1)))
    task = Task.regression(Sequential(Linear(64, 64), Folded(), Linear(64, 1)))
    assert trained("eager", "float32", task, data) == trained("compiled", "float32", task, data)


def test_a_loss_that_is_a_view_of_a_parameter_is_that_of_before_the_step():
    scalar = get_scalar("float32")
    weight = Tensor.of(scalar, [2.0])
    recorder = Recorder(scalar)
    half = weight.like(recorder.scalar.from_host_callback(lambda: [0.5]))
    new = recorder.attach(weight) * half
    recorder.output("loss", recorder.attach(weight).reshape())
    recorder.write_back([(weight, new)])
    plan = recorder.finish(variables=[weight.data], results=[weight.data])
    losses = [plan.outputs["loss"].item()]
    for _ in range(2):
        plan.replay(())
        losses.append(plan.outputs["loss"].item())
    assert losses == [2.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("refused", "steps"),
    [
        ("numlean.training.engine.plan.prune", 0),
        ("numlean_kernels.targets.cpu.CpuTarget.compile", 1),  # the second step needs the program
    ],
)
def test_a_step_that_cannot_be_planned_or_compiled_changes_nothing(monkeypatch, refused, steps):
    def refuse(*_, **__):
        raise MemoryError("no room")

    task, sample = Task.regression(Linear(3, 2)), DATA.batch(range(4))
    eager, compiled = (
        stepper(instantiate(task, "float32", Options(backend=backend)), sgd(0.1, 0.9))
        for backend in ("eager", "compiled")
    )
    for each in (eager, compiled) * steps:
        each.step(sample)
    with monkeypatch.context() as patched:
        patched.setattr(refused, refuse)
        with pytest.raises(MemoryError):
            compiled.step(sample)
    for each in (eager, compiled):
        each.step(sample)
    digests = {state_digest(each.runner.named_parameters) for each in (eager, compiled)}
    assert len(digests) == 1
