"""Every layer by every named policy: one result on both engines and both devices, in its format."""

import ml_dtypes
import numpy as np
import pytest

from layer_cases import CASES
from numlean import Options, Task, get_task, instantiate, nn, stepper
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.data import Batch
from numlean.nn.layer import Context, Mode
from numlean.optim import adam, sgd
from numlean.precision import parse_policy, policies
from numlean.precision.arithmetic import Use

NAMES = [each.name for each in policies.named()]
WAYS = [("eager", "cpu"), ("compiled", "python"), ("compiled", "cpu")]

SEQUENCES = nn.Sequential(
    nn.PaddedTokens(
        nn.Embedding(3, 2),
        nn.PositionalEmbedding(2, 2),
        nn.Residual(nn.LayerNorm(2), nn.MultiHeadAttention(2, 2, causal=True), nn.Dropout(0.25)),
        nn.MultiHeadAttention(2, 1),
        padding_idx=0,
    ),
    nn.Residual(nn.RMSNorm(2), nn.GatedScan(2, 1)),
    nn.RNN(2, 1, num_layers=2, bidirectional=True, dropout=0.25),
    nn.GRU(2, 1),
    nn.LSTM(1, 2, last_only=True),
    nn.GELU(),
    nn.Linear(2, 3),
    nn.LogSoftmax(),
)
IMAGES = nn.Sequential(
    nn.Conv2d(2, 4, 2, padding=1, groups=2),
    nn.BatchNorm(4),
    nn.SiLU(),
    nn.MaxPool2d(2, stride=1),
    nn.AvgPool2d(2, stride=1),
    nn.SmoothMaxPool2d(2, stride=1),
    nn.Flatten(),
    nn.Linear(4, 3),
    nn.Softplus(),
)


def run(model, shape, policy, way, optimizer):
    """Return the bits of predictions in both modes, of two losses, and of all that a run keeps."""
    backend, device = way
    options = Options(backend=backend, device=device, seed=3)
    runner = instantiate(Task.regression(model), policies.get(policy), options)
    rng = np.random.default_rng(5)
    x = rng.standard_normal((2, *shape))
    if model.takes_indices:
        x = rng.integers(0, model.index_count, (2, *shape))
    batch = Batch(x, rng.standard_normal((2, *model.output_shape(shape))))
    found = []
    for set_mode in (runner.eval, runner.train):
        set_mode()
        found.append(runner.predict(x))
    training = stepper(runner, optimizer)
    found += [training.step(batch) for _ in range(2)]
    found += [*runner.params, *(t for each in training.state.values() for t in each)]
    return [(t.dtype, t.shape, t.scalar.to_bytes(t.data)) for t in found]


@pytest.mark.parametrize(
    ("model", "shape", "optimizer"),
    [(SEQUENCES, (2,), adam(0.1)), (IMAGES, (2, 3, 3), sgd(0.1, 0.9))],
    ids=["sequences", "images"],
)
def test_models_of_all_layers_have_the_same_bits_everywhere(model, shape, optimizer):
    expected = run(model, shape, "bf16-mixed", ("eager", "python"), optimizer)
    for way in WAYS:
        assert run(model, shape, "bf16-mixed", way, optimizer) == expected, way


@pytest.mark.parametrize("policy", NAMES)
def test_xor_has_the_same_bits_everywhere(policy):
    model = get_task("xor").task.model
    expected = run(model, (2,), policy, ("eager", "python"), sgd(0.1, 0.9))
    for way in WAYS:
        assert run(model, (2,), policy, way, sgd(0.1, 0.9)) == expected, way


NARROW, WIDE, OF_INPUT = "bfloat16", "float32", None
FORMATS = {
    "Linear": NARROW,
    "Linear on sequences": NARROW,
    "Square": OF_INPUT,
    "Sum": WIDE,
    "Reshape": OF_INPUT,
    "Conv2d": NARROW,
    "Conv2d with strides": NARROW,
    "Conv2d in groups": NARROW,
    "MaxPool2d": OF_INPUT,
    "MaxPool2d with padding": OF_INPUT,
    "AvgPool2d": OF_INPUT,
    "SmoothMaxPool2d": OF_INPUT,
    "Dropout": OF_INPUT,
    "LayerNorm": WIDE,
    "LayerNorm on sequences": WIDE,
    "RMSNorm": WIDE,
    "BatchNorm": OF_INPUT,
    "BatchNorm over images": OF_INPUT,
    "RNN": NARROW,
    "RNN, last": NARROW,
    "GRU": NARROW,
    "LSTM": NARROW,
    "RNN stacked in both directions": NARROW,
    "GatedScan": NARROW,
    "Embedding": WIDE,
    "PositionalEmbedding": WIDE,
    "MultiHeadAttention": NARROW,
    "causal MultiHeadAttention": NARROW,
    "PaddedTokens": NARROW,
    "Residual": OF_INPUT,
}
"""The formats of outputs by bf16-mixed; a residual connection adds in the wider one."""
FUNCTIONS = {
    nn.ReLU: OF_INPUT,
    nn.Tanh: OF_INPUT,
    nn.Sigmoid: OF_INPUT,
    nn.GELU: OF_INPUT,
    nn.SiLU: OF_INPUT,
    nn.Flatten: OF_INPUT,
    nn.Softplus: WIDE,
    nn.Softmax: WIDE,
    nn.LogSoftmax: WIDE,
}
LISTED = {name: (*CASES[name], dtype) for name, dtype in FORMATS.items()} | {
    make.__name__: (make(), (2, 3), dtype) for make, dtype in FUNCTIONS.items()
}


def test_the_formats_of_all_layers_are_listed():
    assert set(FORMATS) == set(CASES)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("given", [NARROW, WIDE])
@pytest.mark.parametrize("case", LISTED)
def test_a_layer_gives_outputs_in_the_format_of_its_operation(case, given, mode):
    layer, shape, dtype = LISTED[case]
    task = Task.regression(nn.Sequential(layer))
    runner = instantiate(task, policies.get("bf16-mixed"), Options(device="python"))
    precision = runner.precision
    copies = precision.copies(task.model.parameters, runner.params)
    for spec, copy in zip(task.model.parameters, copies, strict=True):
        is_narrow = spec.is_trainable and spec.use is not Use.OWN
        assert copy.dtype == (NARROW if is_narrow else WIDE)
    if layer.takes_indices:
        x = Tensor.of(INDEX, np.ones((2, *shape), int))
    else:
        (scalar,) = (each for each in precision.everything if each.name == given)
        x = Tensor.of(scalar, np.ones((2, *shape)))
    context = Context(mode, path=(0,), arithmetics=precision.layers)
    z = layer(copies, x, context)
    assert z.dtype == (dtype or given)
    assert task.loss_of(context, z, runner.tensor(np.zeros(z.shape))).dtype == WIDE


LAYERS = ["LayerNorm", "BatchNorm", "Embedding", "MultiHeadAttention"]


@pytest.mark.parametrize("case", LAYERS)
@pytest.mark.parametrize(
    ("policy", "excepted"),
    [
        ("bf16-mixed,reductions=bfloat16", "first"),
        ("bf16-mixed", "uniform(float64)"),
        ("uniform(float32)", "bf16-mixed,reductions=bfloat16"),
    ],
)
def test_a_layer_among_others_computes_in_the_wider_of_their_formats(case, policy, excepted):
    inner, shape = CASES[case]
    before = [] if inner.takes_indices else [nn.Linear(shape[-1], shape[-1])]
    model = nn.Sequential(*before, inner, nn.Linear(inner.output_shape(shape)[-1], 2))
    layers = {"first": "uniform(float32)"} if excepted == "first" else {str(len(before)): excepted}
    exceptions = {name: parse_policy(text) for name, text in layers.items()}
    chosen = parse_policy(policy).with_exceptions(exceptions)
    options = Options(device="python")
    x = np.ones((2, *shape), int) if inner.takes_indices else np.ones((2, *shape))
    runner = instantiate(Task.regression(model), chosen, options)
    formats = [p.dtype for p in runner.params]
    batch = Batch(x, np.zeros((2, *model.output_shape(shape))))
    assert np.isfinite(stepper(runner, sgd(0.1)).step(batch).item())
    assert [p.dtype for p in runner.params] == formats
    runner.eval()
    assert np.isfinite(runner.loss(batch).item())


@pytest.mark.parametrize(("one", "other"), [("fp16-amp", "bf16-mixed"), ("bf16-mixed", "fp16-amp")])
def test_a_layer_takes_the_activations_of_one_whose_policy_has_other_operands(one, other):
    policy = parse_policy(f"{one},loss_scaling=none,except.last={other}")
    runner = instantiate(get_task("xor").task, policy, Options(device="python"))
    weight, bias, last, offset = (p.numpy().astype(np.float32) for p in runner.params)
    narrow = {"fp16-amp": np.float16, "bf16-mixed": ml_dtypes.bfloat16}
    of_first, of_last = narrow[one], narrow[other]

    def rounded(x, dtype):
        return np.asarray(x, np.float32).astype(dtype).astype(np.float32)

    x = np.array([[0.25, -0.75]], np.float32)
    operands = rounded(x, of_first)[:, :, None] * rounded(weight, of_first).T[None]
    h = rounded(operands[:, 0] + operands[:, 1] + rounded(bias, of_first), of_first)
    h = rounded(np.tanh(h.astype(np.float64)), of_first)
    sum_ = np.float32(0)
    for a, b in zip(rounded(h, of_last)[0], rounded(last, of_last)[0], strict=True):
        sum_ = np.float32(sum_ + a * b)
    expected = rounded(sum_ + rounded(offset, of_last)[0], of_last)
    z = runner.predict(x)
    assert z.dtype == policies.get(other).activations
    assert z.to_float().item() == expected.item()
    assert np.isfinite(stepper(runner, sgd(0.5)).step(Batch(x, [[1.0]])).item())
