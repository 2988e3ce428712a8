"""Whole runs of xor, transcribed with numpy and MPFR alone: every bit of every parameter.

Nothing in numlean computes the expected values: initial values and sample order come from numpy's
Philox, sums and products from explicit loops, tanh from MPFR, digests from hashlib.
"""

import hashlib
from fractions import Fraction

import gmpy2
import numpy as np
import pytest

from numlean import (
    Options,
    TrainConfig,
    get_scalar,
    get_task,
    instantiate,
    state_digest,
    value_digest,
)
from numlean.errors import UnavailableError
from numlean.optim import sgd
from numlean.training import run_steps

STEPS = 20
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float64)
Y = np.array([[0], [1], [1], [0]], np.float64)
SHAPES = {"0.weight": (8, 2), "0.bias": (8,), "2.weight": (1, 8), "2.bias": (1,)}
CONTEXTS = {
    np.float32: gmpy2.context(precision=24, emax=128, emin=-148, subnormalize=True),
    np.float64: gmpy2.context(precision=53, emax=1024, emin=-1073, subnormalize=True),
}


def tanh(x):
    context = CONTEXTS[x.dtype.type]
    values = [float(context.tanh(gmpy2.mpfr(float(v)))) for v in x.flat]
    return np.array(values).astype(x.dtype).reshape(x.shape)


def matmul(a, b):
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] = c[i, j] + a[i, k] * b[k, j]
    return c


def column_sums(x):
    total = np.zeros(x.shape[1], x.dtype)
    for row in x:
        total = total + row
    return total


def initial(seed):
    uniform = np.random.Generator(np.random.Philox(seed))
    values = {}
    for name, shape in SHAPES.items():
        values[name] = np.zeros(shape)
        if len(shape) == 2:
            values[name] = (2 * uniform.random(shape) - 1) * np.sqrt(6 / (shape[0] + shape[1]))
    return values


def epoch_order(seed, epoch):
    sequence = np.random.SeedSequence(seed, spawn_key=(epoch,))
    keys = np.random.Generator(np.random.Philox(sequence)).random(4)
    return np.argsort(keys, kind="stable")


def transcription(kind, steps, seed):
    lr, momentum = kind(0.1), kind(0.9)
    p = {name: value.astype(kind) for name, value in initial(seed).items()}
    buffers = {name: np.zeros(shape, kind) for name, shape in SHAPES.items()}
    losses = []
    for step in range(steps):
        order = epoch_order(seed, step)
        x, y = X[order].astype(kind), Y[order].astype(kind)
        hidden = tanh(matmul(x, p["0.weight"].T) + p["0.bias"])
        error = matmul(hidden, p["2.weight"].T) + p["2.bias"] - y
        losses.append(column_sums(error * error)[0] / kind(4))
        each = kind(1) / kind(4)
        g_error = each * error + each * error
        g_hidden = matmul(g_error, p["2.weight"]) * (kind(1) - hidden * hidden)
        gradients = {
            "0.weight": matmul(x.T, g_hidden).T,
            "0.bias": column_sums(g_hidden),
            "2.weight": matmul(hidden.T, g_error).T,
            "2.bias": column_sums(g_error),
        }
        buffers = {name: buffers[name] * momentum + gradients[name] for name in p}
        p = {name: p[name] - buffers[name] * lr for name in p}
    return p, losses


def independent_value_digest(parameters):
    digest = hashlib.sha256()
    for name, values in parameters.items():
        content = "\n".join(map(exact_text, values.astype(np.float64).flat)).encode()
        digest.update(f"{name} {values.shape} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def exact_text(value):
    """Return sign, odd significand and exponent of a finite number, in hexadecimal."""
    if value == 0:
        return "0:0:0"
    magnitude, e = abs(Fraction(value)), 0
    while magnitude.denominator > 1:
        magnitude, e = magnitude * 2, e - 1
    n = magnitude.numerator
    while n % 2 == 0:
        n, e = n // 2, e + 1
    return f"{int(value < 0)}:{n:x}:{e:x}"


def run(dtype, steps=STEPS, seed=0):
    losses = []
    try:
        scalar = get_scalar(dtype)
    except UnavailableError as error:
        pytest.skip(str(error))
    task = get_task("xor")
    config = TrainConfig(steps, 4, sgd(0.1, 0.9), seed=seed)
    runner = instantiate(task.task, scalar, Options(seed=seed))
    run_steps(runner, config, task.load().train, on_step=lambda _, loss: losses.append(loss.item()))
    return runner.named_parameters, losses


@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("float32", np.float32),
        ("ieee32exec", np.float32),
        ("softfloat32", np.float32),
        ("mp:24", np.float32),
        ("float64", np.float64),
        ("binary64exec", np.float64),
        ("mp:53", np.float64),
    ],
)
def test_a_run_has_the_values_of_its_transcription_in_numpy_and_mpfr(dtype, kind, seed):
    named, losses = run(dtype, seed=seed)
    parameters, expected_losses = transcription(kind, STEPS, seed)
    assert [name for name, _ in named] == list(parameters)
    for name, tensor in named:
        bits = tensor.to_float().view(np.uint64)
        expected = parameters[name].astype(np.float64).view(np.uint64)
        assert bits.tolist() == expected.tolist(), name
    assert losses == [float(loss) for loss in expected_losses]
    assert value_digest(named) == independent_value_digest(parameters)


GOLDEN_STATE = "84119f34a311d3074283ebfa4a68ffa0552fba13dfb6e6aa573b86786a5b2108"


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec", "softfloat32"])
def test_twenty_steps_of_xor_in_binary32_end_in_one_known_state(dtype):
    named, _ = run(dtype)
    assert state_digest(named) == GOLDEN_STATE


def test_the_known_state_is_the_transcription_s():
    digest = hashlib.sha256()
    parameters, _ = transcription(np.float32, STEPS, 0)
    for name, values in parameters.items():
        content = values.astype("<f4").tobytes()
        digest.update(f"{name} {values.shape} {len(content)}\n".encode() + content)
    assert digest.hexdigest() == GOLDEN_STATE
