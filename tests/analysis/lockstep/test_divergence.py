"""The report of the place where two runs diverge."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean.analysis.lockstep.assessment import exact_of
from numlean.analysis.lockstep.replay import StepSnapshot, trace_step
from numlean.analysis.lockstep.run_spec import RunSpec
from numlean.analysis.lockstep.states import RecordingOptimizer, RunState
from numlean.analysis.trace.elements import element_of
from numlean.autograd import Tape
from numlean.nn import Conv2d, Flatten, Linear, MultiHeadAttention, Residual, Sequential, Tanh
from numlean.training.engine.plan import Recorder
from numlean_kernels.protocol import CopyCall, KernelCall


def test_the_block_is_aligned_and_shows_which_run_differs_from_its_specification():
    fault = nl.Fault("flip", "tanh", step=1, call=0, element=2, bit=20)
    faulty = RunSpec.parse("ieee32exec").with_fault(fault)
    (pair,) = nl.crosscheck("xor", "float32", faulty).pairs
    assert str(pair.divergence) == (
        "step 1, forward, 1 Tanh: binary32 tanh (call 0): B differs from A by 1048576 ulp at"
        " [0, 2]\n"
        "  A is float32, B is ieee32exec with flip:operation=tanh,step=1,call=0,element=2,bit=20\n"
        "  a         0x3f131c03   0 01111110 00100110001110000000011   0.5746462\n"
        "  result A  0x3f04cdac   0 01111110 00001001100110110101100   0.5187633\n"
        "  result B  0x3f14cdac   0 01111110 00101001100110110101100   0.5812633\n"
        "  exact     0.5187632760341732774525693\n"
        "  A as specified, relative error +5.344e-08, +0.4651 ulp of binary32 from the exact"
        " result\n"
        "  B differs from its specification, relative error +0.1205, +1.049e+06 ulp of binary32"
        " from the exact result, as if bit 20 is flipped\n"
        "  A is closer to the exact result"
    )


def a_trace(task, dtype="float32", batch=4, config=None):
    side = RunSpec.parse(dtype)
    config = config or nl.TrainConfig(1, batch, nl.sgd(0.1))
    stepper = nl.Stepper(side.runner(task), RecordingOptimizer(config.optimizer))
    rng = np.random.Generator(np.random.Philox(1))
    shape = task.model.output_shape(task.model.input_shape)
    sample = nl.Sample(
        rng.standard_normal((batch, *task.model.input_shape)), rng.standard_normal((batch, *shape))
    )
    before = RunState.of(stepper)
    loss = stepper.step(sample)
    after = RunState.of(stepper, loss)
    trace, again = trace_step(task, config, side, StepSnapshot(0, before, sample, after))
    return trace, after, again, stepper.runner


MODELS = {
    "perceptron": Sequential(Linear(3, 4), Tanh(), Linear(4, 2)),
    "convolution": Sequential(Conv2d(1, 2, 2), Flatten(), Linear(8, 2), sample_shape=(1, 3, 3)),
    "transformer": Sequential(
        Residual(MultiHeadAttention(4, 2)), Residual(Linear(4, 4)), sample_shape=(3, 4)
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec:compiled", "mp:24"])
@pytest.mark.parametrize("name", MODELS)
def test_a_traced_step_has_the_bits_of_the_step(name, dtype):
    _, after, again, _ = a_trace(nl.Task.regression(MODELS[name]), dtype, batch=2)
    made, repeated = after.numbers, again.numbers
    assert list(made) == list(repeated)
    for what, x in made.items():
        assert x.scalar.to_bytes(x.data) == x.scalar.to_bytes(repeated[what].data), what


def test_a_trace_records_phases_and_layers_in_program_order():
    trace, *_ = a_trace(nl.Task.regression(MODELS["transformer"]))
    places = list(dict.fromkeys(str(each.place) for each in trace))
    forward = [place for place in places if place.startswith("forward")]
    assert forward[:2] == ["forward, 0.0 MultiHeadAttention(4, 2)", "forward, 0 Residual"]
    assert forward[2].startswith("forward, 1.0 Linear")
    assert forward[-1] == "forward, MeanSquaredError"
    backward = [place for place in places if place.startswith("backward, ")]
    names = [place.split(", ", 1)[1] for place in backward]
    assert [name[:3] for name in names if name[0].isdigit()] == ["1.0", "0.0"]
    assert places[0] == "data"
    assert places[-1] == "update"


def test_traces_of_two_arithmetics_have_the_same_operations():
    task = nl.Task.regression(MODELS["transformer"])
    one, *_ = a_trace(task, "float32", batch=2)
    for dtype in ("mp:24", "bfloat16", "e4m3"):
        other, *_ = a_trace(task, dtype, batch=2)
        assert [each.operation for each in one] == [each.operation for each in other]


def test_exact_results_are_those_of_rationals():
    task = nl.Task.regression(MODELS["perceptron"])
    trace, *_ = a_trace(task)
    s = nl.get_scalar("float32")
    seen = set()
    for op in trace:
        if op.operation not in ("add", "sub", "mul", "matmul", "sum"):
            continue
        index = tuple(0 for _ in np.shape(op.result))
        element = element_of(op, index)
        values = [[Fraction(float(v)) for v in x] for x in element.operands.values()]
        expected = {
            "add": lambda a, b: a[0] + b[0],
            "sub": lambda a, b: a[0] - b[0],
            "mul": lambda a, b: a[0] * b[0],
            "sum": lambda a: sum(a),
            "matmul": lambda a, b: sum(x * y for x, y in zip(a, b, strict=True)),
        }[op.operation](*values)
        sign, m, e, _ = exact_of(element, op.operation, s)._mpf_
        assert (-1 if sign else 1) * int(m) * Fraction(2) ** int(e) == expected
        seen.add(op.operation)
    assert len(seen) >= 4


WIDE = Sequential(Linear(128, 129), Tanh(), Linear(129, 2))
"""A model of which some steps run together in blocks, and a product is written transposed."""


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, dtype) for name in MODELS for dtype in ("float32", "ieee32exec", "mp:24")),
        ("wide", "float32"),
    ],
)
def test_a_compiled_step_is_traced_with_the_operands_of_an_eager_one(name, dtype):
    task = nl.Task.regression({**MODELS, "wide": WIDE}[name])
    config = nl.TrainConfig(1, 2, nl.sgd(0.1, 0.9))
    eager, compiled = (
        a_trace(task, side, batch=2, config=config)[0] for side in (dtype, f"{dtype}:compiled")
    )
    assert len(eager) == len(compiled)
    count = 0
    for one, other in zip(eager, compiled, strict=True):
        for x, y in zip(one.operands, other.operands if other else (), strict=False):
            if isinstance(x, np.ndarray):
                assert x.shape == y.shape
                assert x.tobytes() == y.tobytes() if x.dtype != object else (x == y).all()
                count += 1
    assert count > 20


def test_the_right_result_is_reported_for_a_compiled_run():
    faulty = RunSpec.parse("float32").with_fault(nl.Fault("flip", "matmul", step=1, call=0, bit=9))
    (pair,) = nl.crosscheck("xor", "float32:compiled", faulty).pairs
    assert [each.is_right for each in pair.divergence.assessments] == [True, False]


@pytest.mark.parametrize("operation", ["tanh", "mul", "sub"])
def test_a_fault_of_compiled_execution_is_found_in_the_plan(monkeypatch, operation):
    finish = Recorder.finish

    def faulty(self, **arrays):
        plan = finish(self, **arrays)
        operations = list(plan.operations)
        number, place, x = next(
            (k, each.arrays[-1], each.arrays[0])
            for k, each in enumerate(operations)
            if isinstance(each, KernelCall)
            and each.loop.name.endswith(operation)
            and each.arrays[0].shape == each.arrays[-1].shape
        )
        # The operand takes the result's place.
        operations.insert(number + 1, CopyCall(x, place))
        return replace(plan, operations=operations)

    monkeypatch.setattr(Recorder, "finish", faulty)
    (pair,) = nl.crosscheck("xor", "float32", "float32:compiled").pairs
    found = pair.divergence
    assert pair.first_different_step == 1  # the first step is planned, the second replayed
    assert found.operation == operation
    assert found.results[1] == found.operands["a"][0]
    assert found.assessments[1].is_right is False


def test_steps_that_do_not_repeat_are_reported(monkeypatch):
    step, calls = nl.Stepper.step, []

    def unsteady(self, sample):
        loss = step(self, sample)
        calls.append(1)
        if len(calls) == 4:  # the second run's second step, and no replay
            self.runner.params[0].data[0, 0] += 1
        return loss

    monkeypatch.setattr(nl.Stepper, "step", unsteady)
    (pair,) = nl.crosscheck("xor", "float32", RunSpec.parse("float32")).pairs
    assert pair.first_different_step == 1
    assert pair.divergence.operation is None
    assert "gives different numbers when the step is repeated" in str(pair.divergence)
    assert "0.weight at [0, 0]" in str(pair.divergence)


def test_a_tape_of_another_class_sees_every_node():
    seen = []

    class ObservingTape(Tape):
        def record(self, node):
            seen.append(node.primitive.name)
            return super().record(node)

    runner = nl.instantiate(nl.Task.regression(MODELS["perceptron"]), "float32")
    runner.new_tape = ObservingTape
    nl.Stepper(runner, nl.sgd(0.1)).step(nl.Sample(np.ones((2, 3)), np.ones((2, 2))))
    assert seen.count("matmul") == 2
