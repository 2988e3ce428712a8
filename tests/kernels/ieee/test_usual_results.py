"""Usual results are those of the operations wherever they are known."""

import numpy as np
import pytest
from numba import njit

from numlean import get_scalar
from numlean.scalar.flags import Flags
from numlean_kernels.formats import (
    BFLOAT16,
    BINARY16,
    BINARY32,
    BINARY64,
    E4M3,
    E5M2,
    TF32,
    parse_format,
)
from numlean_kernels.ieee import Arithmetic, Rounding
from numlean_kernels.ieee.arithmetic import NanRule, Subnormal
from numlean_kernels.ieee.routine_builder import routine_builder
from numlean_kernels.ieee.usual_results import USUAL_MAKERS, supports_usual_results
from numlean_kernels.loops.elementwise import elementwise
from numlean_kernels.tables.ieee import FLAGGED_MAKERS, ieee_table
from numlean_kernels.targets.cpu import CPU
from numlean_kernels.targets.python import PYTHON

ARITY = {"add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3}
DIRECTIONS = [rounding for rounding in Rounding if rounding is not Rounding.STOCHASTIC]


def corners(format):
    """Return special encodings, and both ends of each range of numbers, of both signs."""
    infinity, implicit = format.infinity, format.implicit_bit
    one = format.bias << format.trailing_bits
    least_sum = (format.trailing_bits + 1) << format.trailing_bits
    magnitudes = [0, 1, 2, implicit - 1, implicit, implicit + 1, 2 * implicit, infinity - 1]
    magnitudes += [infinity, infinity + 1, format.default_nan, format.magnitude_mask]
    for near in (one, least_sum, infinity - implicit):
        magnitudes += [near - 1, near, near + 1, near + format.trailing_mask, near - implicit]
    return [m | s for m in magnitudes for s in (0, format.sign_mask)]


def random_encodings(rng, format, shape):
    """Return encodings of any bits; near 1; of few ones; and zeros."""
    width, trailing = format.width, format.trailing_bits
    bits = rng.integers(0, 1 << width, shape, dtype=np.uint64)
    near = bits & np.uint64(format.sign_mask | format.trailing_mask)
    spread = min(format.bias - 1, 30)
    fields = format.bias + rng.integers(-spread, spread, shape)
    near |= fields.astype(np.uint64) << np.uint64(trailing)
    kept = np.uint64(format.magnitude_mask) << rng.integers(0, trailing + 1, shape).astype(
        np.uint64
    )
    kind = rng.integers(0, 8, shape)
    bits = np.where(kind < 1, bits, np.where(kind < 4, near, near & kept))
    whole = np.uint64((1 << width) - 1)
    return np.where(kind == 7, bits & np.uint64(format.sign_mask), bits & whole).astype(np.uint32)


def make_compare(usual, bounds, routine, arity):
    """Return ``compare(x)``: the unequal known results, as rows of x, and how many are known."""
    low_bound, high_bound = bounds

    def compare(x):
        known, wrong = 0, []
        for i in range(x.shape[1]):
            if arity == 1:
                (z, low, high), (expected, _) = usual(x[0, i]), routine(x[0, i])
            elif arity == 2:
                z, low, high = usual(x[0, i], x[1, i])
                expected, _ = routine(x[0, i], x[1, i])
            else:
                z, low, high = usual(x[0, i], x[1, i], x[2, i])
                expected, _ = routine(x[0, i], x[1, i], x[2, i])
            is_known = low <= low_bound and high <= high_bound
            known += is_known
            if is_known and z != expected:
                wrong.append(i)
        return known, wrong

    return compare


def compared(arithmetic, name, target, x):
    builder = routine_builder(arithmetic, target)
    usual, routine = USUAL_MAKERS[name](builder), builder.routine(FLAGGED_MAKERS[name])
    compare = make_compare(usual.routine, usual.bounds, routine, ARITY[name])
    known, wrong = (njit(compare) if target is CPU else compare)(x)
    return known, [[hex(bits) for bits in x[:, i]] for i in list(wrong)[:3]]


@pytest.mark.parametrize("name", ARITY)
def test_known_results_of_binary32_are_those_of_the_operation(name):
    rng = np.random.default_rng(1)
    arity, special = ARITY[name], corners(BINARY32)
    grid = np.array(np.meshgrid(*[special] * arity)).reshape(arity, -1).astype(np.uint32)
    mixed = random_encodings(rng, BINARY32, (arity, 200_000))
    mixed[:, :50_000] = np.where(
        rng.random((arity, 50_000)) < 0.5, mixed[:, :50_000], rng.choice(special, (arity, 50_000))
    )
    for x in (grid, mixed):
        known, wrong = compared(Arithmetic(BINARY32), name, CPU, x)
        assert not wrong
        assert known > 0
    assert known > 0.3 * mixed.shape[1] * (0.5 if name == "sqrt" else 1)


@pytest.mark.parametrize("name", ARITY)
@pytest.mark.parametrize("rounding", DIRECTIONS)
def test_known_results_in_each_direction_are_those_of_the_operation(name, rounding):
    rng, arity = np.random.default_rng(2), ARITY[name]
    for format in (BINARY32, BINARY16, BFLOAT16, TF32, E5M2, parse_format("e6m1")):
        x = random_encodings(rng, format, (arity, 300))
        x = np.where(rng.random(x.shape) < 0.3, rng.choice(corners(format), x.shape), x)
        arithmetic = Arithmetic(format, rounding=rounding)
        known, wrong = compared(arithmetic, name, PYTHON, x.astype(np.uint32).astype(object))
        assert not wrong
        assert known


@pytest.mark.parametrize("name", ["add", "mul", "div"])
def test_all_known_results_of_e5m2_are_those_of_the_operation(name):
    codes = np.arange(256, dtype=np.uint32)
    x = np.array(np.meshgrid(codes, codes)).reshape(2, -1)
    known, wrong = compared(Arithmetic(E5M2), name, CPU, x)
    assert not wrong
    assert known > 0.1 * x.shape[1]


def test_arithmetics_that_need_more_have_no_usual_results():
    others = [
        Arithmetic(BINARY64),
        Arithmetic(E4M3),
        Arithmetic(BINARY32, subnormal=Subnormal.FLUSH),
        Arithmetic(BINARY32, rounding=Rounding.STOCHASTIC),
    ]
    for arithmetic in others:
        assert not supports_usual_results(routine_builder(arithmetic, PYTHON))
    assert supports_usual_results(routine_builder(Arithmetic(BINARY32, nan=NanRule.X86), PYTHON))


def test_only_a_target_that_computes_rows_uses_them():
    arithmetic = Arithmetic(BINARY32)
    for name in ARITY:
        assert hasattr(ieee_table(arithmetic, CPU)[name], "usual_results")
        assert not hasattr(ieee_table(arithmetic, PYTHON)[name], "usual_results")
        assert not hasattr(ieee_table(arithmetic, CPU)[f"flagged {name}"], "usual_results")


@pytest.mark.parametrize(
    ("dtype", "name"),
    [*(("ieee32exec", name) for name in ARITY), ("binary16@round=toward_negative", "add")],
)
def test_kernels_have_the_bits_of_those_that_count_flags(dtype, name):
    scalar, rng = get_scalar(dtype), np.random.default_rng(3)
    format, arity = scalar.format, ARITY[name]
    dtype = scalar.from_float(np.ones(1)).dtype
    for size in (1, 511, 512, 513, 3000):
        mixed = random_encodings(rng, format, (arity, size))
        usual = mixed & np.uint32(format.trailing_mask) | np.uint32(
            format.bias << format.trailing_bits
        )
        for x in (mixed.astype(dtype), usual.astype(dtype)):
            expected = getattr(scalar, name)(*x, flags=Flags())
            assert np.array_equal(getattr(scalar, name)(*x), expected)
            if arity == 2:
                for pair in ((x[0], x[1][:1]), (x[0][:1], x[1])):
                    expected = getattr(scalar, name)(*pair, flags=Flags())
                    assert np.array_equal(getattr(scalar, name)(*pair), expected)


@pytest.mark.parametrize(
    ("name", "place"), [(name, place) for name in ARITY for place in range(ARITY[name])]
)
def test_a_result_may_overwrite_an_operand(name, place):
    arity, rng = ARITY[name], np.random.default_rng(5)
    launch = CPU.kernel_of(elementwise(name, arity), ieee_table(Arithmetic(BINARY32), CPU))
    x = random_encodings(rng, BINARY32, (arity, 1700))
    x[:, :600] = x[:, :600] & np.uint32(BINARY32.trailing_mask) | np.uint32(0x3F800000)
    expected = np.empty(1700, np.uint32)
    launch((1700,), *(row.copy() for row in x), expected)
    operands = [row.copy() for row in x]
    launch((1700,), *operands, operands[place])
    assert np.array_equal(operands[place], expected)
    for one in range(arity):
        assert one == place or np.array_equal(operands[one], x[one])


@pytest.mark.parametrize("target", [CPU, PYTHON])
def test_a_shift_by_a_word_or_more_gives_zero(target):
    word, left = target.unsigned(32), target.shift_left(32)

    def shift(a, n):
        return left(a, n)

    run = njit(shift) if target is CPU else shift
    for a in (0, 1, 0x80000001, 0xFFFFFFFF):
        for n in (0, 1, 31, 32, 33, 0xFFFFFFFF):
            assert run(word(a), word(n)) == (a << n & 0xFFFFFFFF if n < 32 else 0)


@pytest.mark.parametrize("contraction", ["none", "fma"])
def test_products_of_matrices_have_the_bits_of_single_operations(contraction):
    scalar, rng = get_scalar("ieee32exec"), np.random.default_rng(4)
    a = random_encodings(rng, BINARY32, (7, 9)) & np.uint32(0xBFFFFFFF)
    b = random_encodings(rng, BINARY32, (9, 21)) & np.uint32(0xBFFFFFFF)
    a[:3], b[a.shape[1] - 1] = scalar.from_float(rng.normal(size=(3, 9))), 0
    a[5, 2], a[6, 3] = 0x7F800000, 0x00000001
    expected = np.zeros((7, 21), np.uint32)
    for k in range(9):
        x, y = np.broadcast_arrays(a[:, k, None], b[k])
        x, y = x.copy(), y.copy()
        if contraction == "fma":
            expected = scalar.fma(x, y, expected, flags=Flags())
        else:
            expected = scalar.add(expected, scalar.mul(x, y, flags=Flags()), flags=Flags())
    options = {"contraction": "fma"} if contraction == "fma" else {}
    assert np.array_equal(scalar.matmul(a, b, **options), expected)
