"""Steps of runs by a policy, traced: the same bits, and each operation with its own Scalar."""

import numpy as np
import pytest

import numlean as nl
from numlean import Batch, nn
from numlean.analysis.lockstep.replay import StepSnapshot, trace_step
from numlean.analysis.lockstep.states import RecordingOptimizer, RunState
from numlean.scalar.operations import OPERATIONS, Result
from numlean.scalar.wrappers.tracing import Trace, TracingScalar

TASK = nl.Task.regression(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)))
CONFIG = nl.TrainConfig(2, 5, nl.adam(0.1))
RNG = np.random.default_rng(3)
BATCH = Batch(RNG.standard_normal((5, 3)), RNG.standard_normal((5, 2)))
DATA = nl.Dataset.of_arrays(*BATCH)


def traced(text, batch=BATCH):
    """Return the operations of a second step, and its numbers as made and as traced."""
    spec = nl.RunSpec.parse(text)
    runner = spec.runner(TASK)
    stepper = nl.Stepper(runner, RecordingOptimizer(CONFIG.optimizer))
    stepper.step(batch)
    before = RunState.of(stepper)
    loss = stepper.step(batch)
    snapshot = StepSnapshot(1, before, batch, RunState.of(stepper, loss))
    operations, after = trace_step(TASK, CONFIG, spec, snapshot)
    again = [runner.precision.adopted(x) for x in after.numbers.values()]
    return operations, list(snapshot.after.numbers.values()), again


POLICIES = ("bf16-mixed", "bf16-mixed,accumulate=exact", "fp16-amp", "tf32", "bf16-sr")
POLICIES += ("fp8-delayed,except.first=tf32",)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_traced_step_has_the_bits_of_the_run(policy):
    operations, made, again = traced(f"policy:{policy}:python")
    assert [(x.scalar.name, x.data.tobytes()) for x in made] == [
        (x.scalar.name, x.data.tobytes()) for x in again
    ]
    for op in operations:
        if OPERATIONS[op.operation].result is Result.NUMBERS:
            assert np.asarray(op.result).dtype == op.scalar.storage_dtype
        assert not isinstance(op.scalar, TracingScalar)
        assert op.scalar.recorder is None


SCALED = (
    "deepseek-v3,weight_scaling=block(2x2),input_scaling=block(1x2),gradient_scaling=block(1x2),"
    "accumulate=blocked(float32, 2, float32)"
)


def test_the_factors_of_scaled_operands_are_those_of_the_step_on_both_engines():
    eager, compiled = (
        [op.product for op in traced(f"policy:{SCALED}:python:{name}")[0] if op and op.product]
        for name in ("eager", "compiled")
    )
    factors = [
        [each.factors.storage.tobytes() for op in ops for each in op.multiplied[:2]]
        for ops in (eager, compiled)
    ]
    assert set(factors[0]) == set(factors[1])
    assert len(set(factors[0])) > 4


def test_a_compiled_step_is_traced_with_the_numbers_of_an_eager_one():
    eager, compiled = (
        traced(f"policy:bf16-mixed:python:{name}")[0] for name in ("eager", "compiled")
    )
    assert len(eager) == len(compiled)
    for one, other in zip(eager, compiled, strict=True):
        if other is None:
            continue
        assert (one.operation, one.scalar) == (other.operation, other.scalar)
        assert np.asarray(one.result).tobytes() == np.asarray(other.result).tobytes()
        assert (one.product is None) == (other.product is None)
        for x, y in zip(one.operands, other.operands, strict=True):
            if isinstance(x, np.ndarray):
                assert x.tobytes() == y.tobytes()
            elif hasattr(x, "recorder"):
                assert x == y
                assert y.recorder is None


def test_a_cast_states_both_scalars_and_a_product_its_rule_and_operands():
    operations, *_ = traced("policy:bf16-mixed:python")
    casts = {
        (op.operands[0].name, op.scalar.name)
        for op in operations
        if op is not None and op.operation == "cast_from"
    }
    assert casts == {("float32", "bfloat16"), ("bfloat16", "float32")}
    products = {id(op.product): op.product for op in operations if op and op.product is not None}
    # Forward, and for the first layer no gradient of the input.
    assert len(products) == 2 + 3
    for product in products.values():
        a, b, *bias = product.operands
        exact = a.scalar.to_float(a.storage) @ b.scalar.to_float(b.storage)
        exact = exact + sum(c.scalar.to_float(c.storage) for c in bias)
        found = product.result.scalar.to_float(product.result.storage)
        assert product.result.scalar.name == "bfloat16"
        np.testing.assert_allclose(found, exact, rtol=0.02, atol=0.02)


def test_wrapped_and_other_scalars_cast_to_each_other():
    plain, trace = nl.get_scalar("float32", "python"), Trace()
    wrapped = TracingScalar(nl.get_scalar("bfloat16", "python"), trace)
    x = nl.Tensor.of(wrapped, [1.0, 0.3])
    z = nl.cast(nl.cast(x, plain), wrapped)
    assert z.scalar is wrapped
    assert z.data.tobytes() == x.data.tobytes()
    (op,) = (op for op in trace.operations if op.operation == "cast_from")
    assert op.scalar is wrapped.inner
    assert op.operands[0] is plain


@pytest.mark.parametrize("policy", ["bf16-mixed", "fp16-amp"])
def test_the_first_number_that_is_not_finite_in_a_run_by_a_policy_has_a_cause(policy):
    batch = Batch(BATCH.x * 1e30, BATCH.y * 1e30)
    runner = nl.instantiate(TASK, nl.policies.get(policy), nl.Options(device="python"))
    stepper = nl.stepper(runner, nl.sgd(0.1))
    texts = []
    check = nl.FiniteCheck("warn", stepper=stepper, report=texts.append)
    check(stepper, stepper.step(batch))
    assert check.first.cause is not None
    assert "overflow" in texts[0]


def test_layers_with_exceptions_are_found_behind_the_layers_that_trace_them():
    runs = [f"policy:bf16-mixed,except.{name}=tf32:python" for name in ("last", "2 Linear")]
    assert nl.crosscheck(TASK, *runs, config=CONFIG, data=DATA).identical
    other = nl.crosscheck(TASK, runs[0], "policy:bf16-mixed:python", config=CONFIG, data=DATA)
    assert other.pairs[0].divergence.where == "forward, copy of 2.weight"
