"""Elementary functions of numbers in limbs have the bits of mpmath's enclosures."""

import random

import mpmath
import numpy as np
import pytest
from mpmath import libmp

from numlean import get_scalar
from numlean.scalar import work_limit
from numlean_kernels.limbs.constants import constants_of, row_limbs

SPECIALS = [0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, 5e16, -5e16, 1e-300, -1e-300]
NAMES = ("exp", "log", "tanh")


def operands(precision, count):
    """Return numbers of all magnitudes, short and long, of both signs, many of them near one."""
    rng = random.Random(precision)
    values = []
    for k in range(count):
        significand = rng.choice(
            [rng.getrandbits(precision) | 1, rng.getrandbits(3) | 1, (1 << precision) - 1]
        )
        ends = rng.choice([(-precision - 4, 12), (-precision // 2 - 4, 2), (-20, 20), (-1, 3)])
        exponent = rng.randint(*ends) - significand.bit_length()
        value = libmp.from_man_exp(rng.choice([1, -1]) * significand, exponent)
        if k % 4 == 0:
            off = libmp.from_man_exp(rng.getrandbits(9) - 256, -rng.randint(8, precision + 8))
            value = libmp.mpf_add(libmp.fone, off)
        values.append(mpmath.mp.make_mpf(libmp.mpf_pos(value, precision, "n")))
    return values


@pytest.mark.parametrize(
    ("precision", "count"),
    [(1, 12), (2, 20), (24, 60), (53, 60), (64, 40), (65, 30), (113, 30), (200, 40), (512, 12)],
)
def test_functions_have_the_bits_of_enclosures(precision, count):
    limbs = get_scalar(f"mp:{precision}")
    reference = get_scalar(f"mp:{precision}@engine=mpmath")
    values = operands(precision, count)
    x = limbs.concat([limbs.from_exact(values), limbs.from_float(SPECIALS)], 0)
    a = reference.concat([reference.from_exact(values), reference.from_float(SPECIALS)], 0)
    for name in NAMES:
        found, expected = getattr(limbs, name)(x), getattr(reference, name)(a)
        for one, two, value in zip(found, expected, a, strict=True):
            assert limbs.to_bytes(np.array([one])) == reference.to_bytes(np.array([two])), (
                name,
                value,
            )


@pytest.mark.parametrize("precision", [1024])
def test_functions_of_the_longest_numbers_have_the_bits_of_enclosures(precision):
    limbs, reference = get_scalar("mp:1024"), get_scalar("mp:1024@engine=mpmath")
    values = operands(precision, 6)
    x, a = limbs.from_exact(values), reference.from_exact(values)
    for name in NAMES:
        found, expected = getattr(limbs, name)(x), getattr(reference, name)(a)
        assert limbs.to_bytes(found) == reference.to_bytes(expected), name


def test_an_operand_that_a_kernel_leaves_out_is_computed_by_an_enclosure():
    limbs, reference = get_scalar("mp:53"), get_scalar("mp:53@engine=mpmath")
    large = [2.0**59, -(2.0**59)]
    found = limbs.exp(limbs.from_float([*large, 1.0]))
    expected = reference.exp(reference.from_float([*large, 1.0]))
    assert limbs.to_bytes(found) == reference.to_bytes(expected)


def test_a_limit_for_the_work_of_an_evaluation_holds_for_kernels_too():
    s = get_scalar("mp:24")
    with work_limit.max_bits(64), pytest.raises(Exception, match="exp: the operand is about 2"):
        s.exp(s.from_float([1000.0]))


def test_constants_are_those_of_mpmath():
    rows, count = constants_of(1).rows, row_limbs(1)
    with mpmath.workprec(64 * count + 64):
        for row, value in ((0, mpmath.ln(2)), (1 + 7, mpmath.expm1(mpmath.mpf(7) / 256))):
            words = sum(int(word) << 64 * k for k, word in enumerate(rows[row]))
            assert abs(words - int(mpmath.ldexp(value, 64 * count))) <= 1
