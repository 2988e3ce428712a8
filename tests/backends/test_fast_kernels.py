"""Hardware arithmetic and vector kernels in the place of plain ones give the same bits."""

from dataclasses import replace

import numpy as np
import pytest

from numlean import (
    CountingScalar,
    NumleanError,
    Options,
    TrainConfig,
    get_scalar,
    get_task,
    instantiate,
)
from numlean.digest import state_digest
from numlean.optim import sgd
from numlean.training import run_steps
from numlean.verification.operands import operands
from numlean_kernels.protocol import KernelCall
from numlean_kernels.targets.recording import RecordingTarget

SHAPES = ((1, 1, 1), (2, 0, 3), (8, 5, 16), (9, 7, 33), (17, 3, 64), (3, 50, 100), (32, 64, 10))
RNG = np.random.default_rng(101)


def both(dtype):
    return get_scalar(dtype), get_scalar(dtype, fast_kernels=True)


def same(scalar, x, y):
    return np.array_equal(scalar.to_bits(x), scalar.to_bits(y))


# `numlean bench kernels` compares both in every dtype before it measures them.
@pytest.mark.parametrize(
    ("dtype", "contraction"),
    [
        ("float32", "separate"),
        ("float32", "fma"),
        ("float64", "fma"),
        ("ieee32exec", "fma"),
        ("binary64exec", "separate"),
        ("bfloat16", "separate"),
        ("e5m2", "fma"),
    ],
)
def test_vector_products_are_the_plain_loop_s(dtype, contraction):
    plain, fast = both(dtype)
    for n, k, m in SHAPES:
        spread = 10.0 ** RNG.integers(-25, 25, (n, k))
        a = plain.from_float(RNG.standard_normal((n, k)) * spread)
        b = plain.from_float(RNG.standard_normal((k, m)))
        for _ in range(2):
            products = (s.matmul(a, b, contraction=contraction) for s in (plain, fast))
            assert same(plain, *products), (n, k, m)
            if k > 1:  # once more with NaNs, infinities and zeros among them
                a[0, :2] = plain.from_float([np.nan, np.inf])
                a[-1, 0] = plain.from_float(-0.0)
                b[1, -1] = plain.from_float(-np.inf)
                bits = plain.to_bits(a[0, :1]) | 5
                a[0, :1] = plain.neg(plain.from_bits(bits))


def test_products_read_transposed_operands_where_they_are():
    plain, fast = both("float32")
    steps = []
    recording = replace(fast, target=RecordingTarget(fast.target, steps))
    x, y = (plain.from_float(RNG.standard_normal(shape)) for shape in ((3, 5, 7), (3, 9, 5)))
    a, b = x.swapaxes(1, 2), y.swapaxes(1, 2)
    assert same(plain, recording.bmm(a, b), plain.bmm(a, b))
    assert same(plain, recording.matmul(a[0], b[0]), plain.matmul(a[0], b[0]))
    assert [type(step) for step in steps] == [KernelCall] * 2


@pytest.mark.parametrize("dtype", ["ieee32exec", "binary64exec"])
@pytest.mark.parametrize(
    ("name", "arity"), [("add", 2), ("mul", 2), ("div", 2), ("sqrt", 1), ("fma", 3)]
)
def test_the_processor_and_the_emulation_compute_the_same_bits(dtype, name, arity):
    plain, fast = both(dtype)
    structured = operands(plain.format, arity, 0, seed=9)
    x = [a[:100_000].copy() for a in structured]
    assert same(plain, getattr(plain, name)(*x), getattr(fast, name)(*x))


def test_vector_products_of_tf32_among_subnormals_round_once():
    plain, fast = both("tf32")
    a = RNG.integers(-(1 << 10), 1 << 10, (9, 30)) * 2.0**-75
    b = RNG.integers(-(1 << 10), 1 << 10, (30, 40)) * 2.0**-76
    a[0, :] = b[:, 0] = 0.0
    a[0, 0], b[0, 0] = 113 * 2.0**-75, 145 * 2.0**-76
    products = [s.matmul(s.from_float(a), s.from_float(b)) for s in (plain, fast)]
    assert same(plain, *products)
    assert plain.to_float(products[1])[0, 0] == 2.0**-136


def test_fast_kernels_of_small_formats_keep_flags_and_functions():
    plain, fast = both("e5m2")
    x, y = plain.from_float(RNG.standard_normal(50)), plain.from_float(RNG.standard_normal(50) * 8)
    raised = [scalar.flagged("mul", x, y)[1] for scalar in (plain, fast)]
    assert np.array_equal(*raised)
    assert raised[0].any()
    assert same(plain, plain.exp(x), fast.exp(x))


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_training_has_one_digest(backend):
    task = get_task("digits")
    data, digests = task.load().train, set()
    for dtype in ("float32", "ieee32exec"):
        for scalar in both(dtype):
            runner = instantiate(task.task, scalar, Options(backend=backend))
            run_steps(runner, TrainConfig(4, 32, sgd(0.1, 0.9)), data)
            digests.add(state_digest(runner.named_parameters))
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("dtype", "device"),
    [
        ("mp:24", None),
        ("binary64exec@round=stochastic", None),
        ("binary64exec@nan=x86", None),
        ("e8m0", None),
        ("ieee32exec@math=torchlean", None),
        ("float32", "python"),
    ],
)
def test_fast_kernels_of_a_dtype_without_them_are_an_error(dtype, device):
    with pytest.raises(NumleanError, match="no fast kernels"):
        get_scalar(dtype, device, fast_kernels=True)


def test_options_request_fast_kernels_for_a_dtype_or_a_scalar():
    task, options = get_task("xor"), Options(fast_kernels=True)
    fast = get_scalar("ieee32exec", fast_kernels=True)
    for given in ("ieee32exec", get_scalar("ieee32exec")):
        runner = instantiate(task.task, given, options)
        assert runner.scalar.table is fast.table
    with pytest.raises(NumleanError, match="no fast kernels"):
        instantiate(task.task, "mp:30", options)


def test_counted_flags_and_fast_kernels_exclude_each_other():
    counting = CountingScalar(get_scalar("ieee32exec"))
    with pytest.raises(NumleanError, match="no fast kernels"):
        instantiate(get_task("xor").task, counting, Options(fast_kernels=True))
