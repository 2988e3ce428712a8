"""Conversions of their own rounding in layers: both engines, traces, resuming, other processes."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

import numlean as nl
from numlean import Batch, Options, Task, instantiate, stepper
from numlean.nn import Layer, Linear, Sequential
from numlean.optim import sgd

RNG = np.random.default_rng(23)
BATCH = Batch(RNG.standard_normal((4, 3)), RNG.standard_normal((4, 2)))


@dataclass(frozen=True)
class Rounded(Layer):
    """Activations rounded to another dtype and back."""

    dtype: str
    rounding: str
    overflow: str | None = None
    name = "Rounded"

    def output_shape(self, shape):
        return shape

    def __call__(self, parameters, x, context):
        narrow = nl.cast(x, self.dtype, rounding=self.rounding, overflow=self.overflow)
        return nl.cast(narrow, x.scalar)


def task(rounding):
    layers = Linear(3, 4), Rounded("e4m3", rounding, "saturate"), Linear(4, 2)
    return Task.regression(Sequential(*layers, Rounded("posit8", rounding)))


def losses_of(rounding, backend, rate, count=4):
    runner = instantiate(task(rounding), "float32", Options(backend=backend, device="python"))
    training = stepper(runner, sgd(rate))
    return [training.step(BATCH).item() for _ in range(count)]


@pytest.mark.parametrize("rounding", ["toward_zero", "stochastic", "stochastic_a:3"])
def test_a_conversion_in_a_layer_is_the_same_on_both_engines_and_in_every_run(rounding):
    losses = [losses_of(rounding, backend, 0.1) for backend in ("eager", "compiled", "eager")]
    assert losses[0] == losses[1] == losses[2]


def test_the_random_bits_of_a_conversion_differ_from_step_to_step():
    eager = losses_of("stochastic", "eager", 0.0)
    assert len(set(eager)) > 1
    assert losses_of("stochastic", "compiled", 0.0) == eager


def test_a_run_goes_on_after_pickling_with_the_bits_it_would_have_had():
    whole = stepper(instantiate(task("stochastic"), "float32", Options(device="python")), sgd(0.1))
    for _ in range(2):
        whole.step(BATCH)
    kept = pickle.loads(pickle.dumps(whole))
    assert [kept.step(BATCH).item() for _ in range(2)] == [
        whole.step(BATCH).item() for _ in range(2)
    ]


def test_a_trace_names_a_conversion_with_its_choices():
    from numlean.analysis.trace.elements import element_of
    from numlean.analysis.trace.products import rule_text
    from numlean.scalar.wrappers.tracing import Trace, TracingScalar

    trace = Trace()
    x = nl.Tensor.of(TracingScalar(nl.get_scalar("float64", "python"), trace), [1.1, 500.0])
    target = TracingScalar(nl.get_scalar("e4m3", "python"), trace)
    nl.cast(x, target, rounding="RZ", overflow="saturate")
    nl.cast(x, target)
    one, plain = (op for op in trace.operations if op.operation == "cast_from")
    assert one.label == "cast_from(toward_zero, saturate)"
    assert rule_text(one) == "cast_from(toward_zero, saturate) to e4m3"
    assert (plain.label, rule_text(plain)) == ("cast_from", None)
    scalar, wide = one.scalar, nl.get_scalar("mp:100")
    for index, value in ((0,), 1.0), ((1,), 448.0):
        element = element_of(one, index)
        operands = tuple(element.operands.values())
        assert scalar.to_float(element.apply(scalar, operands)).tolist() == [value]
        assert wide.to_float(element.apply(wide, operands)).tolist() == [[1.1, 500.0][index[0]]]
