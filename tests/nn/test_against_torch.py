"""Outputs and gradients in float64 beside PyTorch's, whose weights have the same names.

Both sum in orders of their own, so that no two results need be equal. Distances are counted in
units of the last place of the greatest magnitude: of an output, and of a gradient by all parameters
and the input as one vector. With ``-s`` they are printed; beside them, the greatest distance of
single elements in their own units, or in those of a thousandth of the greatest, and how far both
are from what 200 bits give.
"""

import numpy as np
import pytest

from numlean import Tensor, get_scalar, losses, nn
from numlean.autograd import value_and_gradient
from numlean.indices import INDICES
from numlean.losses import Reduction
from numlean.nn.layer import Context, Mode

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

S, MP = get_scalar("float64"), get_scalar("mp:200")
RNG = np.random.default_rng(103)
SEEDS = range(6)
BOUND = 8


def sizes(rng, count, low=2, high=5):
    return tuple(int(n) for n in rng.integers(low, high + 1, count))


def conv2d(rng):
    channels, out = sizes(rng, 2)
    kernel, stride = sizes(rng, 2, 1, 3), sizes(rng, 2, 1, 2)
    padding, image = sizes(rng, 2, 0, 2), sizes(rng, 2, 3, 7)
    arguments = (channels, out, kernel, stride, padding)
    return nn.Conv2d(*arguments), torch.nn.Conv2d(*arguments), (channels, *image)


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


def attention(causal):
    def make(rng):
        heads, d, time = sizes(rng, 3, 2, 4)
        theirs = torch.nn.MultiheadAttention(heads * d, heads, batch_first=True)
        return nn.MultiHeadAttention(heads * d, heads, causal), theirs, (time, heads * d)

    return make


def elementwise(ours, theirs):
    return lambda rng: (ours, theirs, sizes(rng, 2, 2, 6))


LAYERS = {
    "Conv2d": conv2d,
    "MaxPool2d": max_pool,
    "AvgPool2d": avg_pool,
    "SmoothMaxPool2d": smooth_max_pool,
    "Linear": linear,
    "BatchNorm": batch_norm,
    "LayerNorm": layer_norm,
    "RMSNorm": rms_norm,
    "RNN": recurrent(nn.RNN, torch.nn.RNN),
    "GRU": recurrent(nn.GRU, torch.nn.GRU),
    "LSTM": recurrent(nn.LSTM, torch.nn.LSTM),
    "MultiHeadAttention": attention(False),
    "causal MultiHeadAttention": attention(True),
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


def distances(ours, theirs):
    """In units of the greatest magnitude's last place, and the greatest in single elements' own."""
    assert ours.shape == theirs.shape
    differences, magnitudes = np.abs(ours - theirs), np.abs(theirs)
    own = np.spacing(np.maximum(magnitudes, magnitudes.max() / 1000))
    return differences.max() / np.spacing(magnitudes.max()), (differences / own).max()


def their_output(module, x):
    if isinstance(module, torch.nn.MultiheadAttention):
        return lambda mask: module(x, x, x, need_weights=False, attn_mask=mask)[0]
    z = module(x)
    return z[0] if isinstance(z, tuple) else z


def run_theirs(layer, module, x, weights_of):
    x = torch.tensor(x, requires_grad=True)
    z = their_output(module, x)
    if callable(z):
        time = x.shape[1]
        later = torch.full((time, time), -torch.inf, dtype=torch.float64).triu(1)
        z = z(later if layer.causal else None)
    (z * torch.tensor(weights_of(z.shape))).sum().backward()
    named = dict(module.named_parameters())
    order = [spec.name for spec in layer.parameters if spec.is_trainable]
    return one_vector([z.detach()]), one_vector([named[name].grad for name in order] + [x.grad])


def run_ours(layer, module, x, weights_of, scalar=S):
    state = module.state_dict()
    parameters = [Tensor.of(scalar, state[spec.name].numpy()) for spec in layer.parameters]
    trained = [k for k, spec in enumerate(layer.parameters) if spec.is_trainable]
    outputs = []

    def number(tensors):
        whole = list(parameters)
        for k, tensor in zip(trained, tensors, strict=False):
            whole[k] = tensor
        z = layer(whole, tensors[-1], Context(Mode.TRAIN))
        outputs.append(z)
        return (z * Tensor.of(scalar, weights_of(z.shape))).sum()

    given = [*(parameters[k] for k in trained), Tensor.of(scalar, x)]
    gradients = value_and_gradient(number, given)[1]
    return one_vector([outputs[0].to_float()]), one_vector([g.to_float() for g in gradients])


def one_vector(arrays):
    return np.concatenate([np.asarray(array).reshape(-1) for array in arrays])


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_s_outputs_and_gradients_are_pytorch_s_within_a_few_ulp(name):
    worst = np.zeros(4)
    for seed in SEEDS:
        rng = np.random.default_rng([seed, 107])
        torch.manual_seed(seed)
        layer, module, shape = LAYERS[name](rng)
        module = module.double().train()
        with torch.no_grad():
            for parameter in module.parameters():
                values = rng.uniform(-1, 1, parameter.shape) / np.sqrt(parameter.shape[-1])
                parameter.copy_(torch.tensor(values))
        x = rng.standard_normal((3, *shape))

        def weights_of(shape, seed=seed):
            return np.random.default_rng(seed).standard_normal(shape)

        state = {k: v.clone() for k, v in module.state_dict().items()}
        theirs = run_theirs(layer, module, x, weights_of)
        module.load_state_dict(state)
        ours, exact = (run_ours(layer, module, x, weights_of, s) for s in (S, MP))
        for a, b, c in zip(ours, theirs, exact, strict=True):
            found = (*distances(a, b), distances(a, c)[0], distances(b, c)[0])
            worst = np.maximum(worst, found)
    print(
        f"\n{name}: {worst[0]:.2f} ulp of the greatest, {worst[1]:.0f} of single elements; from"
        f" the values at 200 bits, ours {worst[2]:.2f} and theirs {worst[3]:.2f}"
    )
    assert worst[0] <= BOUND


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_are_pytorch_s_within_a_few_ulp(name, reduction):
    make, module = LOSSES[name]
    loss, theirs, worst = make(reduction=reduction), module(reduction=reduction.value), np.zeros(2)
    for seed in SEEDS:
        rng = np.random.default_rng([seed, 109])
        shape = sizes(rng, 2, 2, 7)
        x = rng.uniform(0.01, 0.99, shape) if name == "bce" else rng.standard_normal(shape)
        if loss.takes_labels:
            labels = rng.integers(0, shape[1], shape[0])
            target, their_target = Tensor(INDICES, labels), torch.tensor(labels)
        else:
            y = rng.uniform(0, 1, shape)
            target, their_target = Tensor.of(S, y), torch.tensor(y)
        their_x = torch.tensor(x, requires_grad=True)
        their_value = theirs(their_x, their_target)
        their_value.backward()
        value, (gradient,) = value_and_gradient(
            lambda given, target=target: loss(given[0], target), [Tensor.of(S, x)]
        )
        worst = np.maximum(worst, distances(value.to_float(), their_value.detach().numpy()))
        worst = np.maximum(worst, distances(gradient.to_float(), their_x.grad.numpy()))
    print(f"\n{name}, {reduction.value}: {worst[0]:.2f} ulp of the greatest")
    assert worst[0] <= BOUND


def test_running_statistics_are_pytorch_s_but_for_the_divisor_of_the_variance():
    layer, module = nn.BatchNorm(3), torch.nn.BatchNorm2d(3).double().train()
    x, refreshed = RNG.standard_normal((4, 3, 2, 5)), {}
    parameters = [Tensor.of(S, module.state_dict()[spec.name]) for spec in layer.parameters]
    layer(parameters, Tensor.of(S, x), Context(Mode.TRAIN, refreshed=refreshed))
    module(torch.tensor(x))
    n = 4 * 2 * 5
    mean, variance = (refreshed[name].to_float() for name in ("running_mean", "running_var"))
    assert distances(mean, module.running_mean.numpy())[0] <= BOUND
    batch = (module.running_var.numpy() - 0.9) * ((n - 1) / n)
    assert np.allclose(variance, 0.9 + batch, rtol=1e-15, atol=0)
    z = layer(
        [*parameters[:2], Tensor.of(S, mean), Tensor.of(S, module.running_var.numpy())],
        Tensor.of(S, x),
        Context(Mode.EVAL),
    )
    module.eval()
    with torch.no_grad():
        theirs = module(torch.tensor(x))
    assert distances(z.to_float(), theirs.numpy())[0] <= BOUND


def test_a_recurrent_layer_s_last_output_is_pytorch_s():
    layer, module = nn.LSTM(3, 4, last_only=True), torch.nn.LSTM(3, 4, batch_first=True).double()
    parameters = [Tensor.of(S, p.detach().numpy()) for p in module.parameters()]
    x = RNG.standard_normal((2, 5, 3))
    z = layer(parameters, Tensor.of(S, x), Context(Mode.EVAL))
    with torch.no_grad():
        theirs = module(torch.tensor(x))[0][:, -1]
    assert distances(z.to_float(), theirs.numpy())[0] <= BOUND
