"""One store holds a run's parameters; the runner and both engines read and write it."""

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from numlean import (
    Batch,
    NumleanError,
    Options,
    Task,
    Tensor,
    get_scalar,
    instantiate,
    state_digest,
    stepper,
)
from numlean.autograd import Tape
from numlean.errors import MixedScalarError, ShapeError
from numlean.nn import Layer, Linear, ParameterSpec, Sequential
from numlean.nn.layer import ones
from numlean.optim import sgd

RNG = np.random.default_rng(11)
BATCH = Batch(RNG.standard_normal((4, 3)), RNG.standard_normal((4, 2)))
BACKENDS = pytest.mark.parametrize("backend", ["eager", "compiled"])


@dataclass(frozen=True)
class Doubled(Layer):
    """A layer that multiplies by twice a buffer that no step changes."""

    name = "Doubled"

    @property
    def parameters(self):
        return (ParameterSpec("factor", (), ones, is_trainable=False),)

    def __call__(self, parameters, x, context):
        return x * (parameters[0] + parameters[0])


TASK = Task.regression(Sequential(Linear(3, 2), Doubled()))


def started(backend, dtype="float32"):
    runner = instantiate(TASK, dtype, Options(backend=backend))
    return runner, stepper(runner, sgd(0.1, 0.5))


@BACKENDS
def test_reading_parameters_again_and_again_copies_nothing(backend):
    task = Task.regression(Linear(256, 256))
    runner = instantiate(task, "float32", Options(backend=backend))
    step = stepper(runner, sgd(0.1))
    step.step(Batch(np.ones((1, 256)), np.ones((1, 256))))
    first = runner.params
    tracemalloc.start()
    reads = [runner.params for _ in range(50)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all(read is first for read in reads)
    assert peak < 4 * 256 * 256


@BACKENDS
def test_a_read_tensor_keeps_its_numbers_after_later_steps(backend):
    runner, step = started(backend)
    step.step(BATCH)
    read = runner.params
    before = [p.data.copy() for p in read]
    step.step(BATCH)
    assert all(np.array_equal(p.data, x) for p, x in zip(read, before, strict=True))
    assert not np.array_equal(runner.params[0].data, before[0])


@BACKENDS
def test_assigned_parameters_are_returned_as_they_are(backend):
    runner, step = started(backend)
    step.step(BATCH)
    assigned = [p + p for p in runner.params]
    runner.params = assigned
    assert all(p is q for p, q in zip(runner.params, assigned, strict=True))
    step.step(BATCH)
    assert not np.array_equal(runner.params[0].data, assigned[0].data)


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec", "mp:40"])
def test_a_constant_buffer_assigned_between_steps_reaches_the_compiled_engine(dtype):
    def digest(backend, factor):
        runner, step = started(backend, dtype)
        step.step(BATCH)
        weight, bias, _ = runner.params
        runner.params = [weight, bias, runner.tensor(factor)]
        loss = step.step(BATCH)
        return state_digest([*runner.named_parameters, ("loss", loss)])

    assert digest("eager", 3.0) == digest("compiled", 3.0)
    assert digest("compiled", 3.0) != digest("compiled", 1.0)


@BACKENDS
def test_two_steppers_of_a_runner_update_the_same_parameters(backend):
    runner, first = started(backend)
    second = stepper(runner, sgd(0.01))
    for each in (first, second, first, second):
        each.step(BATCH)
    alone, step = started("eager")
    other = stepper(alone, sgd(0.01))
    for each in (step, other, step, other):
        each.step(BATCH)
    assert state_digest(runner.named_parameters) == state_digest(alone.named_parameters)


def test_each_change_of_the_store_is_a_new_version():
    runner, step = started("compiled")
    versions = [runner.store.version]
    step.step(BATCH)
    versions.append(runner.store.version)
    runner.params = list(runner.params)
    versions.append(runner.store.version)
    assert versions == sorted(set(versions))


@BACKENDS
def test_parameters_that_do_not_fit_the_model_are_refused(backend):
    runner, step = started(backend)
    step.step(BATCH)
    before = state_digest(runner.named_parameters)
    weight, bias, factor = runner.params
    with pytest.raises(NumleanError, match="the model has 3 parameters and buffers, got 2 tensors"):
        runner.params = [weight, bias]
    with pytest.raises(ShapeError, match=r"0\.weight has shape \(2, 3\), got \(3, 2\)"):
        runner.params = [weight.T, bias, factor]
    wide = Tensor.of(get_scalar("float64"), bias.to_float())
    with pytest.raises(MixedScalarError, match=r"0\.bias differ: float32 on cpu and float64"):
        runner.params = [weight, wide, factor]
    assert state_digest(runner.named_parameters) == before


@BACKENDS
def test_a_state_of_other_names_shapes_or_scalars_is_refused(backend):
    task, scalar = Task.regression(Sequential(Linear(3, 2))), get_scalar("float32", "python")
    make = stepper(instantiate(task, scalar, Options(backend=backend)), sgd(0.1, momentum=0.5))
    make.step(BATCH)
    before, params = make.state["momentum"], make.runner.params
    foreign = [Tensor.of(get_scalar("bfloat16", "python"), t.to_float()) for t in before]
    wrong = (
        ({}, NumleanError, "2 tensors 'momentum', got no tensors"),
        ({"velocity": before}, NumleanError, "got 2 tensors 'velocity'"),
        ({"momentum": before[:1]}, NumleanError, "got 1 tensors 'momentum'"),
        ({"momentum": [before[0][:1], before[1]]}, ShapeError, r"has shape \(2, 3\), got \(1, 3\)"),
        ({"momentum": foreign}, MixedScalarError, "differ"),
    )
    for state, kind, message in wrong:
        with pytest.raises(kind, match=message):
            make.restore([p + p for p in params], state, 1)
    assert [t.to_float().tolist() for t in make.state["momentum"]] == [
        t.to_float().tolist() for t in before
    ]
    assert all((p.data == q.data).all() for p, q in zip(make.runner.params, params, strict=True))


@BACKENDS
def test_a_run_continues_from_another_run_s_tensors_with_its_own_random_stream(backend):
    scalar = get_scalar("bfloat16@round=stochastic,seed=7", "python")
    task, optimizer = Task.regression(Sequential(Linear(3, 2))), sgd(0.1, momentum=0.5)
    whole, rest = (
        stepper(instantiate(task, scalar, Options(backend=backend)), optimizer) for _ in range(2)
    )
    whole.step(BATCH)
    params, state = whole.runner.params, whole.state
    data = Batch(*(Tensor.of(scalar, values) for values in BATCH))
    whole.step(BATCH)
    rest.restore(params, state, 1)
    rest.step(data)
    digests = [state_digest(each.runner.named_parameters) for each in (whole, rest)]
    assert digests[0] == digests[1]


@BACKENDS
def test_watched_tensors_become_parameters_without_their_history(backend):
    scalar, tape = get_scalar("float32", "python"), Tape()
    model = Sequential(Linear(3, 2), Doubled())
    runner = instantiate(Task.regression(model), scalar, Options(backend=backend))
    runner.params = [tape.watch(p) for p in runner.params]
    watched = len(tape.nodes)
    stepper(runner, sgd(0.1)).step(BATCH)
    assert len(tape.nodes) == watched
