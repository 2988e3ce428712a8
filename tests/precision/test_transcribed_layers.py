"""Convolution, attention and LSTM by bf16-mixed, transcribed with numpy, ml_dtypes and MPFR.

The output and the gradient of every parameter and of the input, as integers. Nothing in numlean
computes the expected values.
"""

import numpy as np
import pytest

from bfloat16_numpy import BF16, F32, affine, gradients_of, product, rounded_once, sums_along
from layer_cases import weighted
from numlean import Options, Task, Tensor, instantiate, nn
from numlean.autograd import value_and_gradient
from numlean.nn.layer import Context, Mode
from numlean.precision import policies

RNG = np.random.default_rng(41)


def computed(layer, x, policy="bf16-mixed"):
    """Return a layer's output for bfloat16 inputs, its cotangent, the parameters and gradients.

    The cotangent is that of the weighted sum of the outputs; the last gradient is the input's.
    """
    model = nn.Sequential(layer)
    initial = [RNG.normal(size=spec.shape) for spec in model.parameters]
    options = Options(device="python")
    runner = instantiate(Task.regression(model), policies.get(policy), options, initial=initial)
    precision, specs = runner.precision, model.parameters
    (narrow,) = (each for each in precision.everything if each.name == "bfloat16")
    context = Context(Mode.TRAIN, arithmetics=precision.layers)

    def program(tensors):
        return model(precision.copies(specs, tensors[:-1]), tensors[-1], context)

    tensors = [*runner.params, Tensor.of(narrow, x)]
    z = program(tensors)
    _, gradients = value_and_gradient(lambda watched: weighted(program, watched), tensors)
    g = np.linspace(0.3, 1.7, z.size).reshape(z.shape).astype(BF16)
    parameters = [p.to_float().astype(F32).astype(BF16) for p in runner.params]
    return [z, *gradients], g, parameters, tensors[-1].to_float().astype(BF16)


def assert_same(found, expected):
    assert [t.dtype for t in found] == ["bfloat16", *["float32"] * (len(found) - 2), "bfloat16"]
    assert len(found) == len(expected)
    for k, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        bits = theirs.view({2: np.uint16, 4: np.uint32}[theirs.dtype.itemsize])
        assert ours.scalar.to_bits(ours.data).astype(int).tolist() == bits.astype(int).tolist(), k


def convolution(x, weight, bias, g, *, stride, padding, groups):
    """Return the output and the gradients of weight, bias and input, one place at a time."""
    (batch, ins, height, width), (outs, per_group, *kernel) = x.shape, weight.shape
    _, _, rows, columns = g.shape
    z = np.zeros(g.shape, BF16)
    d_weight, d_bias = np.zeros(weight.shape, F32), np.zeros(outs, F32)
    # By place that the kernel covers, then by position: the order in which parts of dx are added.
    parts = np.zeros((ins, *kernel, batch, rows, columns), F32)
    d_x = np.zeros(x.shape, F32)

    def place(k, position):
        """Return a place of the kernel in the image; None in the padding."""
        at = [p * s + i - pad for p, s, i, pad in zip(position, stride, k, padding, strict=True)]
        return tuple(at) if 0 <= at[0] < height and 0 <= at[1] < width else None

    for n, row, column in np.ndindex(batch, rows, columns):
        for o in range(outs):
            first, sum_ = o // (outs // groups) * per_group, F32(0)
            for i, *k in np.ndindex(per_group, *kernel):
                at = place(k, (row, column))
                value = F32(0) if at is None else F32(x[n, first + i, *at])
                sum_ = F32(sum_ + F32(value * F32(weight[o, i, *k])))
                d_weight[o, i, *k] += F32(g[n, o, row, column]) * value
                parts[first + i, *k, n, row, column] += F32(g[n, o, row, column]) * F32(
                    weight[o, i, *k]
                )
            z[n, o, row, column] = BF16(sum_ + F32(bias[o]))
            d_bias[o] += F32(g[n, o, row, column])
    for i, ky, kx, n, row, column in np.ndindex(parts.shape):
        at = place((ky, kx), (row, column))
        if at is not None:
            d_x[n, i, *at] += parts[i, ky, kx, n, row, column]
    rounded = [each.astype(BF16).astype(F32) for each in (d_weight, d_bias)]
    return [z, *rounded, d_x.astype(BF16)]


@pytest.mark.parametrize(
    "settings",
    [
        {"stride": (1, 1), "padding": (1, 1), "groups": 1},
        {"stride": (2, 1), "padding": (0, 1), "groups": 2},
    ],
)
def test_a_convolution_rounds_the_sums_of_each_of_its_products_once(settings):
    layer = nn.Conv2d(2, 4, (3, 2), **settings)
    found, g, parameters, x = computed(layer, RNG.normal(size=(2, 2, 4, 3)))
    assert_same(found, convolution(x, *parameters, g, **settings))


def products(a, b):
    return np.array([product(x, y) for x, y in zip(a, b, strict=True)]).astype(BF16)


def turned(x):
    return x.transpose(0, 2, 1)


def attention(x, w_in, b_in, w_out, b_out, g, heads):
    """Return the output and all gradients of attention without a mask."""
    batch, times, features = x.shape
    d = features // heads

    def split(y):
        by_head = y.reshape(batch, times, heads, d).transpose(0, 2, 1, 3)
        return by_head.reshape(batch * heads, times, d)

    def join(y):
        return y.reshape(batch, heads, times, d).transpose(0, 2, 1, 3).reshape(-1, features)

    rows, g = x.reshape(-1, features), g.reshape(-1, features)
    q, k, v = (split(y) for y in np.split(affine(rows, w_in, b_in), 3, axis=1))
    root = BF16(np.sqrt(d))
    scores = (products(q, turned(k)) / root).astype(F32)
    powers = rounded_once("exp", scores - scores.max(axis=2, keepdims=True))
    total = sums_along(powers, 2)[:, :, None]
    shares = powers / total
    joined = join(products(shares.astype(BF16), v))
    z = affine(joined, w_out, b_out)

    by_out = gradients_of(joined, g)
    by_z = split(product(g, w_out).astype(BF16))
    by_shares = products(by_z, turned(v)).astype(F32)
    by_v = products(turned(shares.astype(BF16)), by_z)
    by_total = sums_along(-(by_shares * shares / total), 2)[:, :, None]
    by_scores = ((by_shares / total + by_total) * powers).astype(BF16) / root
    by_q, by_k = products(by_scores, k), turned(products(turned(q), by_scores))
    by_rows = np.concatenate([join(each) for each in (by_q, by_k, by_v)], axis=1)
    by_x = product(by_rows, w_in).astype(BF16)
    return [z.reshape(x.shape), *gradients_of(rows, by_rows), *by_out, by_x.reshape(x.shape)]


def test_attention_multiplies_in_bfloat16_and_takes_shares_in_float32():
    found, g, parameters, x = computed(nn.MultiHeadAttention(4, 2), RNG.normal(size=(2, 3, 4)))
    assert_same(found, attention(x, *parameters, g, heads=2))


def lstm(x, w_ih, w_hh, b_ih, b_hh, g):
    """Return the outputs and all gradients; gradients of a time are added from the last on."""
    batch, times, _ = x.shape
    hidden, one = w_hh.shape[1], BF16(1)
    rows = x.reshape(batch * times, -1)
    p = affine(rows, w_ih, b_ih).reshape(batch, times, -1)
    h = c = np.zeros((batch, hidden), BF16)
    kept, outputs = [], []
    for t in range(times):
        parts = np.split(p[:, t] + affine(h, w_hh, b_hh), 4, axis=1)
        i, f, o = (sigmoid(parts[k]) for k in (0, 1, 3))
        m = rounded_once("tanh", parts[2])
        after = f * c + i * m
        kept.append((h, c, i, f, m, o, rounded_once("tanh", after)))
        c, h = after, o * rounded_once("tanh", after)
        outputs.append(h)

    by_p = np.zeros(p.shape, BF16)
    by_w, by_b, by_h, by_c = None, None, None, None
    for t in reversed(range(times)):
        before, c, i, f, m, o, tanh_c = kept[t]
        by_h = g[:, t] if by_h is None else g[:, t] + by_h
        through = by_h * o * (one - tanh_c * tanh_c)
        by_c = through if by_c is None else by_c + through
        parts = [
            by_c * m * (i * (one - i)),
            by_c * c * (f * (one - f)),
            by_c * i * (one - m * m),
            by_h * tanh_c * (o * (one - o)),
        ]
        by_p[:, t] = by_s = np.concatenate(parts, axis=1)
        by_h, by_c = product(by_s, w_hh).astype(BF16), by_c * f
        weight, bias = (each.astype(BF16) for each in gradients_of(before, by_s))
        by_w, by_b = (weight, bias) if by_w is None else (by_w + weight, by_b + bias)
    by_rows = by_p.reshape(batch * times, -1)
    w, b = gradients_of(rows, by_rows)
    by_x = product(by_rows, w_ih).astype(BF16).reshape(x.shape)
    return [np.stack(outputs, axis=1), w, by_w.astype(F32), b, by_b.astype(F32), by_x]


def sigmoid(x):
    """Return 1 / (1 + exp(-x)) of bfloat16 numbers, from float64, rounded once."""
    return (1 / (1 + np.exp(-x.astype(np.float64)))).astype(BF16)


def test_an_lstm_computes_in_bfloat16_between_its_products():
    found, g, parameters, x = computed(nn.LSTM(3, 2), RNG.normal(size=(2, 3, 3)))
    assert_same(found, lstm(x, *parameters, g))
