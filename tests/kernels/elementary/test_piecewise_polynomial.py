"""Piecewise polynomials: their errors against MPFR stay below the stated bounds."""

from fractions import Fraction

import gmpy2
import numpy as np
import pytest

from numlean_kernels.elementary import fast_phase, saturating
from numlean_kernels.elementary.piecewise_polynomial import SPLIT, piecewise
from numlean_kernels.formats import BINARY32
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.targets import get_target

KIT = RoutineBuilder(Arithmetic(BINARY32), get_target("python"), word_bits=64)
MPFR = gmpy2.context(precision=200)
STATED = 1 << 26
T_BITS = 17


def binade(function, index):
    """Return the exponent of a piece of an odd function, and its position in the binade."""
    return divmod(index + 64 * (function.least - 1), 64)


def of_odd(function):
    def operand(index, t):
        k, place = binade(function, index)
        return gmpy2.mpq(Fraction(64 + place + Fraction(t, 1 << T_BITS)) * Fraction(2) ** (k - 6))

    return operand


def of_sigmoid(index, t):
    return gmpy2.mpq(Fraction(index + Fraction(t, 1 << SPLIT)) / 32 - 32)


def of_power(index, t):
    return gmpy2.mpq(Fraction(index + Fraction(t, 1 << SPLIT)) / 64)


def sigmoid(x):
    return MPFR.div(1, MPFR.add(1, MPFR.exp(MPFR.minus(x))))


CASES = {
    "tanh": (
        saturating.odd_polynomials(saturating.TANH),
        T_BITS,
        of_odd(saturating.TANH),
        MPFR.tanh,
    ),
    "erf": (saturating.odd_polynomials(saturating.ERF), T_BITS, of_odd(saturating.ERF), MPFR.erf),
    "sigmoid": (saturating.sigmoid_polynomials(), SPLIT, of_sigmoid, sigmoid),
    "exp2": (fast_phase.powers_of_two(), SPLIT, of_power, MPFR.exp2),
}


@pytest.mark.parametrize("name", CASES)
def test_pieces_are_off_by_less_than_is_stated(name):
    table, bits, operand, function = CASES[name]
    value, pieces = KIT.routine(piecewise(table, bits)), len(table) // 3
    rng = np.random.default_rng(9)
    # Without the level piece, and the first binade of tanh, which replaces nearby values.
    first = 64 if name == "tanh" else 0
    last = pieces if name == "exp2" else pieces - 1
    worst = 0
    for index in range(first, last):
        for t in (0, 1, (1 << bits) - 1, *rng.integers(1 << bits, size=5).tolist()):
            e, v = value(index, t)
            assert 1 << 62 <= v < 1 << 64
            exact = function(MPFR.add(0, operand(index, t)))
            worst = max(worst, abs(MPFR.mul_2exp(exact, 63 - e) - v))
    assert worst < STATED
