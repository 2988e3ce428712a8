"""Every pair of operands of small formats, every rounding, results and flags, against rationals."""

import itertools
from functools import cache

import numba
import numpy as np
import pytest

from numlean.testing import ExactArithmetic
from numlean_kernels.formats import E4M3, E5M2, parse_format
from numlean_kernels.ieee import Arithmetic, NanRule, Overflow, Rounding, Subnormal, Tininess
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets import get_target

E3M2 = parse_format("e3m2")
E2M1 = parse_format("e2m1")


def compiled(routine, operands):
    """Compile a routine; return its results and flags over arrays."""
    z, flags = np.empty_like(operands[0]), np.empty(len(operands[0]), np.uint8)

    @numba.njit(error_model="numpy")
    def unary(a, z, flags):
        for k in range(len(z)):
            z[k], flags[k] = routine(a[k])

    @numba.njit(error_model="numpy")
    def binary(a, b, z, flags):
        for k in range(len(z)):
            z[k], flags[k] = routine(a[k], b[k])

    @numba.njit(error_model="numpy")
    def ternary(a, b, c, z, flags):
        for k in range(len(z)):
            z[k], flags[k] = routine(a[k], b[k], c[k])

    (unary, binary, ternary)[len(operands) - 1](*operands, z, flags)
    return list(zip(z.tolist(), flags.tolist(), strict=True))


@cache
def model_of(arithmetic):
    return ExactArithmetic(
        arithmetic.format,
        arithmetic.rounding.value,
        tininess=arithmetic.tininess.value,
        flush=arithmetic.subnormal is Subnormal.FLUSH,
        overflow=arithmetic.overflow.value,
        nan_rule=arithmetic.nan.value,
    )


def arithmetics(format):
    for rounding in Rounding:
        if rounding is Rounding.STOCHASTIC:
            continue
        yield Arithmetic(format, rounding, NanRule.CANONICAL)
    yield Arithmetic(format, nan=NanRule.CANONICAL, tininess=Tininess.BEFORE)
    yield Arithmetic(format, nan=NanRule.CANONICAL, subnormal=Subnormal.FLUSH)
    yield Arithmetic(format, nan=NanRule.CANONICAL, overflow=Overflow.SATURATE)


def cases(*formats):
    return [pytest.param(a, id=a.key) for f in formats for a in arithmetics(f)]


def check(arithmetic, name, operands):
    # Compiling takes longer than interpreting so few cases: it is done once for each storage type
    # and operation.
    is_default = arithmetic == Arithmetic(E5M2, nan=NanRule.CANONICAL)
    target = get_target("cpu" if is_default else "python")
    routine = ieee_table(arithmetic, target)["flagged " + name]
    given = list(zip(*(x.tolist() for x in operands), strict=True))
    actual = compiled(routine, operands) if is_default else [routine(*g) for g in given]
    model = model_of(arithmetic)
    for operand, result in zip(given, actual, strict=True):
        assert result == model.compute(name, *operand), [hex(a) for a in operand]


def pairs(format):
    every = np.arange(1 << format.width, dtype=format.storage_dtype)
    return [x.ravel().copy() for x in np.meshgrid(every, every, indexing="ij")]


@pytest.mark.parametrize("arithmetic", cases(E3M2, E2M1))
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_all_pairs_of_tiny_formats(arithmetic, name):
    check(arithmetic, name, pairs(arithmetic.format))


@pytest.mark.parametrize("arithmetic", cases(E5M2, E4M3, E3M2, E2M1))
def test_all_square_roots(arithmetic):
    f = arithmetic.format
    check(arithmetic, "sqrt", [np.arange(1 << f.width, dtype=f.storage_dtype)])


@pytest.mark.parametrize("arithmetic", cases(E2M1))
def test_all_triples_of_the_least_format(arithmetic):
    every = range(1 << arithmetic.format.width)
    triples = np.array(list(itertools.product(every, every, every)), dtype=np.uint8)
    check(arithmetic, "fma", [triples[:, k].copy() for k in range(3)])


@pytest.mark.parametrize("arithmetic", cases(E5M2, E4M3))
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "fma"])
def test_many_operands_of_8_bit_formats(arithmetic, name):
    # tools/verify_arithmetic tries all pairs.
    rng = np.random.default_rng(5)
    arity = 3 if name == "fma" else 2
    x = [rng.integers(0, 256, 1500).astype(np.uint8) for _ in range(arity)]
    check(arithmetic, name, x)
