"""Sums of products on unpacked numbers, compared with the operations on encodings."""

import numpy as np
import pytest
from numba import njit

from numlean_kernels.formats import BFLOAT16, BINARY16, BINARY32, BINARY64, E4M3, E5M2, parse_format
from numlean_kernels.ieee import Arithmetic, Rounding
from numlean_kernels.ieee.arithmetic import NanRule, Overflow, Subnormal
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets.cpu import CPU
from numlean_kernels.targets.python import PYTHON

NAMES = ("unpack", "pack", "accumulate", "accumulate by encodings", "add", "mul")
TERMS = 16


def make_chains(table):
    """Return a function that computes every partial sum both ways and counts the known ones."""
    unpack, pack, accumulate, by_encodings, add, mul = map(table.__getitem__, NAMES)
    zero = table.zero

    def chains(a, b, sums, expected):
        count = 0
        for i in range(a.shape[0]):
            sig, exp = unpack(zero)
            total = zero
            for k in range(a.shape[1]):
                sig_a, exp_a = unpack(a[i, k])
                sig_b, exp_b = unpack(b[i, k])
                next_sig, next_exp, is_known = accumulate(sig_a, exp_a, sig_b, exp_b, sig, exp)
                if is_known:
                    count += 1
                else:
                    next_sig, next_exp = by_encodings(sig_a, exp_a, sig_b, exp_b, sig, exp)
                sig, exp = next_sig, next_exp
                total = add(total, mul(a[i, k], b[i, k]))
                sums[i, k], expected[i, k] = pack(sig, exp), total
        return count

    return chains


def encodings(rng, format, rows, spread):
    """Return numbers near 1, or of any bits, with zeros, runs of equal bits, and both signs."""
    shape = rows, TERMS
    if spread is None:
        return rng.integers(0, 1 << format.width, shape, dtype=np.uint64).astype(np.uint32)
    field = format.bias + rng.integers(-spread, spread + 1, shape)
    field = np.clip(field, 0, format.exponent_limit)
    kept = -1 << rng.integers(0, format.trailing_bits + 1, shape)
    trailing = rng.choice([0, format.trailing_mask, rng.integers(1 << format.trailing_bits)], shape)
    trailing = np.where(rng.random(shape) < 0.5, trailing, rng.integers(0, 1 << 30, shape))
    trailing = trailing & kept & format.trailing_mask
    bits = rng.integers(0, 2, shape) << (format.width - 1) | field << format.trailing_bits
    bits = np.where(rng.random(shape) < 0.1, 0, bits | trailing)
    return np.where(rng.random(shape) < 0.01, format.sign_mask, bits).astype(np.uint32)


def operands(rng, format, rows, spread):
    """Return terms some of which are the opposite of earlier ones, so that sums cancel."""
    a, b = (encodings(rng, format, rows, spread) for _ in range(2))
    a[:, 8:12], b[:, 8:12] = a[:, :4] ^ np.uint32(format.sign_mask), b[:, :4]
    return a, b


WIDE = parse_format("e11m20")
# Every second one is compiled, and all are interpreted.
CHOICES = [
    *(Arithmetic(f) for f in (BINARY32, BFLOAT16, BINARY16, E4M3, WIDE, parse_format("e2m1"))),
    Arithmetic(BINARY32, subnormal=Subnormal.FLUSH),
    Arithmetic(BFLOAT16, nan=NanRule.X86, overflow=Overflow.SATURATE),
]


@pytest.mark.parametrize("arithmetic", CHOICES[::2], ids=lambda arithmetic: arithmetic.key)
def test_every_partial_sum_has_the_bits_of_separate_operations(arithmetic):
    chains = njit(make_chains(ieee_table(arithmetic, CPU)))
    rng = np.random.default_rng(5)
    share = {}
    for spread in (3, 40, arithmetic.format.bias, None):
        a, b = operands(rng, arithmetic.format, 4000, spread)
        sums, expected = np.empty_like(a), np.empty_like(a)
        share[spread] = chains(a, b, sums, expected) / a.size
        assert np.array_equal(sums, expected)
    assert arithmetic.format.exponent_bits < 8 or share[3] > 0.95


def make_all_sums(table):
    """Return a function that counts wrong sums c + a * b of all numbers of some bits."""
    unpack, pack, accumulate, by_encodings, add, mul = map(table.__getitem__, NAMES)

    def wrong_sums(count, minus_zero):
        wrong = 0
        for i in range(count):
            sig_a, exp_a = unpack(np.uint32(i))
            wrong += pack(sig_a, exp_a) != np.uint32(i)
            for j in range(count):
                sig_b, exp_b = unpack(np.uint32(j))
                product = mul(np.uint32(i), np.uint32(j))
                for k in range(count):
                    sig_c, exp_c = unpack(np.uint32(k))
                    sig, exp, is_known = accumulate(sig_a, exp_a, sig_b, exp_b, sig_c, exp_c)
                    if not is_known:
                        sig, exp = by_encodings(sig_a, exp_a, sig_b, exp_b, sig_c, exp_c)
                    # No sum that began with +0 is -0.
                    if k != minus_zero:
                        wrong += pack(sig, exp) != add(np.uint32(k), product)
        return wrong

    return wrong_sums


@pytest.mark.parametrize("format", [E4M3, E5M2], ids=lambda format: format.name)
def test_all_sums_of_eight_bits_are_right(format):
    wrong_sums = njit(make_all_sums(ieee_table(Arithmetic(format), CPU)))
    assert wrong_sums(1 << format.width, format.sign_mask) == 0


@pytest.mark.parametrize("arithmetic", CHOICES, ids=lambda arithmetic: arithmetic.key)
def test_the_reference_interpreter_agrees(arithmetic):
    chains = make_chains(ieee_table(arithmetic, PYTHON))
    for spread in (3, 40, arithmetic.format.bias, None):
        a, b = operands(np.random.default_rng(6), arithmetic.format, 40, spread)
        sums, expected = (np.empty_like(a, object) for _ in range(2))
        chains(a.astype(object), b.astype(object), sums, expected)
        assert np.array_equal(sums, expected)


@pytest.mark.parametrize(
    "arithmetic",
    [
        Arithmetic(BINARY64),
        Arithmetic(parse_format("e11m23")),  # in words of 64 bits
        *(Arithmetic(BINARY32, r) for r in Rounding if r.name != "TIES_TO_EVEN"),
    ],
    ids=lambda arithmetic: arithmetic.key,
)
def test_other_arithmetics_have_no_unpacked_sums(arithmetic):
    table = ieee_table(arithmetic, CPU)
    assert [table.get(name) for name in NAMES[:4]] == [None] * 4
