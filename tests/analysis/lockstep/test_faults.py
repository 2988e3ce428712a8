"""Injected faults, and crosschecks that name each of them."""

import re

import numpy as np
import pytest

import numlean as nl
from numlean.analysis.lockstep import FaultyScalar
from numlean.analysis.lockstep.replay import StepSnapshot, trace_step
from numlean.analysis.lockstep.run_spec import RunSpec
from numlean.analysis.lockstep.states import RecordingOptimizer, RunState
from numlean.scalar.wrappers.faulty import ARITHMETIC

CAUSES = {
    "order": ["balanced tree", "last to the first"],
    "fma": ["fused"],
    "math": ["torchlean"],
    "flush": ["flushed"],
}
"""Words of which one must explain a fault of a kind."""

STEPS = 4
RNG = np.random.Generator(np.random.Philox(6))


def small_task():
    model = nl.nn.Sequential(
        nl.nn.Linear(3, 5), nl.nn.Tanh(), nl.nn.Linear(5, 4), nl.nn.Sigmoid(), nl.nn.Linear(4, 3)
    )
    return nl.Task.classification(model)


TASK = small_task()
X = RNG.standard_normal((12, 3))
DATA = nl.Dataset.of_arrays(X, np.eye(3)[RNG.integers(0, 3, 12)])
CONFIG = nl.TrainConfig(STEPS, 4, nl.adam(0.05, beta2=0.95))


def compared(fault, a="ieee32exec", b="ieee32exec"):
    faulty = RunSpec.parse(b).with_fault(fault)
    (pair,) = nl.crosscheck(TASK, a, faulty, config=CONFIG, data=DATA).pairs
    return pair


@pytest.fixture(scope="module")
def calls():
    """Return the shapes of each operation's results in a step, call by call."""
    side = RunSpec.parse("ieee32exec")
    stepper = nl.Stepper(side.runner(TASK), RecordingOptimizer(CONFIG.optimizer))
    state = RunState.of(stepper)
    operations, _ = trace_step(
        TASK, CONFIG, side, StepSnapshot(0, state, DATA.batch(range(4)), state)
    )
    shapes = {}
    for op in operations:
        shapes.setdefault(op.operation, []).append(np.shape(op.result))
    return shapes


def random_fault(rng, kind, calls):
    possible = {
        "flip": [name for name in calls if name in ARITHMETIC],
        "order": ["sum", "matmul"],
        "fma": ["matmul"],
        "flush": [name for name in calls if name in ARITHMETIC],
        "math": ["tanh", "sigmoid", "exp", "log"],
    }[kind]
    operation = str(rng.choice(possible))
    call = int(rng.integers(len(calls[operation])))
    return nl.Fault(
        kind,
        operation,
        step=int(rng.integers(STEPS)),
        call=call,
        element=int(rng.integers(np.prod(calls[operation][call]))) if kind == "flip" else 0,
        bit=int(rng.integers(32)) if kind == "flip" else 0,
    )


def test_a_hundred_faults_of_all_kinds_are_each_named_exactly(calls):
    rng = np.random.Generator(np.random.Philox(100))
    kinds = ("flip", "flip", "flip", "order", "fma", "math")
    named = without_effect = 0
    while named < 100:
        fault = random_fault(rng, kinds[(named + without_effect) % len(kinds)], calls)
        pair = compared(fault)
        if pair.identical:  # rounding, or a number that nothing depends on, swallowed it
            without_effect += 1
            continue
        found = pair.divergence
        assert (found.step, found.operation, found.call) == (
            fault.step,
            fault.operation,
            fault.call,
        ), f"{fault}:\n{found}"
        ours, theirs = found.assessments
        assert ours.is_right in (True, None)
        if fault.kind == "flip":
            shape = calls[fault.operation][fault.call]
            place = np.unravel_index(fault.element, shape)
            assert found.element == place, f"{fault}:\n{found}"
            assert found.results[0].bits ^ found.results[1].bits == 1 << fault.bit
        elif theirs.is_right is False:
            assert any(word in cause for cause in theirs.causes for word in CAUSES[fault.kind])
        named += 1
    assert without_effect < 100


def test_a_fault_of_unused_operations_is_never_injected():
    faulty = RunSpec.parse("ieee32exec").with_fault(nl.Fault("fma", "bmm"))
    result = nl.crosscheck(TASK, "float32", faulty, config=CONFIG, data=DATA)
    assert result.identical
    assert not faulty.scalar.injected


def test_injected_faults_are_counted():
    faulty = RunSpec.parse("ieee32exec").with_fault(nl.Fault("fma", "matmul", call=2))
    config = nl.TrainConfig(3, 4, nl.sgd(0.0))
    nl.run_steps(faulty.runner(TASK), config, DATA)
    assert faulty.scalar.injected == {"matmul": 3}


@pytest.mark.parametrize("b", ["float32", "ieee32exec", "bfloat16", "float64"])
def test_a_fault_can_be_injected_into_any_arithmetic_with_encodings(b):
    fault = nl.Fault("flip", "tanh", step=1, call=0, element=3, bit=2)
    found = compared(fault, a=b, b=b).divergence
    assert (found.step, found.operation, found.element) == (1, "tanh", (0, 3))
    assert found.assessments[1].causes[-1] == "bit 2 is flipped"


def test_results_that_are_subnormal_are_flushed_and_named():
    tiny = nl.TrainConfig(2, 4, nl.sgd(1e-38))
    faulty = RunSpec.parse("ieee32exec").with_fault(nl.Fault("flush", "mul"))
    (pair,) = nl.crosscheck(TASK, "float32", faulty, config=tiny, data=DATA).pairs
    found = pair.divergence
    assert (found.operation, found.where) == ("mul", "update")
    assert found.results[1].bits & 0x7FFFFFFF == 0 < found.results[0].bits & 0x7FFFFFFF < 1 << 23
    assert found.assessments[1].causes == ("a subnormal result is flushed to zero",)


def test_a_fault_is_written_as_it_is_read():
    for text in ("flip:operation=mul,step=3,call=0,element=2,bit=7", "fma:step=1", "flush"):
        assert str(nl.Fault.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("melt", ["melt", "flip, order, fma, flush, math"]),
        ("flip:operation=matmull", ["matmull", "matmul"]),
        ("fma:operation=sum", ["sum", "matmul, bmm"]),
        ("flip:bits=3", ["bits", "bit"]),
        ("flip:bit=-3", ["bit=-3"]),
        ("flip:bit=x", ["bit=x"]),
        ("flip bit 3", ["KIND", "flip bit 3"]),
    ],
)
def test_an_invalid_fault_is_refused(text, words):
    with pytest.raises(nl.NumleanError) as error:
        nl.Fault.parse(text)
    assert all(word in str(error.value) for word in words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("dtype", "text"),
    [("mp:24", "flip"), ("ieee32exec", "flip:bit=32"), ("float32", "math"), ("mp:24", "flush")],
)
def test_an_arithmetic_that_does_not_support_a_fault_raises(dtype, text):
    with pytest.raises(nl.NumleanError, match=re.escape(dtype)):
        FaultyScalar(nl.get_scalar(dtype), nl.Fault.parse(text))


def test_a_fault_in_compiled_execution_is_refused():
    with pytest.raises(nl.NumleanError, match="eager"):
        compared(nl.Fault("fma"), b="ieee32exec:compiled")
