"""The exact mean of losses, against mpmath with 3,000 bits and against exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from mpmath import mp, mpf

from numlean import Tensor, get_scalar
from numlean.autograd.indices import INDEX
from numlean.losses import (
    Loss,
    Reduction,
    bce,
    bce_with_logits,
    cross_entropy,
    cross_entropy_one_hot,
    enclosures,
    exact_mean,
    mse,
    nll_one_hot,
)
from numlean.losses.exact_mean import Items

S = get_scalar("float64")
RNG = np.random.default_rng(18)
BITS = 3000
INF, NAN = math.inf, math.nan


def rounded(value):
    """Round an mpf to binary64 once: a Fraction's float is correctly rounded."""
    sign, significand, exponent, _ = value._mpf_
    return float((-1) ** sign * Fraction(int(significand)) * Fraction(2) ** exponent)


def logsumexp(row):
    return mp.log(sum(mp.exp(x) for x in row))


def mp_one_hot(row, weights):
    return sum(w * (logsumexp(row) - x) for x, w in zip(row, weights, strict=True))


def mp_bce(p, y, epsilon=1e-12):
    clamped = (max(each, mpf(epsilon)) for each in (p, 1 - p))
    yes, no = (mp.log(each) for each in clamped)
    return -(y * yes + (1 - y) * no)


def mp_logits(x, y):
    return y * mp.log1p(mp.exp(-x)) + (1 - y) * mp.log1p(mp.exp(x))


def row_losses(name, x, y):
    """Return the losses of rows (of elements, for losses of elements) over the real numbers."""
    with mp.workprec(BITS):
        if name == "cross_entropy":
            return [logsumexp(row) - row[k] for row, k in zip(to_mp(x), y, strict=True)]
        rows = zip(to_mp(x), to_mp(y), strict=True)
        if name == "cross_entropy_one_hot":
            return [mp_one_hot(*row) for row in rows]
        if name == "nll_one_hot":
            return [-sum(a * b for a, b in zip(*row, strict=True)) for row in rows]
        element = {"mse": lambda a, b: (a - b) ** 2, "bce": mp_bce, "bce_with_logits": mp_logits}
        return [element[name](a, b) for row in rows for a, b in zip(*row, strict=True)]


def to_mp(x):
    return [[mpf(float(each)) for each in row] for row in x]


def one_hot(labels, classes):
    return np.eye(classes)[labels]


LABELS = RNG.integers(0, 5, 12)
WIDE = RNG.standard_normal((12, 5)) * 10.0 ** RNG.integers(-8, 3, (12, 5))
SURE = 40.0 * one_hot(LABELS, 5) + RNG.standard_normal((12, 5))
EXTREME = np.array([[1e300, -1e300], [0.0, -1e-300], [700.0, -700.0], [2.0**53, 2.0**53 + 2]])
SOFT = RNG.dirichlet(np.ones(5), 12)
SHARE = RNG.random((12, 5))
CASES = {
    "labels": (cross_entropy, WIDE, LABELS),
    "labels of a confident model": (cross_entropy, SURE, LABELS),
    "labels of a wrong model": (cross_entropy, SURE, (LABELS + 1) % 5),
    "labels with equal logits": (cross_entropy, np.ones((3, 4)), np.array([0, 1, 2])),
    "labels of one class": (cross_entropy, np.ones((3, 1)), np.zeros(3, int)),
    "labels with extreme logits": (cross_entropy, EXTREME, np.array([0, 1, 1, 0])),
    "labels with certain logits": (cross_entropy, EXTREME[:1], np.array([0])),
    "one hot": (cross_entropy_one_hot, WIDE, one_hot(LABELS, 5)),
    "distributions": (cross_entropy_one_hot, WIDE, SOFT),
    "log-probabilities": (nll_one_hot, -np.abs(WIDE), SOFT),
    "squares": (mse, WIDE, SOFT),
    "squares of halves": (mse, np.array([[0.5, 1.5], [2.0, 3.0]]), np.zeros((2, 2))),
    "squares that underflow": (mse, np.full((2, 2), 1e-170), np.zeros((2, 2))),
    "squares beyond the range": (mse, np.full((2, 2), 1e170), np.zeros((2, 2))),
    "no error": (mse, WIDE, WIDE),
    "probabilities": (bce, SHARE, (SHARE > 0.4) * 1.0),
    "certain probabilities": (bce, np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])),
    "clamped probabilities": (bce, np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])),
    "logits": (bce_with_logits, WIDE, SHARE),
    "extreme logits": (bce_with_logits, EXTREME, np.array([[1.0, 0.0]] * 4)),
}


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize("case", CASES)
def test_the_mean_is_the_real_mean_rounded_once(case, reduction):
    make, x, y = CASES[case]
    loss = make(reduction=reduction)
    target = Tensor.of(INDEX, y) if loss.takes_labels else Tensor.of(S, y)
    found = exact_mean.exact_mean(loss, [(Tensor.of(S, x), target)], Items.SAMPLES)
    with mp.workprec(BITS):
        losses = row_losses(make.__name__, x, y)
        count = len(losses) if reduction is Reduction.MEAN else len(x)
        try:
            expected = rounded(sum(losses) / count)
        except OverflowError:
            expected = INF
    assert found == expected


@pytest.mark.parametrize("case", CASES)
def test_the_fast_way_gives_the_bits_of_the_slow_way(case, monkeypatch):
    make, x, y = CASES[case]
    target = Tensor.of(INDEX, y) if make().takes_labels else Tensor.of(S, y)
    arguments = make(), [(Tensor.of(S, x), target)], Items.BATCHES
    fast = exact_mean.exact_mean(*arguments)
    monkeypatch.setattr(exact_mean, "enclosure_of", lambda *_: None)
    assert exact_mean.exact_mean(*arguments) == fast


def test_most_means_are_found_in_the_fast_way():
    for case in ("labels", "labels of a confident model", "distributions", "squares", "logits"):
        make, x, y = CASES[case]
        found = enclosures.enclosure_of(make(), x, y)
        assert found is not None
        assert found.error < abs(found.value) * Fraction(1, 1 << 70), case


@pytest.mark.parametrize(
    ("logits", "label", "expected"),
    [
        ([NAN, 0.0], 0, NAN),
        ([INF, 0.0], 0, NAN),  # inf - inf
        ([0.0, -INF], 0, 0.0),
        ([0.0, -INF], 1, INF),
        ([-INF, -INF], 1, NAN),
    ],
)
def test_specials_are_those_of_the_formula(logits, label, expected):
    x, y = np.array([[0.0, 0.0], logits]), np.array([0, label])
    found = exact_mean.exact_mean(
        cross_entropy(), [(Tensor.of(S, x), Tensor.of(INDEX, y))], Items.SAMPLES
    )
    if expected == 0.0:
        expected = math.log(2) / 2  # halving is exact, and so is ln 2 rounded once
    assert found == expected or (math.isnan(found) and math.isnan(expected))


def test_batches_have_one_loss_each_and_samples_their_own():
    x, y = Tensor.of(S, [[1.0], [3.0], [5.0]]), Tensor.of(S, [[0.0]] * 3)
    parts = [(x, y), (x.like(x.data[:1]), y.like(y.data[:1]))]
    of = {
        (items, reduction): exact_mean.exact_mean(mse(reduction=reduction), parts, items)
        for items in Items
        for reduction in Reduction
    }
    assert of[Items.SAMPLES, Reduction.MEAN] == 36 / 4
    assert of[Items.SAMPLES, Reduction.SUM] == 36 / 4
    assert of[Items.BATCHES, Reduction.MEAN] == float(Fraction(35, 3) + 1) / 2
    assert of[Items.BATCHES, Reduction.SUM] == 36 / 2
    assert exact_mean.exact_mean(mse(), [], Items.SAMPLES) == 0.0


def test_numbers_beyond_binary64_are_measured_with_more_bits():
    wide = get_scalar("mp:300")
    x = Tensor(wide, wide.from_string(["0x1.8p-300", "1"]).reshape(2, 1))
    zero = Tensor.of(wide, [[0.0], [1.0]])
    assert exact_mean.exact_mean(mse(), [(x, zero)], Items.SAMPLES) == 2.25 * 2.0**-601


class Cubed(Loss):
    """A loss that is not one of numlean's."""

    def __call__(self, prediction, target):
        return self.per_sample(prediction, target).mean()

    def per_sample(self, prediction, target):
        difference = (prediction - target).reshape(prediction.shape[0])
        return difference * difference * difference


def test_another_loss_is_evaluated_by_its_own_formula():
    narrow = get_scalar("float32")
    x, y = Tensor.of(narrow, [[1.0], [3.0], [4099.0]]), Tensor.of(narrow, [[0.0]] * 3)
    mean = exact_mean.exact_mean(Cubed(), [(x, y)], Items.SAMPLES)
    assert mean == float(Fraction(1 + 27 + 4099**3, 3))
