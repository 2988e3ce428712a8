"""The bits of layers: the same in every binary32, and those of their formulas in their order."""

import numpy as np
import pytest

from numlean import Tensor, get_scalar, nn
from numlean.autograd import value_and_gradient
from numlean.autograd.indices import INDEX
from numlean.nn.layer import EVALUATION

S = get_scalar("float32")
RNG = np.random.default_rng(113)


def bits(x):
    return np.ascontiguousarray(x, np.float32).view(np.uint32).tolist()


def results(case, number, scalar):
    tensors = case.tensors(scalar)
    value, gradients = value_and_gradient(number(case.program), tensors)
    return [scalar.to_bits(x.data).tolist() for x in (case.program(tensors), value, *gradients)]


def test_outputs_and_gradients_are_the_same_bits_in_hardware_and_emulated(case, number):
    assert results(case, number, S) == results(case, number, get_scalar("ieee32exec"))


def total(terms, shape=()):
    z = np.zeros(shape, np.float32)
    for term in terms:
        z = z + term
    return z


def transcribed_convolution(x, weight, bias, g, stride, padding):
    """Return the output and the gradients by x, weight and bias, by loops in the stated order."""
    (batch, channels, *_), (out, _, rows, columns) = x.shape, weight.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    places = list(np.ndindex(batch, *g.shape[2:]))
    within = list(np.ndindex(channels, rows, columns))

    def at(i, j, r, c):
        return i * stride + r, j * stride + c

    z, g_weight = np.zeros_like(g), np.zeros_like(weight)
    for o in range(out):
        for b, i, j in places:
            used = (weight[o, k, r, c] * padded[b, k, *at(i, j, r, c)] for k, r, c in within)
            z[b, o, i, j] = total(used) + bias[o]
        for k, r, c in within:
            used = (g[b, o, i, j] * padded[b, k, *at(i, j, r, c)] for b, i, j in places)
            g_weight[o, k, r, c] = total(used)
    g_padded = np.zeros_like(padded)
    for k, r, c in within:
        for b, i, j in places:
            part = total(weight[o, k, r, c] * g[b, o, i, j] for o in range(out))
            where = (b, k, *at(i, j, r, c))
            g_padded[where] = g_padded[where] + part
    inner = slice(padding, -padding)
    g_bias = total(g[b, :, i, j] for b, i, j in places)
    return z, g_padded[:, :, inner, inner], g_weight, g_bias


def test_a_convolution_adds_in_the_order_it_states():
    layer = nn.Conv2d(3, 2, (2, 3), stride=2, padding=1)
    x, weight, bias = (
        RNG.standard_normal(shape).astype(np.float32)
        for shape in ((2, 3, 5, 6), (2, 3, 2, 3), (2,))
    )
    g = RNG.standard_normal((2, *layer.output_shape((3, 5, 6)))).astype(np.float32)

    def number(tensors):
        z = layer(tensors[1:], tensors[0], EVALUATION)
        assert bits(S.copy(z.data)) == bits(expected[0])
        return (z * Tensor(S, g)).sum()

    expected = transcribed_convolution(x, weight, bias, g, 2, 1)
    _, gradients = value_and_gradient(number, [Tensor(S, a) for a in (x, weight, bias)])
    for gradient, values in zip(gradients, expected[1:], strict=True):
        assert bits(gradient.data) == bits(values)


def test_pools_take_the_numbers_that_their_windows_cover():
    x = np.array([[[1, 5, 2], [4, -3, 0], [7, 7, -9]]], np.float32)

    def pooled(layer):
        return layer((), Tensor(S, x[np.newaxis]), EVALUATION).to_float()[0, 0].tolist()

    assert pooled(nn.MaxPool2d(2, stride=1)) == [[5, 5], [7, 7]]
    assert pooled(nn.MaxPool2d(2)) == [[5]]
    assert pooled(nn.MaxPool2d(2, padding=1)) == [[1, 5], [7, 7]]
    assert pooled(nn.AvgPool2d((3, 1), stride=(1, 2))) == [[4, -7 / np.float32(3)]]
    assert pooled(nn.AvgPool2d(2, padding=1)) == [[0.25, 1.75], [2.75, -1.25]]
    sharp = np.array(pooled(nn.SmoothMaxPool2d(2, beta=64.0, stride=1)))
    assert np.abs(sharp - [[5, 5], [7, 7]]).max() < np.log(4) / 64


def test_padding_is_never_the_greatest_and_ties_go_to_the_first():
    x = Tensor.of(S, -np.ones((1, 1, 2, 2)))
    pool = nn.MaxPool2d(2, stride=1, padding=1)

    def number(tensors):
        z = pool((), tensors[0], EVALUATION)
        assert (z.to_float() == -1).all()
        return z.sum()

    (gradient,) = value_and_gradient(number, [x])[1]
    assert gradient.to_float().tolist() == [[[[4, 2], [2, 1]]]]


def test_the_greatest_of_numbers_with_nans_is_a_nan_and_the_first_has_the_gradient():
    x = Tensor.of(S, [[[[1.0, np.nan], [np.nan, 3.0]]]])

    def number(tensors):
        return nn.MaxPool2d(2)((), tensors[0], EVALUATION).sum()

    value, (gradient,) = value_and_gradient(number, [x])
    assert np.isnan(value.item())
    assert gradient.to_float().ravel().tolist() == [0, 1, 0, 0]


def test_rows_of_an_embedding_gather_their_gradients_in_order():
    tokens = np.array([[2, 0, 2], [2, 1, 2]])
    g = (RNG.standard_normal((2, 3, 2)) * 10.0 ** RNG.integers(-3, 4, (2, 3, 2))).astype(np.float32)
    weight = RNG.standard_normal((4, 2)).astype(np.float32)

    def number(tensors):
        z = nn.Embedding(4, 2)(tensors, Tensor(INDEX, tokens), EVALUATION)
        assert bits(z.data) == bits(weight[tokens])
        return (z * Tensor(S, g)).sum()

    (gradient,) = value_and_gradient(number, [Tensor(S, weight)])[1]
    expected = [total(g[tokens == row], (2,)) for row in range(4)]
    assert bits(gradient.data) == bits(expected)


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_a_linear_layer_works_along_the_last_axis_whatever_stands_before(leading):
    layer = nn.Linear(3, 2)
    weight, bias = Tensor.of(S, RNG.standard_normal((2, 3))), Tensor.of(S, [0.5, -0.5])
    x = Tensor.of(S, RNG.standard_normal((4, *leading, 3)))
    z = layer((weight, bias), x, EVALUATION)
    flat = layer((weight, bias), x.reshape(-1, 3), EVALUATION)
    assert z.shape == (4, *leading, 2)
    assert bits(z.data.reshape(-1, 2)) == bits(flat.data)


def test_layer_norm_is_its_formula():
    x = RNG.standard_normal((2, 5)).astype(np.float32)
    weight, bias = RNG.standard_normal((2, 5)).astype(np.float32)
    rows = []
    for row in x:
        shifted = row - total(row) / np.float32(5)
        variance = total(shifted * shifted) / np.float32(5)
        rows.append(shifted / np.sqrt(variance + np.float32(1e-5)) * weight + bias)
    z = nn.LayerNorm(5)((Tensor(S, weight), Tensor(S, bias)), Tensor(S, x), EVALUATION)
    assert bits(z.data) == bits(rows)


def test_a_gated_scan_is_its_recurrence():
    layer, rng = nn.GatedScan(2, 3), np.random.default_rng(127)
    w_in, b_in, w_out, b_out = (rng.standard_normal(spec.shape) for spec in layer.parameters)
    x = rng.standard_normal((4, 2))
    u, p, q, r = np.split(x @ w_in.T + b_in, 4, axis=1)
    a, b = (1 / (1 + np.exp(-y)) for y in (p, q))
    h, states = np.zeros(3), []
    for t in range(4):
        h = a[t] * h + b[t] * u[t]
        states.append(h)
    expected = (np.array(states) * r / (1 + np.exp(-r))) @ w_out.T + b_out
    double = get_scalar("float64")
    parameters = [Tensor.of(double, p) for p in (w_in, b_in, w_out, b_out)]
    z = layer(parameters, Tensor.of(double, x[np.newaxis]), EVALUATION)
    assert np.allclose(z.to_float()[0], expected, rtol=1e-14, atol=1e-14)
