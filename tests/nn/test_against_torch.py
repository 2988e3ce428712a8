"""Outputs and gradients in float64 compared with PyTorch's, and both with 200 bits.

Shapes are random; inputs, cotangents and, for the second set of rows, parameters are standard
normal. ``pytest -s`` prints the table; ``Comparison`` defines its units. Every gradient, by a
parameter or by the input, is an array with a unit of its own.

No number of a layer that is as it starts is far from PyTorch's. With standard normal parameters
some layers are badly conditioned (a softmax of scores in the tens, a recurrence that expands): both
are many units from the truth there, and are compared by root mean square.
"""

import numpy as np
import pytest

from numlean import Tensor, get_scalar, losses, nn
from numlean.autograd import value_and_gradient
from numlean.autograd.indices import INDEX
from numlean.losses import Reduction
from numlean.nn.layer import Context, Mode
from numlean.rng import UniformStream

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

S, TRUTH = get_scalar("float64"), get_scalar("mp:200")
DRAWS, LOSS_DRAWS = range(8), range(24)


def generator(*key):
    return np.random.Generator(np.random.Philox(key))


def sizes(rng, count, low=2, high=5):
    return tuple(int(n) for n in rng.integers(low, high + 1, count))


def conv2d(rng):
    channels, out = sizes(rng, 2)
    kernel, stride = sizes(rng, 2, 1, 3), sizes(rng, 2, 1, 2)
    padding, image = sizes(rng, 2, 0, 2), sizes(rng, 2, 3, 7)
    arguments = (channels, out, kernel, stride, padding)
    return nn.Conv2d(*arguments), torch.nn.Conv2d(*arguments), (channels, *image)


def conv2d_with_options(rng):
    groups, *channels = sizes(rng, 3, 1, 3)
    channels = [groups * n for n in channels]
    kernel, stride, dilation = (sizes(rng, 2, 1, 3) for _ in range(3))
    padding, image = sizes(rng, 2, 0, 2), sizes(rng, 2, 7, 9)
    arguments = (*channels, kernel, stride, padding, dilation, groups, bool(rng.integers(2)))
    return nn.Conv2d(*arguments), torch.nn.Conv2d(*arguments), (channels[0], *image)


def max_pool(rng):
    kernel, stride = sizes(rng, 2, 2, 3), sizes(rng, 2, 1, 3)
    arguments = (kernel, stride, sizes(rng, 2, 0, 1))
    return nn.MaxPool2d(*arguments), torch.nn.MaxPool2d(*arguments), (2, *sizes(rng, 2, 3, 7))


def avg_pool(rng):
    kernel, stride = sizes(rng, 2, 2, 3), sizes(rng, 2, 1, 3)
    arguments = (kernel, stride, sizes(rng, 2, 0, 1))
    return nn.AvgPool2d(*arguments), torch.nn.AvgPool2d(*arguments), (2, *sizes(rng, 2, 3, 7))


def smooth_max_pool(rng):
    class Pool(torch.nn.Module):
        def forward(self, x):
            flat = torch.nn.functional.unfold(x, 2, stride=2).reshape(*x.shape[:2], 4, -1)
            return torch.logsumexp(3 * flat, 2).reshape(*x.shape[:2], x.shape[2] // 2, -1) / 3

    channels, *image = sizes(rng, 3, 2, 7)
    return nn.SmoothMaxPool2d(2, beta=3.0), Pool(), (channels, *image)


def linear(rng):
    features, out, time = sizes(rng, 3)
    return nn.Linear(features, out), torch.nn.Linear(features, out), (time, features)


def batch_norm(rng):
    channels, *image = sizes(rng, 3, 2, 5)
    return nn.BatchNorm(channels), torch.nn.BatchNorm2d(channels), (channels, *image)


def layer_norm(rng):
    features, time = sizes(rng, 2, 3, 9)
    return nn.LayerNorm(features), torch.nn.LayerNorm(features), (time, features)


def rms_norm(rng):
    features, time = sizes(rng, 2, 3, 9)
    return nn.RMSNorm(features), torch.nn.RMSNorm(features, eps=1e-5), (time, features)


def recurrent(ours, theirs):
    def make(rng):
        features, hidden, time = sizes(rng, 3)
        return ours(features, hidden), theirs(features, hidden, batch_first=True), (time, features)

    return make


def stacked(ours, theirs):
    def make(rng):
        features, hidden, time = sizes(rng, 3)
        options = {
            "num_layers": int(rng.integers(1, 3)),
            "bidirectional": bool(rng.integers(2)),
            "bias": bool(rng.integers(2)),
        }
        module = theirs(features, hidden, batch_first=True, **options)
        return ours(features, hidden, **options), module, (time, features)

    return make


def attention(causal, *, bias=True):
    def make(rng):
        heads, d, time = sizes(rng, 3, 2, 4)
        theirs = torch.nn.MultiheadAttention(heads * d, heads, bias=bias, batch_first=True)
        ours = nn.MultiHeadAttention(heads * d, heads, causal, bias=bias)
        return ours, theirs, (time, heads * d)

    return make


def elementwise(ours, theirs):
    return lambda rng: (ours, theirs, sizes(rng, 2, 2, 6))


STACKS = {
    "RNN in stacks": stacked(nn.RNN, torch.nn.RNN),
    "GRU in stacks": stacked(nn.GRU, torch.nn.GRU),
    "LSTM in stacks": stacked(nn.LSTM, torch.nn.LSTM),
}
"""Layers whose errors the next layer passes on: they are compared by root mean square only."""

WITH_PARAMETERS = {
    "Conv2d": conv2d,
    "Conv2d with options": conv2d_with_options,
    "Linear": linear,
    "BatchNorm": batch_norm,
    "LayerNorm": layer_norm,
    "RMSNorm": rms_norm,
    "RNN": recurrent(nn.RNN, torch.nn.RNN),
    "GRU": recurrent(nn.GRU, torch.nn.GRU),
    "LSTM": recurrent(nn.LSTM, torch.nn.LSTM),
    **STACKS,
    "MultiHeadAttention": attention(False),
    "MultiHeadAttention without bias": attention(False, bias=False),
    "causal MultiHeadAttention": attention(True),
}

LAYERS = WITH_PARAMETERS | {
    "MaxPool2d": max_pool,
    "AvgPool2d": avg_pool,
    "SmoothMaxPool2d": smooth_max_pool,
    "Softmax": elementwise(nn.Softmax(), torch.nn.Softmax(-1)),
    "LogSoftmax": elementwise(nn.LogSoftmax(), torch.nn.LogSoftmax(-1)),
    "GELU": elementwise(nn.GELU(), torch.nn.GELU()),
    "GELU by tanh": elementwise(nn.GELU(approximate="tanh"), torch.nn.GELU(approximate="tanh")),
    "SiLU": elementwise(nn.SiLU(), torch.nn.SiLU()),
    "Softplus": elementwise(nn.Softplus(), torch.nn.Softplus()),
}

LOSSES = {
    "mse": (losses.mse, torch.nn.MSELoss),
    "cross_entropy_one_hot": (losses.cross_entropy_one_hot, torch.nn.CrossEntropyLoss),
    "cross_entropy": (losses.cross_entropy, torch.nn.CrossEntropyLoss),
    "bce": (losses.bce, torch.nn.BCELoss),
    "bce_with_logits": (losses.bce_with_logits, torch.nn.BCEWithLogitsLoss),
}


def load(module, values):
    state = {name: torch.tensor(value) for name, value in values.items()}
    assert not module.double().load_state_dict(state, strict=False).unexpected_keys


def their_output(layer, module, x):
    if isinstance(layer, nn.MultiHeadAttention):
        time = x.shape[1]
        later = torch.full((time, time), -torch.inf, dtype=torch.float64).triu(1)
        mask = later if layer.causal else None
        return module(x, x, x, need_weights=False, attn_mask=mask)[0]
    z = module(x)
    return z[0] if isinstance(z, tuple) else z


def run_theirs(layer, module, values, x, cotangent):
    """Return the output, then the gradients by the parameters and the input."""
    load(module, values)
    x = torch.tensor(x, requires_grad=True)
    z = their_output(layer, module, x)
    z.backward(torch.tensor(cotangent))
    named = dict(module.named_parameters())
    trained = [named[spec.name] for spec in layer.parameters if spec.is_trainable]
    return [z.detach().numpy(), *(p.grad.numpy() for p in (*trained, x))]


def run_ours(layer, values, x, cotangent, scalar):
    """Return the same, as tensors."""
    trainable_parameters = [spec.name for spec in layer.parameters if spec.is_trainable]
    tensors = {name: Tensor.of(scalar, value) for name, value in values.items()}
    outputs = []

    def number(given):
        parameters = (tensors | dict(zip(trainable_parameters, given, strict=False))).values()
        outputs.append(layer([*parameters], given[-1], Context(Mode.TRAIN)))
        return (outputs[0] * Tensor.of(scalar, cotangent)).sum()

    given = [*(tensors[name] for name in trainable_parameters), Tensor.of(scalar, x)]
    gradients = value_and_gradient(number, given)[1]
    return [*outputs, *gradients]


def initial(layer, rng):
    """Return the initial values of parameters and buffers, by name."""
    uniform = UniformStream(int(rng.integers(2**32)))
    return {spec.name: spec.initial(uniform, spec.shape) for spec in layer.parameters}


def standard_normal(layer, rng):
    """Return the same, with standard normal parameters."""
    shapes = {spec.name: spec.shape for spec in layer.parameters if spec.is_trainable}
    drawn = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return initial(layer, rng) | drawn


def compare(comparison, name, values_of, suffix=""):
    """Add and check rows for the output and the gradients of a layer."""
    rows = [f"{name}{suffix}: {what}" for what in ("output", "gradients")]
    for draw in DRAWS:
        rng = generator(draw, 107)
        layer, module, shape = LAYERS[name](rng)
        batch = rng.integers(1, 4)
        values, x = values_of(layer, rng), rng.standard_normal((batch, *shape))
        cotangent = rng.standard_normal((batch, *layer.output_shape(shape)))
        ours, truth = (run_ours(layer, values, x, cotangent, s) for s in (S, TRUTH))
        theirs = run_theirs(layer, module, values, x, cotangent)
        for k, (a, b, c) in enumerate(zip(ours, theirs, truth, strict=True)):
            comparison.add(rows[min(k, 1)], a.to_float(), b, c)
    return rows


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in STACKS])
def test_a_layer_s_outputs_and_gradients_are_pytorch_s_within_a_few_ulp(name, comparison):
    for row in compare(comparison, name, initial):
        comparison.assert_close(row)


@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_a_layer_of_normal_parameters_is_as_accurate_as_pytorch_s(name, comparison):
    for row in compare(comparison, name, standard_normal, ", normal"):
        comparison.assert_alike(row)


def loss_of(loss, x, target, scalar):
    """Return a loss and its gradient."""
    y = Tensor(INDEX, target) if loss.takes_labels else Tensor.of(scalar, target)
    value, gradients = value_and_gradient(lambda given: loss(given[0], y), [Tensor.of(scalar, x)])
    return [value, *gradients]


def examples(name, rng):
    """Return predictions and targets that a loss takes."""
    shape = sizes(rng, 2, 2, 7)
    x = rng.standard_normal(shape)
    if name == "cross_entropy":
        return x, rng.integers(0, shape[1], shape[0])
    if name == "mse":
        return x, rng.standard_normal(shape)
    return (1 / (1 + np.exp(-x)) if name == "bce" else x), rng.uniform(0, 1, shape)


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_are_pytorch_s_within_a_few_ulp(name, reduction, comparison):
    make, module = LOSSES[name]
    rows = [f"{name}, {reduction.value}: {what}" for what in ("value", "gradient")]
    loss, their_loss = make(reduction=reduction), module(reduction=reduction.value)
    for draw in LOSS_DRAWS:
        x, target = examples(name, generator(draw, 109))
        their_x = torch.tensor(x, requires_grad=True)
        their_value = their_loss(their_x, torch.tensor(target))
        their_value.backward()
        theirs = [their_value.detach().numpy(), their_x.grad.numpy()]
        ours, truth = (loss_of(loss, x, target, s) for s in (S, TRUTH))
        for row, a, b, c in zip(rows, ours, theirs, truth, strict=True):
            comparison.add(row, a.to_float(), b, c)
    for row in rows:
        comparison.assert_close(row)


def test_running_statistics_are_pytorch_s_but_for_the_divisor_of_the_variance(comparison):
    layer, module = nn.BatchNorm(3), torch.nn.BatchNorm2d(3).double()
    x, n = generator(113).standard_normal((4, 3, 2, 5)), 4 * 2 * 5
    module(torch.tensor(x))
    (mean, variance), (true_mean, _) = (running_statistics(layer, x, s) for s in (S, TRUTH))
    row = "BatchNorm: running mean"
    comparison.add(row, mean.to_float(), module.running_mean.numpy(), true_mean)
    comparison.assert_close(row)
    batch = (module.running_var.numpy() - 0.9) * ((n - 1) / n)
    assert np.allclose(variance.to_float(), 0.9 + batch, rtol=1e-15, atol=0)


def running_statistics(layer, x, scalar):
    """Return the running mean and variance after one batch."""
    found = {}
    parameters = [Tensor.of(scalar, v) for v in initial(layer, generator(1)).values()]
    layer(parameters, Tensor.of(scalar, x), Context(Mode.TRAIN, buffer_updates=found))
    return found["running_mean"], found["running_var"]


def test_a_batch_is_normalised_by_running_statistics_in_evaluation(comparison):
    layer, module, shape = nn.BatchNorm(3), torch.nn.BatchNorm2d(3).double().eval(), (4, 3, 2, 5)
    assert_evaluated_alike(comparison, "BatchNorm in evaluation: output", layer, module, shape)


def test_a_recurrent_layer_s_last_output_is_pytorch_s(comparison):
    class Last(torch.nn.LSTM):
        def forward(self, x):
            return super().forward(x)[0][:, -1]

    layer, module = nn.LSTM(3, 4, last_only=True), Last(3, 4, batch_first=True)
    assert_evaluated_alike(comparison, "LSTM, last: output", layer, module, (2, 5, 3))


def assert_evaluated_alike(comparison, row, layer, module, shape):
    rng = generator(127)
    x = rng.standard_normal(shape)
    values = {spec.name: rng.uniform(0, 1, spec.shape) for spec in layer.parameters}
    load(module, values)
    with torch.no_grad():
        theirs = module(torch.tensor(x)).numpy()
    ours, truth = (
        layer(
            [Tensor.of(s, value) for value in values.values()],
            Tensor.of(s, x),
            Context(Mode.EVAL),
        )
        for s in (S, TRUTH)
    )
    comparison.add(row, ours.to_float(), theirs, truth)
    comparison.assert_close(row)
