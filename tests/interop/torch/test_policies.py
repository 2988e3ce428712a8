"""Runs by a policy next to torch.autocast: layer by layer, and as whole trainings.

Numbers are small dyadic ones where bits are compared, so that sums of products are exact in float32
in any order.
"""

import numpy as np
import pytest

import numlean as nl
from numlean import losses, nn
from numlean.interop.torch import compare, drift, from_torch
from numlean.interop.torch.tensors import our_tensor, their_tensor

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

RNG = np.random.default_rng(7)
BF16, FP16 = nl.policies.get("bf16-mixed"), nl.policies.get("fp16-amp")
DATA = nl.Dataset.of_arrays(RNG.integers(-8, 9, (8, 6)) / 8.0, RNG.integers(0, 3, 8))
CONFIG = nl.steps(1, batch_size=8, optimizer=nl.sgd(0.125))
WAY = {"config": CONFIG, "data": DATA, "device": "python"}


def task_of(*layers):
    return nl.Task(nn.Sequential(*layers), losses.cross_entropy())


@pytest.fixture(autouse=True)
def dyadic_weights(monkeypatch):
    """Start weights from multiples of 1/16 instead of random numbers."""
    uniform = nn.linear.xavier_uniform
    rounded = lambda draw, shape: np.round(uniform(draw, shape) * 16) / 16  # noqa: E731
    monkeypatch.setattr(nn.linear, "xavier_uniform", rounded)


def rows(comparison):
    return {(row.phase, row.layer, row.part): row for row in comparison.rows}


def test_the_first_difference_is_a_layer_norm_that_pytorch_leaves_in_bfloat16():
    model = (nn.Linear(6, 4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 3))
    found = compare(task_of(*model), dtype=BF16, **WAY)
    first = found.first
    assert (first.step, first.phase, first.layer) == (0, "forward", "2 LayerNorm(4)")
    assert (first.part, first.ours.format.name, first.theirs.format.name) == (
        *("output", "binary32", "bfloat16"),
    )
    assert "leaves LayerNorm(4) in the type of its input on the CPU" in first.cause
    assert "as if computed in float32 and rounded once to bfloat16 (all " in first.cause
    for layer in ("0 Linear(6, 4)", "1 ReLU"):
        assert rows(found)["forward", layer, "output"].differing == 0
    assert rows(found)["backward", "3 Linear(4, 3)", "gradient of weight"].their_dtype == "float32"
    assert str(found.first) in str(found)


def test_a_layer_s_numbers_are_those_of_its_module_on_the_operands_of_the_run():
    found = compare(task_of(nn.Linear(6, 4), nn.Softmax(), nn.Linear(4, 3)), dtype=BF16, **WAY)
    assert found.first.layer == "1 Softmax"
    batch = next(nl.data.minibatches(DATA, 8, seed=CONFIG.seed))
    runner = nl.instantiate(task_of(nn.Linear(6, 4)), BF16, nl.Options(device="python", seed=0))
    z = their_tensor(runner.predict(batch.x))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        theirs = torch.softmax(z, -1).float().numpy()
        ours = torch.softmax(z.float(), -1).numpy()
    place = found.first.element
    assert float(found.first.theirs.text) == pytest.approx(theirs[place], rel=2**-8)
    assert float(found.first.ours.text) == pytest.approx(ours[place], rel=2**-20)
    assert float(found.first.reference.text) == pytest.approx(ours[place], rel=2**-20)
    assert ours[place] != theirs[place]
    row = rows(found)["forward", "1 Softmax", "output"]
    assert (row.calls, row.elements, row.differing) == (1, 32, np.sum(ours != theirs))


def test_a_gradient_that_numlean_rounds_after_each_operation_is_named_as_such():
    found = rows(compare(task_of(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3)), dtype=BF16, **WAY))
    row = found["backward", "1 Tanh", "gradient of input"]
    cause = "as if its gradient were computed in float32 from the output in bfloat16 (all "
    assert 0 < row.differing < row.elements
    assert cause in row.first.cause


def test_narrow_sums_of_numlean_are_the_cause_if_exact_ones_give_pytorch_s_numbers():
    policy = nl.policies.get("bf16-mixed", forward__accumulate="ordered(bfloat16)")
    data = nl.Dataset.of_arrays(RNG.integers(-64, 65, (8, 6)) / 64.0, RNG.integers(0, 3, 8))
    found = compare(task_of(nn.Linear(6, 3)), dtype=policy, **{**WAY, "data": data})
    assert (found.first.layer, found.first.part) == ("0 Linear(6, 3)", "output")
    assert "as if accumulate=exact (all " in found.first.cause


def test_an_altered_function_of_pytorch_has_no_cause_in_numlean(monkeypatch):
    monkeypatch.setattr(torch.nn.functional, "relu", lambda x, inplace=False: x + 3)
    found = compare(task_of(nn.Linear(6, 3), nn.ReLU()), dtype=BF16, **WAY)
    assert (found.first.layer, found.identical) == ("1 ReLU", False)
    assert found.first.cause.startswith("other functions or another order of sums, not as if")
    row = rows(found)["forward", "1 ReLU", "output"]
    assert (row.differing, row.share) == (24, 1.0)


def test_tensors_of_every_format_are_exchanged_bit_for_bit():
    for dtype in ("bfloat16", "binary16", "float32", "float64"):
        x = nl.Tensor.of(nl.get_scalar(dtype, "python"), [1.0, -0.0, np.inf, np.nan, 1e-40, 0.1])
        z = their_tensor(x)
        assert str(z.dtype) == f"torch.{ {'binary16': 'float16'}.get(dtype, dtype) }"
        assert z.double().numpy().tobytes() == x.to_float().tobytes()
        back = our_tensor(z, "python")
        assert back.scalar == x.scalar
        assert np.array_equal(back.scalar.to_bits(back.data), x.scalar.to_bits(x.data))


@pytest.mark.parametrize("scaling", ["dynamic(3e38, interval=2)", "static(1024)", "none"])
def test_a_training_with_a_gradient_scaler_skips_and_updates_in_the_same_steps(scaling):
    task = nl.Task.regression(nn.Sequential(nn.Linear(1, 1)))
    data = nl.Dataset.of_arrays([[1.0]], [[4.0]])
    config = nl.steps(10, optimizer=nl.sgd(0.25))
    policy = nl.policies.get("fp16-amp", loss_scaling=scaling)
    found = drift(task, steps=10, dtype=policy, config=config, data=data, device="python")
    assert found.dtype.startswith("policy:fp16-amp")
    assert found.identical
    seen = [step.loss for step in found.steps]
    assert seen == [step.their_loss for step in found.steps]
    # 3e38 is halved until the scaled cotangent is finite in binary16; no step moves before.
    assert (seen[0] == seen[5]) == scaling.startswith("dynamic")


def test_an_imported_network_runs_by_a_policy():
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    runner = from_torch(module).runner(losses.mse(), BF16, nl.Options(device="python"))
    assert runner.precision.policy == BF16
    x = RNG.integers(-4, 5, (5, 3)) / 4.0
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        theirs = module(torch.tensor(x, dtype=torch.float32)).float().numpy()
    assert np.allclose(runner.predict(x).to_float(), theirs, rtol=2**-6, atol=2**-7)
    for (_, p), q in zip(runner.named_parameters, module.parameters(), strict=True):
        assert np.array_equal(p.to_float(), q.detach().double().numpy())


def test_a_uniform_policy_is_compared_as_its_dtype():
    task = nl.Task.regression(nn.Sequential(nn.Linear(1, 1)))
    data = nl.Dataset.of_arrays([[1.0]], [[4.0]])
    found = compare(task, dtype=nl.Policy.uniform("float32"), config=nl.steps(1), data=data)
    assert type(found).__name__ == "TorchComparison"


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (nl.policies.get("bf16-sr"), "parameters=float32, not bfloat16@round=stochastic"),
        (nl.policies.get("bf16-mixed", reductions="bfloat16"), "reductions=float32, not bfloat16"),
        (nl.policies.get("fp8-current"), "only their fields accumulate and loss_scaling"),
        (BF16.with_exceptions({"last": FP16}), "no exceptions for layers"),
    ],
)
def test_policies_without_a_counterpart_are_refused_in_one_line(policy, words):
    for use in (compare, drift):
        with pytest.raises(nl.NumleanError, match=words) as caught:
            use(task_of(nn.Linear(6, 3)), dtype=policy, config=CONFIG, data=DATA)
        assert "\n" not in str(caught.value)
