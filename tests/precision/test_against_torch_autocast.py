"""The policy bf16-mixed next to torch.autocast on the CPU, layer by layer on the same numbers.

Weights and inputs are small dyadic numbers, so that the sums of products are exact in float32: the
order in which PyTorch's libraries add has no influence.
"""

import ml_dtypes
import numpy as np
import pytest

from numlean import Options, Task, instantiate, losses, nn
from numlean.nn.layer import Context, Mode, split_parameters
from numlean.precision import policies

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

RNG = np.random.default_rng(2)
X = RNG.integers(-16, 17, (8, 16)) / 8.0
INWARD, OUTWARD = RNG.integers(-16, 17, (12, 16)) / 16.0, RNG.integers(-16, 17, (5, 12)) / 16.0


def ours(*layers):
    """Return the output of each layer, and the mean cross-entropy of the last one with class 0."""
    task = Task(nn.Sequential(*layers), losses.cross_entropy())
    weights = {INWARD.shape: INWARD, OUTWARD.shape: OUTWARD}
    initial = {
        spec.name: weights.get(spec.shape, np.full(spec.shape, spec.name.endswith("weight") * 1.0))
        for spec in task.model.parameters
    }
    runner = instantiate(
        task, policies.get("bf16-mixed"), Options(device="python"), initial=initial
    )
    arithmetics = runner.precision.layers
    copies = runner.precision.copies(task.model.parameters, runner.params)
    x, outputs = runner.tensor(X), []
    for k, (layer, own) in enumerate(split_parameters(layers, copies)):
        x = layer(own, x, Context(Mode.EVAL, path=(k,), arithmetics=arithmetics))
        outputs.append(x)
    loss = task.loss_of(Context(Mode.EVAL, arithmetics=arithmetics), x, labels(task))
    return [(t.dtype, t.to_float()) for t in (*outputs, loss)]


def labels(task):
    return task.loss.read_labels(np.zeros(len(X), int))


def theirs(*modules):
    """Return the same of PyTorch's modules in autocast."""
    linear = [module for module in modules if isinstance(module, torch.nn.Linear)]
    x, outputs = torch.tensor(X, dtype=torch.float32), []
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for module, weight in zip(linear, (INWARD, OUTWARD), strict=True):
            module.weight.copy_(torch.tensor(weight))
        for module in modules:
            x = module(x)
            outputs.append(x)
        loss = torch.nn.functional.cross_entropy(x, torch.zeros(len(X), dtype=torch.long))
    return [(str(t.dtype).removeprefix("torch."), t.double().numpy()) for t in (*outputs, loss)]


def first_difference(mine, others):
    """Return the first operation whose output differs in its format or its numbers."""
    for k, ((dtype, x), (other, y)) in enumerate(zip(mine, others, strict=True)):
        if dtype != other or not np.array_equal(x, y):
            return k
    return None


def assert_rounded_to_bfloat16(mine, other):
    """Assert that PyTorch's numbers are ours in bfloat16, within its last digit."""
    (dtype, x), (narrow, y) = mine, other
    assert (dtype, narrow) == ("float32", "bfloat16")
    assert not np.array_equal(x, y)
    rounded = x.astype(ml_dtypes.bfloat16).astype(np.float64)
    assert np.all(np.abs(y - rounded) <= 2.0**-7 * np.maximum(np.abs(rounded), 2.0**-7))


def test_the_first_operation_that_differs_is_a_layer_norm_that_pytorch_keeps_in_bfloat16():
    mine = ours(
        nn.Linear(16, 12, bias=False),
        nn.ReLU(),
        nn.LayerNorm(12),
        nn.Linear(12, 5, bias=False),
        nn.LogSoftmax(),
    )
    others = theirs(
        torch.nn.Linear(16, 12, bias=False),
        torch.nn.ReLU(),
        torch.nn.LayerNorm(12),
        torch.nn.Linear(12, 5, bias=False),
        torch.nn.LogSoftmax(-1),
    )
    assert first_difference(mine, others) == 2
    assert_rounded_to_bfloat16(mine[2], others[2])


def test_without_norms_it_is_a_softmax_that_pytorch_keeps_in_bfloat16():
    # The second product adds numbers of the first, rounded to 8 bits: its sums are exact, too.
    mine = ours(
        nn.Linear(16, 12, bias=False), nn.ReLU(), nn.Linear(12, 5, bias=False), nn.Softmax()
    )
    others = theirs(
        torch.nn.Linear(16, 12, bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(12, 5, bias=False),
        torch.nn.Softmax(-1),
    )
    assert first_difference(mine, others) == 3
    assert_rounded_to_bfloat16(mine[3], others[3])


def test_without_softmax_only_the_loss_differs_by_a_few_units_of_float32():
    mine = ours(nn.Linear(16, 12, bias=False), nn.ReLU(), nn.Linear(12, 5, bias=False))
    others = theirs(
        torch.nn.Linear(16, 12, bias=False), torch.nn.ReLU(), torch.nn.Linear(12, 5, bias=False)
    )
    assert first_difference(mine, others) in (3, None)
    (dtype, loss), (other, theirs_loss) = mine[-1], others[-1]
    assert dtype == other == "float32"
    assert abs(loss - theirs_loss) <= 8 * np.spacing(np.float32(loss))
