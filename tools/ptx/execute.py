"""Execute the PTX of kernels and compare it with the CPU; ``tools/execute_ptx`` runs this.

The parts give names and results of a Scalar; the program runs all of them.
"""

import sys
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest

from numlean import Options, Task, get_scalar, instantiate, state_digest
from numlean.data import Dataset
from numlean.nn import Linear, Sequential, Tanh
from numlean.optim import sgd
from numlean.scalar import registry
from numlean.scalar.elementary import ARITIES
from numlean.training import TrainConfig, run_steps
from numlean.verification.elementary import FUNCTIONS
from numlean.verification.elementary.operands import elementary_operands
from numlean.verification.operands import level_1, operands
from numlean_kernels.tables.ieee import FURTHER_EXTREMA, SIGNALLING_COMPARISONS
from operand_batches import batches_of
from ptx import workloads
from ptx.device import Machine

STOCHASTIC = "bfloat16@round=stochastic,seed=4"
DTYPES = ("float32", "float64", "ieee32exec", "e4m3", STOCHASTIC, "binary16", "tf32", "e5m2")
DTYPES += ("e4m3fnuz", "e8m0", "e2m1", "p3109:8.3", "p3109:6.3uf")
DTYPES += ("binary64exec", "ieee32exec@round=toward_zero", "ieee32exec@round=toward_negative")


@contextmanager
def fake_gpu():
    """Make cuda a real target whose launches run on the machine that is yielded."""
    from numlean_kernels.targets.cuda import CudaTarget

    with pytest.MonkeyPatch.context() as patch:
        gpu = CudaTarget(simulated=False)
        machine = Machine(patch, gpu)
        patch.setattr("numlean_kernels.targets.registry._cuda", lambda: gpu)
        patch.setattr(registry, "_make", cache(registry._make.__wrapped__))
        with batches_of(300):
            yield machine


def differing(dtype, *parts, reference="cpu"):
    """Return the names of the results of some parts that differ between the two devices."""
    found = {}
    for device in (reference, "cuda"):
        scalar = get_scalar(dtype, device).with_reset_stream()
        with np.errstate(all="ignore"):
            found[device] = [result for part in parts for result in part(scalar)]
    pairs = list(zip(found[reference], found["cuda"], strict=True))
    assert pairs
    return [name for (name, x), (_, z) in pairs if not have_same_bits(x, z)]


def differing_units(names, reference="cpu"):
    """Return the names of matrix units whose products differ between the two devices."""
    expected, found = (dict(workloads.by_units(d, names)) for d in (reference, "cuda"))
    return [name for name in expected if not have_same_bits(expected[name], found[name])]


def differing_blocks(names, reference="cpu"):
    """Return the names of block formats whose codes differ between the two devices."""
    expected, found = (dict(workloads.by_blocks(d, names)) for d in (reference, "cuda"))
    return [name for name in expected if not have_same_bits(expected[name], found[name])]


def have_same_bits(x, z):
    return (x.shape, x.dtype, x.tobytes()) == (z.shape, z.dtype, z.tobytes())


BASIC = {"neg": 1, "abs": 1, "add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3}
FURTHER = {"rem": 2, "logb": 1, "next_up": 1, "next_down": 1, "round_to_integral": 1}
FURTHER |= dict.fromkeys(("copy_sign", "minimum", "maximum", "min_num", "max_num"), 2)
FURTHER |= dict.fromkeys(("compare", "eq", "lt", "le", "total_order"), 2)
FLAGGED = {"add": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3, "rem": 2}
ALONE = dict.fromkeys((*FURTHER_EXTREMA, "fmod", "next_after", *SIGNALLING_COMPARISONS), 2)
ALONE |= dict.fromkeys((f"round_to_integral_exact {r}" for r in ("to_odd", "toward_zero")), 1)
"""Operations that Scalars have no method for, and that `flagged` has."""


def chosen(format, arity):
    """Return special numbers in random combinations, and hard ones."""
    rng = np.random.default_rng(arity)
    special = [rng.choice(level_1(format), 300) for _ in range(arity)]
    hard = operands(format, arity, 0, 7)
    return [np.hstack(both) for both in zip(special, hard, strict=True)]


def operations(arities):
    def part(scalar):
        for name, arity in arities.items():
            given = [scalar.from_bits(x) for x in chosen(scalar.format, arity)]
            yield name, getattr(scalar, name)(*given)

    return part


def flagged_operations(arities):
    def part(scalar):
        for name, arity in arities.items():
            given = [scalar.from_bits(x) for x in chosen(scalar.format, arity)]
            z, flags = scalar.flagged(name, *given)
            yield name, z
            yield f"flags of {name}", flags

    return part


flagged = flagged_operations(FLAGGED)


def functions(*names):
    def part(scalar):
        for name in names:
            interpreted = get_scalar(scalar.name, "python")
            encodings = elementary_operands(interpreted, FUNCTIONS[name], 0, 3)
            given = [scalar.from_bits(x) for x in encodings]
            yield name, getattr(scalar, name)(*given)

    return part


def drawn(shape, seed):
    """Return numbers of both signs and many magnitudes; some make sums NaN."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape) * 2.0 ** rng.integers(-8, 8, shape)
    rare = rng.integers(0, 40, shape)
    x[rare == 0] = rng.choice([np.inf, -np.inf, np.nan, -0.0], np.count_nonzero(rare == 0))
    return x


TILED = {"float32": 128, "float64": 64}
"""The rows and columns of a tile, if not 32."""


def products(scalar):
    tile = TILED.get(scalar.name, 32)
    shapes = [(1, 1, 1), (tile, 16, 3), (2, 35, tile + 2)]
    cases = [(tile + 1, 17, 2, "fma"), *((*shape, "separate") for shape in shapes)]
    for rows, terms, columns, contraction in cases:
        a = scalar.from_float(drawn((rows, terms), 1))
        b = scalar.from_float(drawn((terms, columns), 2))
        where = f"{rows} x {terms} x {columns}, {contraction}"
        yield f"matmul {where}", scalar.matmul(a, b, contraction=contraction)


def batches_of_products(scalar):
    a, b = (scalar.from_float(drawn(shape, 3)) for shape in ((3, 2, 5), (3, 5, 4)))
    for contraction in ("separate", "fma"):
        yield f"bmm {contraction}", scalar.bmm(a, b, contraction=contraction)


LONG = [(1, 5000, 1), (2, 700, 3), (5, 90, 33), (40, 2, 7), (3, 1, 1), (1, 2049, 2)]
"""Shapes that need several launches, parts or blocks, and very small ones."""


def sums(scalar):
    for shape in LONG:
        x = scalar.from_float(drawn(shape, 4))
        for reduction in ("ordered", "pairwise"):
            yield f"sum {reduction} of {shape}", scalar.sum(x, 1, reduction=reduction)
        yield f"max of {shape}", scalar.max(x, 1)


def trained(dtype, device, backend):
    task = Task.regression(Sequential(Linear(2, 3), Tanh(), Linear(3, 1)))
    data = Dataset.of_arrays(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.eye(2).reshape(4, 1))
    runner = instantiate(task, get_scalar(dtype, device), Options(backend=backend))
    losses = []
    config = TrainConfig(3, 2, sgd(0.1, 0.9))
    run_steps(runner, config, data, on_step=lambda _, loss: losses.append(("loss", loss)))
    return state_digest([*runner.named_parameters, *losses])


ALL = (operations(BASIC | FURTHER), functions(*ARITIES), workloads.conversions)
ALL += (products, batches_of_products, sums, workloads.movement, workloads.replayed)
ALL += (workloads.reductions, workloads.exact_products)


def main(dtypes):
    """Print the differences of each dtype; return 1 if there are any."""
    status = 0
    with fake_gpu() as machine:
        different = differing_units(workloads.UNITS) if not dtypes else []
        print(f"matrix units: {machine.launches} launches; {different or 'no difference'}")
        status |= bool(different)
        different = differing_blocks(workloads.BLOCKS) if not dtypes else []
        print(f"block formats: {machine.launches} launches; {different or 'no difference'}")
        status |= bool(different)
        for dtype in dtypes or DTYPES:
            emulated = dtype.startswith("ieee32exec")
            flags = (flagged, flagged_operations(ALONE), workloads.counted) if emulated else ()
            found = differing(dtype, *ALL, *flags)
            for training in (trained, workloads.trained):
                digests = {training(dtype, device, "compiled") for device in ("cpu", "cuda")}
                found += [f"{training.__module__}: trained"] * (len(digests) - 1)
            print(f"{dtype}: {machine.launches} launches; {found or 'no difference'}", flush=True)
            status |= bool(found)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
