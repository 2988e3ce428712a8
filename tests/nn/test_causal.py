"""Causal attention: later elements have no influence, in any format and in any rounding."""

import numpy as np
import pytest

from numlean import Tensor, functional, get_scalar, nn
from numlean.autograd import primitives as ops
from numlean.autograd import value_and_gradient
from numlean.nn.attention import causal_softmax
from numlean.nn.layer import EVALUATION
from numlean.rng import UniformStream

TIMES = 4
ROUNDINGS = ("ties_to_even", "toward_zero", "toward_positive", "toward_negative")
EVERY = (
    get_scalar("float32"),
    get_scalar("mp:50"),
    *(
        get_scalar(name, "python")  # which spares the compilation
        for name in (
            *("ieee32exec", "bfloat16", "e5m2", "ieee:e3m2", "ieee:e2m1"),
            *(f"e4m3@round={rounding}" for rounding in ROUNDINGS),
        )
    ),
)
every_scalar = pytest.mark.parametrize("scalar", EVERY, ids=lambda scalar: scalar.name)


def same(x, y):
    """Return whether the numbers have the same bits, or values where there are no encodings."""
    return x.scalar.to_bytes(x.data) == y.scalar.to_bytes(y.data)


def scores(scalar, scale=1.0):
    return Tensor.of(scalar, scale * np.sin(np.arange(2.0 * TIMES**2)).reshape(2, TIMES, TIMES))


def by_softmax(softmax):
    """Return a function that adds up the shares, each times its own weight."""

    def number(tensors):
        z = softmax(tensors[0])
        return (z * Tensor.of(z.scalar, np.linspace(0.3, 1.7, z.size).reshape(z.shape))).sum()

    return number


def with_infinities(x):
    mask = np.where(np.tri(TIMES, dtype=bool), 0.0, -np.inf)
    return functional.softmax(x + Tensor.of(x.scalar, mask))


def row_by_row(scalar, x):
    """Return the shares of a matrix, each row computed from its visible elements only."""
    z = np.zeros_like(x)
    z[:] = scalar.from_float(0.0)
    for i, row in enumerate(x):
        seen = row[: i + 1].copy()
        powers = scalar.exp(scalar.sub(seen, scalar.max(seen, keepdims=True)))
        z[i, : i + 1] = scalar.div(powers, scalar.sum(powers, keepdims=True))
    return z


@every_scalar
@pytest.mark.parametrize("part", [0.02, 0.9])
def test_a_row_s_shares_are_a_softmax_of_its_visible_scores(scalar, part):
    x = scores(scalar, part * 2.0 ** (scalar.format.emax if scalar.format else 100))
    z = causal_softmax(x)
    for k in range(2):
        assert same(Tensor(scalar, z.data[k]), Tensor(scalar, row_by_row(scalar, x.data[k])))


@every_scalar
def test_hidden_scores_have_share_and_gradient_plus_zero_whatever_they_are(scalar):
    plain, later = scores(scalar), ~np.tri(TIMES, dtype=bool)
    changed = plain.to_float()
    changed[:, later] = np.resize([np.nan, 2.0, -2.0, np.inf, -np.inf], (2, later.sum()))
    expected = causal_softmax(plain), value_and_gradient(by_softmax(causal_softmax), [plain])[1][0]
    x = Tensor.of(scalar, changed)
    found = causal_softmax(x), value_and_gradient(by_softmax(causal_softmax), [x])[1][0]
    for a, b in zip(expected, found, strict=True):
        assert same(a, b)
        assert not np.isnan(b.to_float()).any()
        hidden = np.ascontiguousarray(b.data[:, later])
        assert same(Tensor(scalar, hidden), Tensor.of(scalar, np.zeros(hidden.shape)))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("format", ["ieee32exec", "e5m2", "ieee:e4m2"])
def test_where_there_are_infinities_the_bits_are_those_of_adding_them(format, rounding):
    scalar = get_scalar(f"{format}@round={rounding}", "python")
    x = scores(scalar)
    assert same(causal_softmax(x), with_infinities(x))
    found, expected = (
        value_and_gradient(by_softmax(softmax), [x])[1][0].to_float()
        for softmax in (causal_softmax, with_infinities)
    )
    assert np.array_equal(found, expected)


@every_scalar
def test_an_output_and_its_gradients_are_those_of_the_past_alone(scalar):
    rng, uniform = np.random.default_rng(151), UniformStream(5)
    values = 0.5 * rng.standard_normal((1, TIMES, 4))
    specs = nn.MultiHeadAttention(4, 2).parameters
    parameters = [Tensor.of(scalar, spec.initial(uniform, spec.shape)) for spec in specs]

    def at_the_end_of(time, x, *, causal):
        def number(tensors):
            z = nn.MultiHeadAttention(4, 2, causal)(tensors[:-1], tensors[-1], EVALUATION)
            here = ops.slice_(z, (slice(None), slice(time, time + 1)))
            return (here * Tensor.of(scalar, [0.5, -1.0, 1.0, 0.25])).sum()

        value, gradients = value_and_gradient(number, [*parameters, Tensor.of(scalar, x)])
        return [tensor.to_float() for tensor in (value, *gradients)]

    for time in range(TIMES):
        past, future = slice(time + 1), slice(time + 1, None)
        *found, by_x = at_the_end_of(time, values, causal=True)
        expected = at_the_end_of(time, values[:, past], causal=False)
        for a, b in zip((*found, by_x[:, past]), expected, strict=True):
            assert np.array_equal(a, b)
        assert not by_x[:, future].any()
