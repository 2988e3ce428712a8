"""Every operation of a session: values, gradients, and the same bits when it is replayed."""

from functools import partial

import mpmath
import numpy as np
import pytest

from numlean import Session, Tensor, get_scalar
from numlean.errors import ShapeError

RNG = np.random.default_rng(149)
H = mpmath.mpf(2) ** -60
MP = get_scalar("mp:200")


def draw(*shape):
    return RNG.uniform(0.5, 2.0, shape) * RNG.choice([-1.0, 1.0], shape)


def positive(*shape):
    return RNG.uniform(0.5, 2.0, shape)


A, B, V, W = draw(3, 4), draw(3, 4), draw(5), draw(2)
CUBE, IMAGE = draw(2, 3, 4), draw(2, 5, 6)
softmax = np.exp(A) / np.exp(A).sum(-1, keepdims=True)


def normalized(x, weight, bias):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5) * weight + bias


def windows(x, size, stride):
    """Return an array (positions down, positions across, channels, size, size)."""
    view = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    return view[:, ::stride, ::stride].transpose(1, 2, 0, 3, 4)


def convolved(x, weight, bias, stride, padding):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    patches = windows(x, weight.shape[2], stride)
    return np.einsum("hwcij,ocij->ohw", patches, weight) + bias[:, None, None]


def attended(x, w_in, b_in, w_out, b_out):
    q, k, v = np.split(x @ w_in.T + b_in, 3, axis=1)
    scores = q @ k.T / np.sqrt(q.shape[1])
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    return weights @ v @ w_out.T + b_out


def added(x, index, values):
    x = x.copy()
    np.add.at(x, index, values)
    return x


KERNEL, BIAS = draw(3, 2, 3, 3), draw(3)
SEQUENCE = (draw(3, 4), draw(12, 4), draw(12), draw(4, 4), draw(4))

CASES = {
    "add": (Session.add, (A, B), A + B),
    "sub": (Session.sub, (A, B[0]), A - B[0]),
    "mul": (Session.mul, (A, B), A * B),
    "scale": (partial(Session.scale, factor=0.375), (A,), A * 0.375),
    "abs": (Session.abs, (A,), np.abs(A)),
    "sqrt": (Session.sqrt, (np.abs(A),), np.sqrt(np.abs(A))),
    "exp": (Session.exp, (A,), np.exp(A)),
    "log": (Session.log, (np.abs(A),), np.log(np.abs(A))),
    "safe_log": (
        partial(Session.safe_log, epsilon=0.25),
        (A,),
        np.log(np.maximum(A, 0.25)),
    ),
    "clamp": (partial(Session.clamp, low=-1.0, high=0.75), (A,), np.clip(A, -1.0, 0.75)),
    "max": (Session.max, (A, B), np.maximum(A, B)),
    "min": (Session.min, (A, B), np.minimum(A, B)),
    "relu": (Session.relu, (A,), np.maximum(A, 0)),
    "sigmoid": (Session.sigmoid, (A,), 1 / (1 + np.exp(-A))),
    "tanh": (Session.tanh, (A,), np.tanh(A)),
    "softplus": (Session.softplus, (A,), np.log1p(np.exp(A))),
    "softmax": (Session.softmax, (A,), softmax),
    "broadcast_to": (
        partial(Session.broadcast_to, shape=(3, 2)),
        (W,),
        np.broadcast_to(W, (3, 2)),
    ),
    "reshape": (partial(Session.reshape, shape=(4, -1)), (CUBE,), CUBE.reshape(4, -1)),
    "flatten": (Session.flatten, (CUBE,), CUBE.ravel()),
    "transpose": (Session.transpose, (CUBE,), CUBE.transpose()),
    "transpose_2d": (Session.transpose_2d, (A,), A.T),
    "transpose_3d_first_to_last": (
        Session.transpose_3d_first_to_last,
        (CUBE,),
        np.moveaxis(CUBE, 0, -1),
    ),
    "transpose_3d_last_to_first": (
        Session.transpose_3d_last_to_first,
        (CUBE,),
        np.moveaxis(CUBE, -1, 0),
    ),
    "transpose_3d_last_two": (Session.transpose_3d_last_two, (CUBE,), CUBE.swapaxes(1, 2)),
    "swap_adjacent": (partial(Session.swap_adjacent, axis=0), (CUBE,), CUBE.swapaxes(0, 1)),
    "concat": (
        lambda s, a, b: s.concat([a, b, a], axis=1),
        (A, B[:, :2]),
        np.concatenate([A, B[:, :2], A], 1),
    ),
    "slice": (partial(Session.slice, start=1, stop=3, axis=1), (A,), A[:, 1:3]),
    "gather_scalar": (lambda s, x: s.gather_scalar(x, 3), (V,), V[3]),
    "gather_vec": (lambda s, x: s.gather_vec(x, [4, 0, 4]), (V,), V[[4, 0, 4]]),
    "gather_row": (lambda s, x: s.gather_row(x, 2), (A,), A[2]),
    "gather_rows": (lambda s, x: s.gather_rows(x, [2, 2, 0]), (A,), A[[2, 2, 0]]),
    "scatter_add_vec": (
        lambda s, x, y: s.scatter_add_vec(x, [4, 1, 4], y),
        (V, draw(3)),
        None,
    ),
    "scatter_add_row": (
        lambda s, x, y: s.scatter_add_row(x, [2, 2], y),
        (A, draw(2, 4)),
        None,
    ),
    "sum": (Session.sum, (CUBE,), CUBE.sum()),
    "reduce_sum": (partial(Session.reduce_sum, axis=1), (CUBE,), CUBE.sum(1)),
    "reduce_mean": (partial(Session.reduce_mean, axis=2), (CUBE,), CUBE.mean(2)),
    "matmul": (Session.matmul, (A, draw(4, 2)), None),
    "bmm": (Session.bmm, (CUBE, draw(2, 4, 2)), None),
    "linear": (Session.linear, (draw(4), draw(2, 4), W), None),
    "linear of a batch": (Session.linear, (A, draw(2, 4), W), None),
    "mse_loss": (Session.mse_loss, (A, B), ((A - B) ** 2).mean()),
    "layer_norm": (Session.layer_norm, (A, draw(4), draw(4)), None),
    "conv2d": (partial(Session.conv2d, stride=2, padding=1), (IMAGE, KERNEL, BIAS), None),
    "max_pool2d": (partial(Session.max_pool2d, kernel=2), (IMAGE,), None),
    "avg_pool2d": (partial(Session.avg_pool2d, kernel=2, stride=1), (IMAGE,), None),
    "smooth_max_pool2d": (
        partial(Session.smooth_max_pool2d, kernel=2, beta=2.0),
        (IMAGE,),
        None,
    ),
    "multi_head_attention": (partial(Session.multi_head_attention, heads=1), SEQUENCE, None),
}
FORMULAS = {
    "scatter_add_vec": lambda x, y: added(x, [4, 1, 4], y),
    "scatter_add_row": lambda x, y: added(x, [2, 2], y),
    "matmul": np.matmul,
    "bmm": np.matmul,
    "linear": lambda x, w, b: w @ x + b,
    "linear of a batch": lambda x, w, b: x @ w.T + b,
    "layer_norm": normalized,
    "conv2d": lambda x, w, b: convolved(x, w, b, 2, 1),
    "max_pool2d": lambda x: windows(x, 2, 2).max((3, 4)).transpose(2, 0, 1),
    "avg_pool2d": lambda x: windows(x, 2, 1).mean((3, 4)).transpose(2, 0, 1),
    "smooth_max_pool2d": lambda x: (
        np.log(np.exp(2 * windows(x, 2, 2)).sum((3, 4))).transpose(2, 0, 1) / 2
    ),
    "multi_head_attention": attended,
}


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_numpy_in_binary64(name):
    operation, operands, expected = CASES[name]
    session = Session("float64")
    found = session.get_value(operation(session, *map(session.input, operands))).to_float()
    if expected is None:
        expected = FORMULAS[name](*operands)
    assert found.shape == np.shape(expected)
    assert np.allclose(found, expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_central_differences_at_200_bits(name):
    operation, operands, _ = CASES[name]
    session, rng = Session(MP), np.random.default_rng(151)
    refs = [session.input(x) for x in operands]
    z = operation(session, *refs)
    cotangent = rng.standard_normal(session.get_value(z).shape)
    session.backward_all(z, cotangent)
    directions = [rng.standard_normal(x.shape) for x in operands]

    def moved(step):
        with mpmath.workprec(400):
            arrays = [
                MP.from_exact(x.astype(object) * mpmath.mpf(1) + d.astype(object) * step)
                for x, d in zip(operands, directions, strict=True)
            ]
            other = Session(MP)
            refs = [other.input(Tensor(MP, array)) for array in arrays]
            value = other.get_value(operation(other, *refs))
            return mpmath.fdot(MP.to_exact(value.data).ravel(), cotangent.ravel())

    with mpmath.workprec(400):
        difference = (moved(H) - moved(-H)) / (2 * H)
        gradients = [MP.to_exact(session.grad(ref).data).ravel() for ref in refs]
        slope = sum(mpmath.fdot(g, d.ravel()) for g, d in zip(gradients, directions, strict=True))
        assert abs(difference - slope) <= mpmath.mpf(2) ** -90 * (1 + abs(slope))


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec"])
@pytest.mark.parametrize("name", CASES)
def test_a_replayed_operation_has_the_bits_of_an_eager_one(name, dtype):
    operation, operands, _ = CASES[name]
    seen = []
    for backend in ("eager", "compiled"):
        session, rng, found = Session(dtype, backend), np.random.default_rng(157), []
        for _ in range(3):
            refs = [session.input(rng.uniform(0.5, 2.0, x.shape)) for x in operands]
            z = operation(session, *refs)
            session.backward_scalar(session.sum(session.mul(z, z)))
            found += [session.get_value(z), *(session.grad(ref) for ref in refs)]
            session.reset_tape()
        seen.append([t.scalar.to_bytes(t.data) for t in found])
    assert seen[0] == seen[1]


def test_every_operation_of_the_table_is_here():
    names = """add sub mul scale abs sqrt clamp max min broadcast_to reshape transpose_2d
        transpose_3d_first_to_last transpose_3d_last_to_first transpose_3d_last_two swap_adjacent
        reduce_sum reduce_mean gather_scalar gather_row gather_rows gather_vec scatter_add_vec
        scatter_add_row matmul bmm concat slice max_pool2d smooth_max_pool2d avg_pool2d relu sigmoid
        tanh softmax softplus exp log safe_log sum flatten linear mse_loss layer_norm conv2d
        multi_head_attention"""
    assert set(names.split()) <= set(CASES)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda s, x: s.swap_adjacent(x, 1), "axes 1 and 2"),
        (lambda s, x: s.slice(x, 2, 9), r"from 2 to 9 along axis 0 of shape \(3, 4\)"),
        (lambda s, x: s.gather_vec(x, [0]), r"a vector here, got shape \(3, 4\)"),
        (lambda s, x: s.gather_row(s.flatten(x), 0), r"a matrix here, got shape \(12,\)"),
        (lambda s, x: s.scatter_add_row(x, [0], x), r"\(3, 4\) at indices of shape \(1,\)"),
        (lambda s, x: s.mse_loss(x, s.flatten(x)), r"\(3, 4\) and \(12,\)"),
        (lambda s, x: s.conv2d(x, x, x), r"got shape \(3, 4\)"),
        (lambda s, x: s.layer_norm(x, s.input([1.0] * 4), s.input([1.0])), r"bias of shape \(4,\)"),
        (lambda s, x: s.max_pool2d(x, 2), "MaxPool2d"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_and_shown(make, words):
    session = Session("float32")
    with pytest.raises(ShapeError, match=words):
        make(session, session.input(A))
