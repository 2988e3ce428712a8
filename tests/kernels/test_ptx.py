"""What NVVM makes of kernels, executed without a GPU: it gives the CPU's bits."""

from functools import cache

import numpy as np
import pytest
import simulated_cuda

from numlean import Options, Task, get_scalar, instantiate, registry, state_digest, verification
from numlean.data import Dataset
from numlean.digest import parameters_of
from numlean.elementary import ARITIES
from numlean.nn import Linear, Sequential, Tanh
from numlean.optim import sgd
from numlean.runtime import TrainConfig, run_steps
from numlean.verification.elementary import FUNCTIONS
from numlean.verification.elementary.operands import elementary_operands
from numlean.verification.operands import level_1, operands

pytest.importorskip("numba_cuda", reason="the cuda extra is not installed")

from ptx_device import Machine

from numlean_kernels.targets.cuda import CudaTarget

STOCHASTIC = "bfloat16@round=stochastic,seed=4"


@pytest.fixture(scope="module", autouse=True)
def machine(tmp_path_factory):
    """Beside it, the device cuda is a real target that launches on it."""
    with pytest.MonkeyPatch.context() as patch:
        machine = Machine(patch, tmp_path_factory.mktemp("kernels"))
        gpu = CudaTarget(simulated=False)
        patch.setattr("numlean_kernels.targets.find._cuda", lambda: gpu)
        patch.setattr(registry, "_made", cache(registry._made.__wrapped__))
        for several in (verification.operands, verification.elementary.operands):
            patch.setattr(several, "BATCH", 300)
        yield machine


def differing(dtype, *parts):
    """The names of all that the two devices compute differently, in parts that give many."""
    found = {}
    for device in ("cpu", "cuda"):
        scalar = get_scalar(dtype, device).renewed()
        with np.errstate(all="ignore"):
            found[device] = [result for part in parts for result in part(scalar)]
    pairs = list(zip(found["cpu"], found["cuda"], strict=True))
    assert pairs
    return [name for (name, x), (_, z) in pairs if not have_same_bits(x, z)]


def have_same_bits(x, z):
    return (x.shape, x.dtype, x.tobytes()) == (z.shape, z.dtype, z.tobytes())


# Operations

BASIC = {"neg": 1, "abs": 1, "add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3}
FURTHER = {"rem": 2, "log_b": 1, "next_up": 1, "next_down": 1, "round_to_integral": 1}
FURTHER |= dict.fromkeys(("copy_sign", "minimum", "maximum", "min_num", "max_num"), 2)
FURTHER |= dict.fromkeys(("compare", "eq", "lt", "le", "total_order"), 2)
FLAGGED = {"add": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3, "rem": 2}


def chosen(format, arity):
    """Special numbers, each beside others, and such as are hard."""
    rng = np.random.default_rng(arity)
    special = [rng.choice(level_1(format), 300) for _ in range(arity)]
    hard = operands(format, arity, 0, 7)
    return [np.hstack(both) for both in zip(special, hard, strict=True)]


def format_of(scalar):
    return getattr(scalar, "nearest", scalar).format


def operations(arities):
    def part(scalar):
        for name, arity in arities.items():
            given = [scalar.from_bits(x) for x in chosen(format_of(scalar), arity)]
            yield name, getattr(scalar, name)(*given)

    return part


def flagged(scalar):
    for name, arity in FLAGGED.items():
        z, flags = scalar.flagged(name, *chosen(scalar.format, arity))
        yield name, z
        yield f"flags of {name}", flags


def functions(*names):
    def part(scalar):
        for name in names:
            on_cpu = get_scalar(scalar.name, "cpu")
            encodings = elementary_operands(on_cpu, FUNCTIONS[name], 0, 3)
            given = [scalar.from_bits(x) for x in encodings]
            yield name, getattr(scalar, name)(*given)

    return part


@pytest.mark.parametrize("dtype", ["float32", "float64", "ieee32exec"])
def test_operations_on_special_and_hard_numbers(dtype):
    assert differing(dtype, operations(BASIC | FURTHER)) == []


@pytest.mark.parametrize("dtype", ["e4m3", STOCHASTIC])
def test_basic_operations_of_a_small_format_and_rounded_stochastically(dtype):
    assert differing(dtype, operations(BASIC)) == []


def test_flags():
    assert differing("ieee32exec", flagged, simulated_cuda.counted) == []


@pytest.mark.parametrize(
    ("dtype", "names"),
    [
        ("float32", ("exp", "log", "sin", "tanh", "pow")),
        ("float64", ("exp", "log", "sin", "tanh", "pow")),
        ("ieee32exec", ARITIES),
        ("e4m3", ("exp", "pow")),
    ],
)
def test_elementary_functions_of_hard_numbers(dtype, names):
    assert differing(dtype, functions(*names)) == []


# Arrays


def drawn(shape, seed):
    """Numbers of all signs and magnitudes, and a row and a column that make sums NaNs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape) * 2.0 ** rng.integers(-8, 8, shape)
    x[0, 0], x[-1, 0], x[0, -1] = np.inf, np.nan, -np.inf
    return x


def products(*shape):
    rows, terms, columns = shape

    def part(scalar):
        a = scalar.from_float(drawn((rows, terms), 1))
        b = scalar.from_float(drawn((terms, columns), 2))
        for contraction in ("separate", "fma"):
            yield f"matmul {contraction}", scalar.matmul(a, b, contraction=contraction)

    return part


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [("float32", (130, 18, 5)), ("float64", (3, 17, 66)), ("ieee32exec", (18, 35, 17))],
)
def test_products_of_several_tiles_the_last_of_which_are_not_full(dtype, shape):
    assert differing(dtype, products(*shape)) == []


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec"])
def test_sums_and_moves_and_programs(dtype):
    parts = simulated_cuda.reductions, simulated_cuda.movement, simulated_cuda.replayed
    assert differing(dtype, *parts) == []


# Training


def trained(dtype, device, backend):
    task = Task.regression(Sequential(Linear(2, 3), Tanh(), Linear(3, 1)))
    data = Dataset.of_arrays(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.eye(2).reshape(4, 1))
    runner = instantiate(task, get_scalar(dtype, device), Options(backend=backend))
    losses = []
    config = TrainConfig(3, 2, sgd(0.1, 0.9))
    run_steps(runner, config, data, on_step=lambda _, loss: losses.append(("loss", loss)))
    return state_digest([*parameters_of(runner), *losses])


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec"])
def test_a_model_is_trained(dtype, machine):
    before = machine.launches
    found = {trained(dtype, "cuda", backend) for backend in ("eager", "compiled")}
    assert machine.launches > before
    assert found == {trained(dtype, "cpu", "eager")}
