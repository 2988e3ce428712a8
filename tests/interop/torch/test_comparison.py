"""The table of PyTorch's operations, and trainings by its own modules."""

import math

import numpy as np
import pytest

from numlean import (
    NumleanError,
    Reduction,
    Task,
    Tensor,
    adam,
    adamw,
    clip_by_value,
    get_scalar,
    get_task,
    instantiate,
    losses,
    nn,
    sgd,
    steps,
)
from numlean.autograd.indices import INDEX
from numlean.data import Dataset, minibatches
from numlean.interop.torch import compare, drift, to_loss, to_module, to_optimizer, to_torch
from numlean.interop.torch.distances import differing, ulps
from numlean.nn.layer import Context, Mode
from numlean.training import initial_parameters

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

OURS, WIDE = get_scalar("float32"), get_scalar("float64")
RNG = np.random.default_rng(223)
TASK = Task.regression(nn.Sequential(nn.Linear(1, 1), nn.Tanh()))
DATA = Dataset.of_arrays([[0.7], [0.4]], [[1.0], [0.5]])
"""Sums of one term only: every operation but tanh is correctly rounded in PyTorch, too."""


def rows(comparison):
    return {(row.phase, row.kind): row for row in comparison.rows}


def test_only_the_operation_that_differs_has_a_count_and_it_is_shown_first(monkeypatch):
    off = lambda x: torch.from_numpy(OURS.next_up(OURS.tanh(x.numpy())))  # noqa: E731
    monkeypatch.setattr(torch, "tanh", off)
    # Batches of one sample: PyTorch adds two products with one rounding less on some processors.
    found = compare(TASK, steps=3, config=steps(3, batch_size=1), data=DATA)
    differing_rows = [row for row in found.rows if row.differing]
    (tanh,) = differing_rows
    assert (tanh.phase, tanh.kind, tanh.calls) == ("forward", "tanh", 3)
    assert (tanh.elements, tanh.differing, tanh.share) == (3, 3, 1.0)
    assert (tanh.max_ulp, tanh.mean_ulp) == (1.0, 1.0)
    assert tanh.first is found.first
    assert (found.first.step, found.first.operation, found.first.element) == (0, "tanh", (0, 0))
    assert [judgement.is_right for judgement in found.first.assessments] == [True, False]
    assert not found.identical
    assert str(found.first) in str(found)


def test_where_pytorch_rounds_correctly_nothing_differs(monkeypatch):
    monkeypatch.setattr(torch, "tanh", lambda x: torch.from_numpy(OURS.tanh(x.numpy())))
    found = compare(TASK, config=steps(1), data=DATA)
    assert found.identical
    assert all(row.differing == row.max_ulp == row.mean_ulp == 0 for row in found.rows)
    assert len({len(line) for line in str(found).splitlines()[1:]}) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_product_s_figures_are_those_of_a_count_by_hand(dtype):
    named, scalar = get_task("iris"), get_scalar(dtype)
    found = rows(compare(named, dtype=dtype))["forward", "matmul 16x4x16"]
    config = named.config()
    x = next(minibatches(named.train_data_for(scalar), config.batch_size, seed=config.seed)).x
    x = x.data if isinstance(x, Tensor) else scalar.from_float(x)
    w = scalar.from_float(initial_parameters(named.task, 0)[0])
    ours = scalar.from_float(np.zeros((16, 16)))
    for k in range(4):
        ours = ours + x[:, k : k + 1] * w.T[k : k + 1]
    theirs = (torch.from_numpy(x) @ torch.from_numpy(w).T).numpy()
    bits = {"float32": np.int32, "float64": np.int64}[dtype]
    different = ours.view(bits) != theirs.view(bits)
    assert np.array_equal(np.sign(ours), np.sign(theirs))
    distances = np.abs(ours.view(bits).astype(object) - theirs.view(bits))
    assert (found.calls, found.elements) == (1, 256)
    assert (found.differing, found.max_ulp) == (different.sum(), distances.max())
    assert found.mean_ulp == pytest.approx(distances.sum() / 256)


def test_kinds_contain_extents_of_products_and_numbers_of_terms():
    kinds = set(rows(compare("digits-cnn")))
    assert {("forward", "matmul 8x9x2048"), ("forward", "max of 4")} < kinds
    assert {("forward", "sum of 10"), ("update", "sqrt")} < kinds


def test_zeros_of_two_signs_differ_by_no_ulp_and_nans_are_one_number():
    x = np.float32([1, 0.0, np.nan, np.nan, -1e-45, np.inf])
    y = np.float32([1 + 2**-23, -0.0, -np.nan, 1, 1e-45, 3.4028235e38])
    assert differing(OURS, x, y).tolist() == [True, True, False, True, True, True]
    assert ulps(OURS, x, y).tolist() == [1, 0, 0, math.inf, 2, 1]
    far = ulps(WIDE, np.float64([-np.inf]), np.float64([np.inf]))
    assert far.tolist() == [2.0 * 0x7FF0000000000000]
    flags = np.array([True, False])
    assert differing(OURS, flags, ~flags).all()
    assert ulps(OURS, flags, ~flags).tolist() == [0, 0]


LAYERS = {
    "Linear": (nn.Linear(5, 3), (4, 5)),
    "Conv2d": (nn.Conv2d(2, 3, (3, 2), (2, 1), 1), (2, 2, 6, 5)),
    "MaxPool2d": (nn.MaxPool2d(3, 2, 1), (2, 2, 6, 5)),
    "AvgPool2d": (nn.AvgPool2d((2, 3), padding=1), (2, 2, 6, 5)),
    "Flatten": (nn.Flatten(), (2, 3, 4)),
    "Reshape": (nn.Reshape(2, 6), (2, 3, 4)),
    "LayerNorm": (nn.LayerNorm(7), (3, 7)),
    "LayerNorm without bias": (nn.LayerNorm(7, 1e-3, bias=False), (3, 7)),
    "RMSNorm": (nn.RMSNorm(7, 1e-4, elementwise_affine=False), (3, 7)),
    "GELU": (nn.GELU(), (3, 7)),
    "GELU, tanh": (nn.GELU(approximate="tanh"), (3, 7)),
    **{
        layer.name: (layer, (3, 7))
        for layer in (
            *(nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.Softplus(), nn.SiLU()),
            *(nn.Softmax(), nn.LogSoftmax()),
        )
    },
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_s_counterpart_computes_the_same_function(name):
    layer, shape = LAYERS[name]
    task = Task.regression(nn.Sequential(layer))
    runner = instantiate(task, "float64")
    module, _ = to_torch(task, runner)
    x = RNG.standard_normal(shape)
    ours = task.model(runner.params, Tensor.of(WIDE, x), Context(Mode.TRAIN)).to_float()
    assert np.allclose(module(torch.tensor(x)).detach().numpy(), ours, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize("shape", [(4, 3), (2, 5, 3)])
def test_a_loss_s_counterpart_computes_the_same_number(reduction, shape):
    x, y = RNG.standard_normal(shape), RNG.uniform(0, 1, shape)
    labels = RNG.integers(0, 3, shape[:-1])
    makes = (losses.mse, losses.bce_with_logits, losses.cross_entropy_one_hot)
    cases = [(make(reduction=reduction), Tensor.of(WIDE, y), y) for make in makes]
    cases.append((losses.cross_entropy(reduction=reduction), Tensor(INDEX, labels), labels))
    for loss, ours, theirs in cases:
        value = to_loss(loss)(torch.tensor(x), torch.tensor(theirs))
        assert value.item() == pytest.approx(loss(Tensor.of(WIDE, x), ours).item(), rel=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_module_has_the_runner_s_parameters_bit_for_bit_and_by_name(dtype):
    task = get_task("digits-cnn").task
    runner = instantiate(task, dtype)
    module, _ = to_torch(task, runner)
    named = dict(module.named_parameters())
    assert list(named) == [spec.name for spec in task.model.parameters]
    for p, q in zip(runner.params, named.values(), strict=True):
        assert p.data.tobytes() == q.detach().numpy().tobytes()
        assert not np.shares_memory(p.data, q.detach().numpy())


def test_layers_without_a_counterpart_are_named_in_one_line():
    module = to_module(nn.Linear(2, 1))
    clipped = clip_by_value(sgd(0.1), 1.0)
    uses = {
        r"layer GRU\(3, 4\)": lambda: to_module(nn.Sequential(nn.GRU(3, 4))),
        "layer Dropout": lambda: to_module(nn.Dropout(0.5)),
        "loss NegativeLogLikelihoodOneHot": lambda: to_loss(losses.nll_one_hot()),
        "optimizer ClipByValue": lambda: to_optimizer(clipped, module),
        "config= and data=": lambda: drift(TASK),
        "bfloat16": lambda: drift("xor", dtype="bfloat16"),
    }
    for words, use in uses.items():
        with pytest.raises(NumleanError, match=words) as caught:
            use()
        assert "\n" not in str(caught.value)


def test_a_training_of_exact_numbers_has_the_same_bits_in_pytorch_s_modules():
    task = Task.regression(nn.Sequential(nn.Linear(1, 1)))
    start = instantiate(task, "float32")
    w = start.params[0].item()
    data = Dataset.of_arrays([[1.0]], [[w + 0.25]])
    found = drift(task, steps=4, config=steps(4, optimizer=sgd(0.25)), data=data)
    assert found.identical
    assert all(step.max_ulp == step.differing == 0 for step in found.steps)
    assert all(step.parameter == "" and step.loss == step.their_loss for step in found.steps)
    assert len(str(found).splitlines()) == 5


OPTIMIZERS = [
    sgd(0.1, 0.9, nesterov=True, weight_decay=0.01),
    adam(0.01, 0.8, 0.95, 1e-6),
    adamw(0.01, 0.1),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: type(optimizer).__name__)
def test_trainings_in_binary64_stay_together_within_few_ulp_at_first(optimizer):
    named = get_task("iris")
    config = steps(5, batch_size=16, optimizer=optimizer).step_lr(0.05, 2)
    found = drift(named, steps=5, dtype="float64", config=config)
    for step in found.steps:
        assert step.their_loss == pytest.approx(step.loss, rel=1e-12)
    assert len(found.steps) == 5


@pytest.mark.parametrize("name", ["digits", "digits-cnn", "sine", "diabetes", "wine"])
def test_bundled_tasks_are_trained_by_pytorch_s_modules(name):
    found = drift(name, steps=2, dtype="float64")
    assert all(step.their_loss == pytest.approx(step.loss, rel=1e-9) for step in found.steps)
    if found.first is not None:
        assert f"at {found.first.parameter}[" in str(found)
        assert found.first.ours != found.first.theirs
        assert found.steps[found.first.step].max_ulp >= 1
