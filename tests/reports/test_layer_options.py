"""Options of layers against loops in plain numpy, with gradients by complex steps.

A complex step is exact to the last bits: the imaginary part of f(x + ih) / h for a tiny h, since
f is analytic. Small integers make sums exact in every format.
"""

import copy
import pickle

import numpy as np
import pytest

import numlean as nl
from numlean import functional, nn
from numlean.autograd import value_and_gradient
from numlean.autograd.indices import INDEX
from numlean.checkpoint.fingerprint import fingerprint
from numlean.errors import NumleanError
from numlean.nn.attention import masked_softmax
from numlean.nn.layer import EVALUATION, Context, Mode
from numlean.rng import UniformStream

S = nl.get_scalar("float64")
RNG = np.random.default_rng(1801)
STEP = 1e-40
EXACT = [
    nl.get_scalar(name, device)
    for name, device in (
        ("float32", None),
        ("mp:6", None),
        ("ieee32exec", "python"),
        ("bfloat16", "python"),
        ("ieee:e5m5", "python"),
    )
]
"""Formats that hold the small integers of the exact tests."""


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, kept):
    """Return the softmax of the last axis over the elements kept; a constant maximum."""
    peak = np.where(kept, x.real, -np.inf).max(-1, keepdims=True)
    powers = np.where(kept, np.exp(np.where(kept, x - peak, 0)), 0)
    return powers / powers.sum(-1, keepdims=True)


def conv2d(x, weight, bias=None, *, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """Return the cross-correlation, output by output."""
    (batch, channels, *image), (out, per_group, *kernel) = x.shape, weight.shape
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    rows, columns = (
        (n + 2 * p - r) // s + 1 for n, p, r, s in zip(image, padding, reach, stride, strict=True)
    )
    z = np.zeros((batch, out, rows, columns), np.result_type(x, weight))
    for n, o, i, j in np.ndindex(z.shape):
        first = (o // (out // groups)) * (channels // groups)
        for c, a, b in np.ndindex(per_group, *kernel):
            place = (i * stride[0] + a * dilation[0], j * stride[1] + b * dilation[1])
            z[n, o, i, j] += weight[o, c, a, b] * padded[n, first + c, *place]
    return z if bias is None else z + bias.reshape(-1, 1, 1)


def through_time(kind, x, w_ih, w_hh, b_ih=0.0, b_hh=0.0, *, backwards=False):
    """Return all outputs of one recurrent layer, by the formulas of PyTorch's documentation."""
    hidden = w_hh.shape[1]
    h = c = np.zeros((x.shape[0], hidden), np.result_type(x, w_ih))
    times = range(x.shape[1])
    outputs = {}
    for t in reversed(times) if backwards else times:
        p, q = x[:, t] @ w_ih.T + b_ih, h @ w_hh.T + b_hh
        if kind in ("tanh", "relu"):
            h = np.tanh(p + q) if kind == "tanh" else np.where((p + q).real > 0, p + q, 0)
        elif kind == "gru":
            (p_r, p_z, p_n), (q_r, q_z, q_n) = (np.split(v, 3, -1) for v in (p, q))
            z = sigmoid(p_z + q_z)
            h = (1 - z) * np.tanh(p_n + sigmoid(p_r + q_r) * q_n) + z * h
        else:
            i, f, g, o = np.split(p + q, 4, -1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        outputs[t] = h
    return np.stack([outputs[t] for t in times], 1), h


def recurrent(kind, layers, directions, per_layer, last_only):
    def reference(x, *parameters):
        rest = list(parameters)
        for _ in range(layers):
            found = []
            for direction in range(directions):
                own, rest = rest[:per_layer], rest[per_layer:]
                found.append(through_time(kind, x, *own, backwards=direction == 1))
            x, last = (np.concatenate(each, -1) for each in zip(*found, strict=True))
        return last if last_only else x

    return reference


def attention(heads, *, causal=False, mask=None):
    def reference(x, *parameters):
        half = len(parameters) // 2
        (w_in, *b_in), (w_out, *b_out) = parameters[:half], parameters[half:]
        batch, times, features = x.shape
        q, k, v = np.split(x @ w_in.T + sum(b_in), 3, -1)
        z = np.zeros_like(q)
        kept = np.ones((batch, times, times), bool)
        kept &= True if mask is None else ~mask[:, None, :]
        kept &= np.tril(np.ones((times, times), bool)) if causal else True
        d = features // heads
        for head in range(heads):
            part = np.s_[:, :, head * d : head * d + d]
            scores = q[part] @ k[part].swapaxes(1, 2) / np.sqrt(d)
            z[part] = softmax(scores, kept) @ v[part]
        return z @ w_out.T + sum(b_out)

    return reference


def normalized(*, root_mean_square=False):
    def reference(x, weight=1.0, bias=0.0):
        y = x if root_mean_square else x - x.mean(-1, keepdims=True)
        return y / np.sqrt((y * y).mean(-1, keepdims=True) + 1e-5) * weight + bias

    return reference


def scan(x, *parameters):
    half = len(parameters) // 2
    (w_in, *b_in), (w_out, *b_out) = parameters[:half], parameters[half:]
    u, p, q, r = np.split(x @ w_in.T + sum(b_in), 4, -1)
    h, states = np.zeros_like(u[:, 0]), []
    for t in range(x.shape[1]):
        h = sigmoid(p[:, t]) * h + sigmoid(q[:, t]) * u[:, t]
        states.append(h)
    return (np.stack(states, 1) * r * sigmoid(r)) @ w_out.T + sum(b_out)


MASK = np.array([[False, False, True, True], [False, True, False, False]])
LEFT = np.array([[True, True, False, False], [True, False, False, True]])
"""Padding before the tokens: the first key of a row is left out."""

CASES = {
    "Linear without bias": (nn.Linear(3, 2, bias=False), (4, 3), lambda x, w: x @ w.T),
    "Conv2d, dilated": (
        nn.Conv2d(2, 3, (2, 3), (1, 2), (1, 2), dilation=(2, 1)),
        (2, 4, 5),
        lambda x, w, b: conv2d(x, w, b, stride=(1, 2), padding=(1, 2), dilation=(2, 1)),
    ),
    "Conv2d in groups without bias": (
        nn.Conv2d(4, 6, 2, padding=1, dilation=2, groups=2, bias=False),
        (4, 3, 4),
        lambda x, w: conv2d(x, w, padding=(1, 1), dilation=(2, 2), groups=2),
    ),
    "Conv2d, one channel a group": (
        nn.Conv2d(3, 6, (3, 1), groups=3),
        (3, 4, 2),
        lambda x, w, b: conv2d(x, w, b, groups=3),
    ),
    "LayerNorm without bias": (nn.LayerNorm(4, bias=False), (2, 4), normalized()),
    "LayerNorm without parameters": (
        nn.LayerNorm(4, elementwise_affine=False),
        (2, 4),
        normalized(),
    ),
    "RMSNorm without a weight": (
        nn.RMSNorm(4, elementwise_affine=False),
        (2, 4),
        normalized(root_mean_square=True),
    ),
    "RNN of relu without bias": (
        nn.RNN(3, 2, nonlinearity="relu", bias=False),
        (4, 3),
        recurrent("relu", 1, 1, 2, False),
    ),
    "GRU without bias": (nn.GRU(3, 2, bias=False), (4, 3), recurrent("gru", 1, 1, 2, False)),
    "GRU in both directions": (
        nn.GRU(3, 2, bidirectional=True),
        (4, 3),
        recurrent("gru", 1, 2, 4, False),
    ),
    "LSTM of two layers": (nn.LSTM(2, 2, num_layers=2), (3, 2), recurrent("lstm", 2, 1, 4, False)),
    "LSTM of two layers in both directions, without bias": (
        nn.LSTM(2, 2, num_layers=2, bidirectional=True, bias=False),
        (3, 2),
        recurrent("lstm", 2, 2, 2, False),
    ),
    "RNN of three layers in both directions, last": (
        nn.RNN(2, 2, last_only=True, num_layers=3, bidirectional=True),
        (4, 2),
        recurrent("tanh", 3, 2, 4, True),
    ),
    "GatedScan without bias": (nn.GatedScan(3, 2, bias=False), (3, 3), scan),
    "MultiHeadAttention without bias": (
        nn.MultiHeadAttention(4, 2, bias=False),
        (3, 4),
        attention(2),
    ),
}
MASKED = {
    f"{'causal' if causal else 'full'}, padding {where}": (causal, mask)
    for causal in (False, True)
    for where, mask in (("after", MASK), ("before", LEFT))
    if not (causal and where == "before")
}


def drawn(layer, shape, batch=2):
    """Return parameters and inputs."""
    uniform = UniformStream(5)
    parameters = [
        spec.initial(uniform, spec.shape) + 0.3 * RNG.standard_normal(spec.shape)
        for spec in layer.parameters
    ]
    return parameters, RNG.standard_normal((batch, *shape))


def assert_is_reference(apply, reference, x, parameters):
    """Compare outputs, and the gradients by the inputs and the parameters."""
    cotangent = RNG.standard_normal(reference(x, *parameters).shape)
    outputs = []

    def number(given):
        outputs.append(apply(given[1:], given[0]))
        return (outputs[0] * nl.Tensor.of(S, cotangent)).sum()

    operands = [x, *parameters]
    gradients = value_and_gradient(number, [nl.Tensor.of(S, v) for v in operands])[1]
    assert outputs[0].to_float() == pytest.approx(reference(*operands), rel=1e-12, abs=1e-14)
    for k, (operand, gradient) in enumerate(zip(operands, gradients, strict=True)):
        expected = np.zeros(operand.shape)
        for place in np.ndindex(operand.shape):
            moved = operand.astype(complex)
            moved[place] += 1j * STEP
            z = reference(*operands[:k], moved, *operands[k + 1 :])
            expected[place] = (z * cotangent).sum().imag / STEP
        assert gradient.to_float() == pytest.approx(expected, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_an_option_computes_what_the_loops_of_numpy_do_and_so_do_its_gradients(name):
    layer, shape, reference = CASES[name]
    parameters, x = drawn(layer, shape)
    assert_is_reference(lambda p, x: layer(p, x, EVALUATION), reference, x, parameters)


@pytest.mark.parametrize("name", MASKED)
def test_attention_leaves_out_the_keys_of_a_padding_mask(name):
    causal, mask = MASKED[name]
    layer = nn.MultiHeadAttention(4, 2, causal)
    parameters, x = drawn(layer, (4, 4))
    reference = attention(2, causal=causal, mask=mask)
    for masked in (
        lambda p, x: layer(p, x, EVALUATION, key_padding_mask=mask),
        lambda p, x: layer(p, x, Context(Mode.EVAL, key_padding_mask=nl.Tensor.of(S, mask * 1.0))),
    ):
        assert_is_reference(masked, reference, x, parameters)


@pytest.mark.parametrize("scalar", EXACT, ids=lambda scalar: scalar.name)
def test_a_masked_softmax_has_the_bits_of_the_softmax_of_the_elements_kept(scalar):
    x = RNG.standard_normal((2, 3, 4))
    weights = nl.Tensor.of(scalar, RNG.standard_normal(x.shape))
    for value in (np.inf, -np.inf, np.nan, 1e4, -1e4, 0.0):
        if scalar.format is None and not np.isfinite(value):
            continue
        scores = nl.Tensor.of(scalar, np.where(LEFT[:, None], value, x))
        left_out = nl.Tensor.of(scalar, LEFT[:, None] * 1.0)
        found = []

        def number(given, found=found, left_out=left_out):
            found.append(masked_softmax(given[0], left_out))
            return (found[0] * weights).sum()

        (gradient,) = value_and_gradient(number, [scores])[1]
        for row, kept in enumerate(~LEFT):
            part = nl.Tensor.of(scalar, x[row][:, kept])
            expected = scalar.to_bytes(functional.softmax(part).data)
            assert scalar.to_bytes(np.ascontiguousarray(found[0].data[row][:, kept])) == expected
        for z in (found[0].to_float(), gradient.to_float()):
            left = z[np.broadcast_to(LEFT[:, None], z.shape)]
            assert not left.any()
            assert not np.signbit(left).any()


def test_a_mask_without_padding_changes_no_bit_and_a_query_without_keys_is_a_nan():
    layer = nn.MultiHeadAttention(4, 2)
    parameters, x = drawn(layer, (4, 4))
    tensors, x = [nl.Tensor.of(S, p) for p in parameters], nl.Tensor.of(S, x)
    plain = layer(tensors, x, EVALUATION).to_float()
    none = layer(tensors, x, EVALUATION, key_padding_mask=np.zeros((2, 4), bool)).to_float()
    assert plain.tobytes() == none.tobytes()
    every = np.array([[True] * 4, [False] * 4])
    found = layer(tensors, x, EVALUATION, key_padding_mask=every).to_float()
    assert np.isnan(found[0]).all()
    assert found[1].tobytes() == plain[1].tobytes()


def integers(*shape):
    return RNG.integers(-1, 2, shape)


@pytest.mark.parametrize("scalar", EXACT, ids=lambda scalar: scalar.name)
def test_small_integers_are_exact_in_every_format(scalar):
    layer = nn.Conv2d(4, 2, 2, 2, 1, dilation=2, groups=2, bias=False)
    x, w = integers(2, 4, 3, 3), integers(2, 2, 2, 2)
    z = layer([nl.Tensor.of(scalar, w)], nl.Tensor.of(scalar, x), EVALUATION)
    expected = conv2d(x, w, stride=(2, 2), padding=(1, 1), dilation=(2, 2), groups=2)
    assert np.array_equal(z.to_float(), expected)
    x, w = integers(3, 4), integers(2, 4)
    z = nn.Linear(4, 2, bias=False)([nl.Tensor.of(scalar, w)], nl.Tensor.of(scalar, x), EVALUATION)
    assert np.array_equal(z.to_float(), x @ w.T)
    image = integers(1, 1, 5, 5)
    z = nn.MaxPool2d(2, 1, 1, dilation=2)([], nl.Tensor.of(scalar, image), EVALUATION).to_float()
    padded = np.pad(image.astype(float), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    corners = [padded[:, :, a : a + 5, b : b + 5] for a in (0, 2) for b in (0, 2)]
    assert np.array_equal(z, np.max(corners, 0))


@pytest.mark.parametrize("padding_idx", [0, 2, -1])
def test_the_row_of_the_padding_starts_at_zero_has_no_gradient_and_is_looked_up(padding_idx):
    layer, plain = nn.Embedding(4, 2, padding_idx=padding_idx), nn.Embedding(4, 2)
    k = padding_idx % 4
    assert layer.padding_idx == k
    ours, theirs = (each.parameters[0].initial(UniformStream(3), (4, 2)) for each in (layer, plain))
    assert not ours[k].any()
    assert np.array_equal(np.delete(ours, k, 0), np.delete(theirs, k, 0))
    tokens = np.array([[0, 1, 2, 3], [3, 3, 2, 0]])
    weight, cotangent = integers(4, 2) + 5.0, integers(2, 4, 2)
    found = []

    def number(given):
        found.append(layer(given, nl.Tensor(INDEX, tokens), EVALUATION))
        return (found[0] * nl.Tensor.of(S, cotangent)).sum()

    (gradient,) = value_and_gradient(number, [nl.Tensor.of(S, weight)])[1]
    assert np.array_equal(found[0].to_float(), weight[tokens])
    expected = np.zeros((4, 2))
    np.add.at(expected, tokens, cotangent)
    expected[k] = 0
    assert np.array_equal(gradient.to_float(), expected)
    assert not np.signbit(gradient.to_float()[k]).any()


def test_a_normalization_without_parameters_keeps_its_running_statistics():
    layer = nn.BatchNorm(2, affine=False)
    assert [p.name for p in layer.parameters] == ["running_mean", "running_var"]
    x, found = np.array([[1.0, 5.0], [3.0, -3.0]]), {}
    buffers = [nl.Tensor.of(S, [0.5, 0.5]), nl.Tensor.of(S, [2.0, 3.0])]
    z = layer(buffers, nl.Tensor.of(S, x), Context(Mode.TRAIN, buffer_updates=found)).to_float()
    assert z == pytest.approx((x - [2, 1]) / np.sqrt(np.array([1, 16]) + 1e-5), rel=1e-15)
    assert found["running_mean"].to_float() == pytest.approx([0.9 * 0.5 + 0.2, 0.9 * 0.5 + 0.1])
    z = layer(buffers, nl.Tensor.of(S, x), EVALUATION).to_float()
    assert z == pytest.approx((x - 0.5) / np.sqrt(np.array([2, 3]) + 1e-5), rel=1e-15)


def test_dropout_acts_between_layers_in_training_only_and_not_after_the_last():
    layer = nn.RNN(2, 3, num_layers=2, dropout=0.5, seed=4, nonlinearity="relu", bias=False)
    names = [spec.name for spec in layer.parameters]
    assert names == [
        *("weight_ih_l0", "weight_hh_l0", "weight_ih_l1", "weight_hh_l1"),
        "dropout_l0.p",
    ]
    parameters = [np.ones((3, 2)), np.zeros((3, 3)), np.eye(3), np.zeros((3, 3)), np.array(0.5)]
    tensors = [nl.Tensor.of(S, p) for p in parameters]
    x = nl.Tensor.of(S, np.ones((8, 4, 2)))
    # Without states, an output is 2, and in training 0 or 2 / (1 - 0.5).
    assert (layer(tensors, x, EVALUATION).to_float() == 2).all()
    trained = layer(tensors, x, Context(Mode.TRAIN)).to_float()
    assert set(trained.ravel()) == {0.0, 4.0}
    plain = nn.RNN(2, 3, num_layers=2, nonlinearity="relu", bias=False)
    assert (plain(tensors[:4], x, Context(Mode.TRAIN)).to_float() == 2).all()


def test_names_of_a_stack_in_both_directions_are_pytorch_s_in_its_order():
    names = [p.name for p in nn.GRU(3, 2, num_layers=2, bidirectional=True).parameters]
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ends = ("l0", "l0_reverse", "l1", "l1_reverse")
    assert names == [f"{kind}_{end}" for end in ends for kind in kinds]
    shapes = {p.name: p.shape for p in nn.GRU(3, 2, num_layers=2, bidirectional=True).parameters}
    assert (shapes["weight_ih_l0"], shapes["weight_ih_l1_reverse"]) == ((6, 3), (6, 4))


def tokens_task():
    model = nn.Sequential(
        nn.PaddedTokens(
            nn.Embedding(5, 4, padding_idx=0),
            nn.Residual(
                nn.LayerNorm(4, bias=False), nn.MultiHeadAttention(4, 2, causal=True, bias=False)
            ),
            nn.LSTM(4, 2, num_layers=2, bidirectional=True, dropout=0.25, bias=False),
            padding_idx=0,
        ),
        nn.Linear(4, 3, bias=False),
    )
    loss = nl.losses.cross_entropy(weight=[0.5, 1, 2], ignore_index=-100, label_smoothing=0.125)
    x = np.array([[1, 2, 3, 0], [4, 1, 0, 0], [2, 2, 1, 4], [3, 0, 0, 0]])
    y = np.array([[0, 1, 2, -100], [1, -100, -100, -100], [0, 0, 1, 2], [2, -100, -100, -100]])
    return nl.Task(model, loss), nl.Dataset.of_arrays(x, y)


def images_task():
    model = nn.Sequential(
        nn.Conv2d(2, 4, 2, padding=1, dilation=2, groups=2, bias=False),
        nn.BatchNorm(4, affine=False),
        nn.MaxPool2d(2, 1, dilation=2),
        nn.Flatten(),
        nn.Linear(16, 3, bias=False),
        sample_shape=(2, 4, 4),
    )
    loss = nl.losses.cross_entropy_one_hot(weight=[0.5, 1, 2], label_smoothing=0.125)
    rng = np.random.default_rng(3)
    return nl.Task(model, loss), nl.Dataset.of_arrays(
        rng.standard_normal((4, 2, 4, 4)), np.eye(3)[[0, 2, 1, 1]]
    )


RUNS = ("float32", "float32:compiled", "ieee32exec", "ieee32exec:compiled", "mp:24")


@pytest.mark.parametrize("make", [tokens_task, images_task])
def test_engines_and_arithmetics_of_the_same_numbers_agree_bit_for_bit(make):
    task, data = make()
    config = nl.TrainConfig(4, 3, nl.adam(0.1))
    found = nl.crosscheck(task, *RUNS, config=config, data=data)
    assert found.identical, str(found)
    assert found.steps == 4


def test_a_fault_within_a_stack_is_located_in_the_layer_and_its_direction():
    task, data = tokens_task()
    fault = nl.Fault("flip", "tanh", step=0, call=17, element=0, bit=20)
    faulty = nl.RunSpec.parse("float32").with_fault(fault)
    config = nl.TrainConfig(1, 4, nl.sgd(0.1))
    (pair,) = nl.crosscheck(task, "float32", faulty, config=config, data=data).pairs
    # 2 tanh at each of 4 times: the third part of 8 calls is the second layer forwards.
    assert pair.divergence.operation == "tanh"
    assert pair.divergence.where == "forward, 0.2.2 LSTM(4, 2, bias=False)"


def test_the_padding_of_each_batch_is_found_by_a_compiled_step_too():
    task, data = tokens_task()
    digests = set()
    for backend in ("eager", "compiled"):
        options = nl.Options(backend=backend)
        runner = nl.instantiate(task, "float32", options)
        step = nl.stepper(runner, nl.sgd(0.5))
        for k in (0, 1, 2, 3, 0):
            step.step(nl.Batch(data.x[k : k + 1], data.y[k : k + 1]))
        digests.add(nl.state_digest(runner.named_parameters))
    assert len(digests) == 1
    without = nl.Task(nn.Sequential(*task.model.layers[0].layers, task.model.layers[1]), task.loss)
    runner = nl.instantiate(without, "float32")
    values = [p.to_float() for p in runner.params]
    masked = nl.instantiate(task, "float32", initial=values)
    first, second = masked.predict(data.x[:1]), runner.predict(data.x[:1])
    assert first.to_float().tobytes() != second.to_float().tobytes()


def test_options_are_part_of_names_reprs_fingerprints_and_copies():
    plain, given = nn.Linear(3, 2), nn.Linear(3, 2, bias=False)
    assert (plain.name, given.name) == ("Linear(3, 2)", "Linear(3, 2, bias=False)")
    assert "bias=False" in repr(given)
    assert fingerprint(plain) == {"class": "Linear", "in_features": 3, "out_features": 2}
    assert fingerprint(given) == {**fingerprint(plain), "bias": False}
    loss = nl.losses.cross_entropy(weight=[1, 2], ignore_index=0)
    assert fingerprint(nl.losses.cross_entropy()) == {"class": "CrossEntropy", "reduction": "MEAN"}
    assert fingerprint(loss)["weight"] == [1.0, 2.0]
    assert fingerprint(loss)["ignore_index"] == 0
    conv = nn.Conv2d(4, 4, 3, dilation=2, groups=4)
    assert conv.name == "Conv2d(4, 4, 3, dilation=2, groups=4)"
    stack = nn.LSTM(3, 2, num_layers=2, bidirectional=True)
    assert stack.name == "LSTM(3, 2, num_layers=2, bidirectional=True)"
    assert set(fingerprint(stack)) == {
        *("class", "in_features", "hidden", "last_only", "num_layers", "bidirectional")
    }
    for layer in (given, conv, stack, tokens_task()[0].model):
        for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert again == layer
            assert again.parameters[0].name == layer.parameters[0].name
    rows = nn.summary(stack, (5, 3)).rows
    assert [row.layer for row in rows] == [
        *("LSTM(3, 2)", "LSTM(3, 2) backwards", "LSTM(4, 2)", "LSTM(4, 2) backwards")
    ]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Linear(3, 2, bias="no"), "Linear: bias must be True or False, got 'no'"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "groups must divide .* got 2"),
        (lambda: nn.Conv2d(2, 3, 3, groups=2), "groups must divide"),
        (lambda: nn.Conv2d(2, 2, 3, groups=0), "groups must be an integer of at least 1, got 0"),
        (lambda: nn.Conv2d(2, 2, 3, groups=2.0), "groups must be an integer.* got 2.0"),
        (
            lambda: nn.Conv2d(2, 2, 3, dilation=(2,)),
            r"dilation must be an integer or .*, got \(2,\)",
        ),
        (lambda: nn.MaxPool2d(2, dilation=1.5), "dilation must be an integer or .*, got 1.5"),
        (lambda: nn.Embedding(4, 2, padding_idx=1.0), "padding_idx must be an integer.*, got 1.0"),
        (lambda: nn.RNN(3, 2, num_layers=2.0), "num_layers must be an integer.* got 2.0"),
        (lambda: nn.RNN(3, 2, num_layers=2, dropout="a"), "dropout must be .* got 'a'"),
        (lambda: nn.Conv2d(2, 2, 3, dilation=0), r"dilation .* at least 1, got \(0, 0\)"),
        (
            lambda: nn.Conv2d(1, 1, 3, dilation=3).output_shape((1, 6, 9)),
            r"\(3, 3\), dilation \(3, 3\) .* does not fit",
        ),
        (
            lambda: nn.Embedding(4, 2, padding_idx=4),
            "padding_idx must be an integer from -4 to 3, got 4",
        ),
        (lambda: nn.LSTM(3, 2, num_layers=0), "num_layers must be an integer of at least 1, got 0"),
        (lambda: nn.LSTM(3, 2, dropout=0.5), "dropout acts between layers.* at least 2"),
        (lambda: nn.LSTM(3, 2, num_layers=2, dropout=1.0), "below 1, got 1.0"),
        (lambda: nn.RNN(3, 2, nonlinearity="gelu"), "'gelu'; .*tanh, relu"),
        (lambda: nn.PaddedTokens(nn.Linear(2, 3), padding_idx=0), "first layer must take tokens"),
        (lambda: nn.PaddedTokens(nn.Embedding(3, 2), padding_idx=3), "from -3 to 2, got 3"),
        (lambda: nn.LayerNorm(3, bias=0), "bias must be True or False, got 0"),
        (
            lambda: nn.MaxPool2d(2, 1, 2, dilation=4)(
                [], nl.Tensor.of(S, np.zeros((1, 1, 1, 1))), EVALUATION
            ),
            "only padding at some position",
        ),
    ],
)
def test_an_option_without_a_meaning_is_refused_in_one_line(make, words):
    with pytest.raises(NumleanError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_mask_that_is_not_boolean_or_of_another_shape_is_refused():
    layer = nn.MultiHeadAttention(2, 1)
    parameters, x = drawn(layer, (4, 2))
    tensors, x = [nl.Tensor.of(S, p) for p in parameters], nl.Tensor.of(S, x)
    with pytest.raises(NumleanError, match=r"array of booleans, .* got float64"):
        layer(tensors, x, EVALUATION, key_padding_mask=np.zeros((2, 4)))
    with pytest.raises(NumleanError, match=r"\(batch, time\) \(2, 4\), got \(4, 2\)"):
        layer(tensors, x, EVALUATION, key_padding_mask=np.zeros((4, 2), bool))
