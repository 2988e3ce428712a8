"""Softmax, related functions and cross-entropy: the bits of their documented formulas, by MPFR."""

import gmpy2
import numpy as np
import pytest

from numlean import Tensor, functional, get_scalar
from numlean.errors import ShapeError, UnknownNameError
from numlean.losses import Reduction, cross_entropy_one_hot

S = get_scalar("float32")
BINARY32 = gmpy2.context(precision=24, emax=128, emin=-148, subnormalize=True)
RNG = np.random.default_rng(67)
X = (4 * RNG.standard_normal((5, 7))).astype(np.float32)
ONE_HOT = np.eye(7, dtype=np.float32)[[3, 0, 6, 6, 1]]


def rounded(name, x):
    function = getattr(BINARY32, name)
    values = [float(function(gmpy2.mpfr(float(v)))) for v in x.flat]
    return np.array(values, np.float32).reshape(x.shape)


def row_sums(x):
    total = np.zeros((len(x), 1), np.float32)
    for k in range(x.shape[1]):
        total = total + x[:, k : k + 1]
    return total


def log_softmax(x):
    shifted = x - x.max(1, keepdims=True)
    return shifted - rounded("log", row_sums(rounded("exp", shifted)))


def bits(x):
    return np.asarray(x, np.float32).view(np.uint32).tolist()


def test_softmax_and_its_logarithm_are_their_formulas():
    powers = rounded("exp", X - X.max(1, keepdims=True))
    assert bits(functional.softmax(Tensor(S, X)).data) == bits(powers / row_sums(powers))
    assert bits(functional.log_softmax(Tensor(S, X)).data) == bits(log_softmax(X))


def test_softmax_of_great_logits_neither_overflows_nor_divides_by_zero():
    x = Tensor.of(S, [[1000.0, 0.0, 1000.0], [-1000.0, -1000.0, -3e38]])
    assert functional.softmax(x).to_float().tolist() == [[0.5, 0, 0.5], [0.5, 0.5, 0]]
    assert np.isfinite(functional.log_softmax(x).to_float()).all()


def test_gelu_by_the_error_function_and_by_tanh_are_their_formulas():
    half, one = np.float32(0.5), np.float32(1)
    exact = (X * half) * (one + rounded("erf", X / np.sqrt(np.float32(2))))
    assert bits(functional.gelu(Tensor(S, X)).data) == bits(exact)
    pi = np.float32(4) * rounded("atan", np.ones(1, np.float32))
    inner = np.sqrt(np.float32(2) / pi) * (X + np.float32(0.044715) * ((X * X) * X))
    approximate = (X * half) * (one + rounded("tanh", inner))
    assert bits(functional.gelu(Tensor(S, X), approximate="tanh").data) == bits(approximate)
    with pytest.raises(UnknownNameError, match="cubic"):
        functional.gelu(Tensor(S, X), approximate="cubic")


def test_silu_is_the_argument_times_its_sigmoid():
    wide = gmpy2.context(precision=200)
    ones = [wide.div(1, wide.add(1, wide.exp(-gmpy2.mpfr(float(v))))) for v in X.flat]
    sigmoid = np.array([float(BINARY32.add(v, 0)) for v in ones], np.float32).reshape(X.shape)
    assert bits(functional.silu(Tensor(S, X)).data) == bits(X * sigmoid)


def test_cross_entropy_is_its_formula_in_its_order():
    products = ONE_HOT * log_softmax(X)
    total = np.float32(0)
    for row in -row_sums(products)[:, 0]:
        total = total + row
    mean = cross_entropy_one_hot()(Tensor(S, X), Tensor(S, ONE_HOT))
    assert bits(mean.data) == bits(total / np.float32(len(X)))
    total = np.float32(0)
    for product in products.ravel():
        total = total + product
    whole = cross_entropy_one_hot(reduction=Reduction.SUM)(Tensor(S, X), Tensor(S, ONE_HOT))
    assert bits(whole.data) == bits(-total)


def test_softmax_of_an_empty_axis_is_refused():
    with pytest.raises(ShapeError, match=r"\(2, 0\)"):
        functional.softmax(Tensor.of(S, np.ones((2, 0))))
