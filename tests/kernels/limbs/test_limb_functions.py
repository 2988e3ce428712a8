"""Elementary functions of numbers in limbs have the bits of mpmath's enclosures."""

import random

import mpmath
import numpy as np
import pytest
from mpmath import libmp

from numlean import get_scalar
from numlean.scalar import work_limit
from numlean_backends import mp_limbs
from numlean_kernels.limbs import constants
from numlean_kernels.limbs.constants import angle_constants_of, constants_of, row_limbs
from numlean_kernels.limbs.function_kernels import ARITIES

SPECIALS = [
    *(0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, 8.0, 10.0, 100.0, 1000.0),
    *(-1000.0, 5e16, -5e16, 1e-300, -1e-300, 1 / 256, 255 / 256, 257 / 256, 2.0**40, -(2.0**59)),
]
PRECISIONS = {1: 12, 2: 16, 24: 60, 53: 40, 64: 30, 65: 24, 113: 24, 200: 40, 512: 12, 1024: 4}
"""The numbers of operands by precision."""


def operands(precision, count, seed=0):
    """Return numbers of all magnitudes, short and long, of both signs.

    Many of them are near one, or near multiples of pi / 2.
    """
    rng = random.Random(precision + 2000 * seed)
    values = []
    for k in range(count):
        significand = rng.choice(
            [rng.getrandbits(precision) | 1, rng.getrandbits(3) | 1, (1 << precision) - 1]
        )
        ends = rng.choice(
            [(-precision - 4, 12), (-precision // 2 - 4, 2), (-20, 20), (-1, 3), (-3, 70)]
        )
        exponent = rng.randint(*ends) - significand.bit_length()
        value = libmp.from_man_exp(rng.choice([1, -1]) * significand, exponent)
        if k % 4 == 0:
            off = libmp.from_man_exp(rng.getrandbits(9) - 256, -rng.randint(8, precision + 8))
            value = libmp.mpf_add(libmp.fone, off)
        elif k % 8 == 1:
            turns = libmp.from_man_exp(rng.randint(-40, 40), -1)
            value = libmp.mpf_mul(turns, libmp.mpf_pi(precision + 10))
        values.append(mpmath.mp.make_mpf(libmp.mpf_pos(value, precision, "n")))
    return values


def pair(precision):
    return get_scalar(f"mp:{precision}"), get_scalar(f"mp:{precision}@engine=mpmath")


def check(name, precision, rows):
    """Compare the function of operands, each a list of exact values, with its enclosures."""
    limbs, reference = pair(precision)
    one, two = ([s.from_exact(row) for row in rows] for s in (limbs, reference))
    found, expected = getattr(limbs, name)(*one), getattr(reference, name)(*two)
    for z, w, *values in zip(found, expected, *rows, strict=True):
        bits = limbs.to_bytes(np.array([z])), reference.to_bytes(np.array([w]))
        assert bits[0] == bits[1], (name, precision, values)


@pytest.mark.parametrize("name", ARITIES)
def test_functions_have_the_bits_of_enclosures(name):
    for precision, count in PRECISIONS.items():
        rows = [operands(precision, count, seed) for seed in range(ARITIES[name])]
        if precision in (24, 200):
            reference = get_scalar(f"mp:{precision}@engine=mpmath")
            specials = list(reference.to_exact(reference.from_float(SPECIALS)))
            if ARITIES[name] == 2:
                pairs = [(a, b) for a in specials for b in (*specials[:8], specials[-1])]
                rows = [a + list(b) for a, b in zip(rows, zip(*pairs, strict=True), strict=True)]
            else:
                rows[0] += specials
        check(name, precision, rows)


def test_exact_values_and_middles_of_two_numbers_have_the_bits_of_enclosures():
    rng = random.Random(7)
    for precision in (1, 3, 24, 64, 113):
        integers = [mpmath.mpf(k) for k in (1, 2, 3, 4, 6, 7, -1, -3, -6)]
        powers = [mpmath.mpf(2) ** k for k in (-100, -7, 3, 5, 6, 7, 12, 99)]
        tens = [mpmath.mpf(10) ** k for k in range(7)]
        short = [mpmath.mpf(rng.getrandbits(min(precision, 20)) | 1) for _ in range(12)]
        check("exp2", precision, [[value for value in integers if precision > 2 or abs(value) < 5]])
        for name in ("log2", "log10"):
            check(name, precision, [powers + (tens if precision > 20 else [])])
        # Squares, cubes and inverses: many lie in the middle of two numbers of the precision.
        for exponent in (2, 3, -1, 0.5):
            check("pow", precision, [short, [mpmath.mpf(exponent)] * len(short)])


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_angles_are_reduced_however_great_they_are(name):
    for precision in (24, 113):
        most = mpmath.mpf((1 << precision) - 1)
        values = [mpmath.ldexp(most, k) for k in (-precision, 0, 20, 64, 100, 200, 500, 5000)]
        with mpmath.workprec(precision):
            values += [k * mpmath.pi / 4 for k in (1, 2, 3, 4, 5, 6, 355, 710, 10**6)]
        check(name, precision, [values])


@pytest.mark.parametrize("name", ARITIES)
def test_usual_operands_are_left_to_no_enclosure(name, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("an enclosure")

    monkeypatch.setattr(mp_limbs, "compute", refuse)
    for precision in (24, 200):
        s = get_scalar(f"mp:{precision}")
        x = np.random.default_rng(precision).uniform(0.1, 3.0, (ARITIES[name], 50))
        third = s.from_float(3.0)
        getattr(s, name)(*(s.div(s.from_float(row), third) for row in x))


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
    count = row_limbs(1)
    with mpmath.workprec(64 * count + 64):
        for rows, row, value in (
            (constants_of(1).rows, constants.LN2, mpmath.ln(2)),
            (constants_of(1).rows, constants.PER_LN2, 1 / mpmath.ln(2) - 1),
            (constants_of(1).rows, constants.PER_LN10, 1 / mpmath.ln(10)),
            (constants_of(1).rows, constants.EXPONENTIALS + 7, mpmath.expm1(mpmath.mpf(7) / 256)),
            (angle_constants_of(1).rows, constants.TWO_BY_PI, 2 / mpmath.pi),
            (angle_constants_of(1).rows, constants.QUARTER_PI, mpmath.pi / 4),
            (angle_constants_of(1).rows, constants.SINES + 9, mpmath.sin(mpmath.mpf(9) / 256)),
        ):
            words = sum(int(word) << 64 * k for k, word in enumerate(rows[row]))
            assert abs(words - int(mpmath.ldexp(value, 64 * count))) <= 1
