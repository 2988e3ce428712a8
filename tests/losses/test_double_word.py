"""exp, expm1 and log1p of double words, against mpmath, within the bound that enclosures use."""

from fractions import Fraction

import numpy as np
import pytest
from mpmath import mp, mpf

from numlean.losses import double_word as dw

RNG = np.random.default_rng(90)
SMALL = 10.0 ** RNG.uniform(-255, -1, 60)
STEPS = np.arange(-40, 41) * 0.5 * float(dw._STEP)
CASES = {
    "exp": [*-RNG.uniform(0, 600, 60), *RNG.uniform(0, 600, 60), *-SMALL, *STEPS, -600.0, 0.0],
    "expm1": [*-RNG.uniform(0, 600, 60), *RNG.uniform(0, 600, 60), *-SMALL, *SMALL, *STEPS, 0.0],
    "log1p": [
        *(*10.0 ** RNG.uniform(-1, 200, 60), *-RNG.uniform(0, 1, 60), *-SMALL, *SMALL),
        *(0.0, 0.5, -0.5, np.nextafter(0.5, 0), 1e-12 - 1, 1e-250),
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_functions_of_double_words_stay_within_their_bound(name):
    high = np.array(CASES[name])
    x = dw.two_sum(high, high * RNG.uniform(-1, 1, high.size) * 2.0**-54)
    z = getattr(dw, name)(x)
    for h, low, zh, zl in zip(*map(np.ndarray.tolist, (*x, *z)), strict=True):
        with mp.workprec(500):
            exact = getattr(mp, name)(mpf(h) + mpf(low))
            error = abs(mpf(zh) + mpf(zl) - exact)
            bound = mpf(dw.RELATIVE_ERROR.numerator) / dw.RELATIVE_ERROR.denominator
            assert error <= bound * abs(exact), (h, low)


def test_sums_of_binary64_are_exact_in_any_order():
    values = RNG.standard_normal(200) * 10.0 ** RNG.integers(-200, 200, 200)
    values[50:100] = -values[:50]
    RNG.shuffle(values)
    assert dw.exact_sum(values) == sum(map(Fraction, values.tolist()))
    assert dw.exact_sum(np.zeros(0)) == 0


def test_sums_by_halves_take_every_term_once():
    for count in range(1, 10):
        x = dw.double_word(RNG.integers(1, 100, (3, count)).astype(float))
        total = dw.sum_last_axis(x)
        assert (total.h == x.h.sum(-1)).all()
        assert not total.l.any()
