"""Standardisation: the documented formulas against rationals and a transcription in numpy."""

from fractions import Fraction
from math import isqrt

import numpy as np
import pytest

from numlean import get_scalar
from numlean.autograd.tensor import Tensor
from numlean.data.standardise import standardise, standardise_in_scalar, statistics
from numlean.errors import DataError

RNG = np.random.default_rng(11)


def exact_statistics(column):
    """Return mean and deviation by rationals, rounded to binary64 only at the end."""
    values = [Fraction(float(v)) for v in column]
    mean = sum(values) / len(values)
    variance = sum((v - mean) ** 2 for v in values) / len(values)
    scale = 1 << 400
    root = Fraction(isqrt(variance.numerator * scale**2 // variance.denominator), scale)
    return float(mean), float(root)


@pytest.mark.parametrize("scale", [1.0, 1e-250, 1e250, 3.0])
def test_statistics_are_within_two_ulp_of_the_exact_ones_whatever_the_scale(scale):
    x = (RNG.standard_normal((50, 4)) + 1.5) * scale
    mean, deviation = statistics(x)
    for k in range(4):
        exact_mean, exact_deviation = exact_statistics(x[:, k])
        assert abs(mean[k] - exact_mean) <= 2 * np.spacing(abs(exact_mean))
        if scale > 1e-100:  # 400 bits of a root do not reach further
            assert abs(deviation[k] - exact_deviation) <= 2 * np.spacing(exact_deviation)


def test_a_scale_that_is_a_power_of_two_changes_no_standardised_bit():
    x = RNG.standard_normal((30, 2))
    plain = standardise(x, *statistics(x))
    for exponent in (-900, 900):
        scaled = np.ldexp(x, exponent)
        assert standardise(scaled, *statistics(scaled)).tobytes() == plain.tobytes()


def test_constant_columns_become_zero_and_huge_numbers_do_not_overflow():
    x = np.array([[0.1, 1.7e308], [0.1, -1.7e308], [0.1, 0.0], [0.1, 5e-324]])
    mean, deviation = statistics(x)
    assert (mean[0], deviation[0]) == (0.1, 1.0)
    z = standardise(x, mean, deviation)
    assert z[:, 0].tolist() == [0.0] * 4
    assert np.isfinite(z).all()
    least = np.array([[0.0], [5e-324]])
    assert np.isfinite(standardise(least, *statistics(least))).all()


def test_columns_that_overflow_in_standardisation_are_an_error_that_shows_them():
    with pytest.raises(DataError, match=r"1e\+300"):
        standardise(np.array([[1e300]]), np.array([0.0]), np.array([1e-300]))
    with pytest.raises(DataError, match="empty"):
        statistics(np.zeros((0, 2)))


def transcription(train, x):
    """Standardise as the Scalar does, in numpy's binary32."""
    f32 = np.float32
    n = f32(len(train))

    def total(rows):
        acc = np.zeros(rows.shape[1], f32)
        for row in rows:
            acc = acc + row
        return acc

    mean = total(train) / n
    difference = train - mean
    deviation = np.sqrt(total(difference * difference) / n)
    deviation = np.where((train == train[0]).all(axis=0) | (deviation == 0), f32(1), deviation)
    return (x - mean) / deviation


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec"])
def test_in_a_scalar_it_has_the_bits_of_a_transcription_in_numpy(dtype):
    scalar = get_scalar(dtype)
    train = (RNG.standard_normal((37, 5)) * 3 + 100).astype(np.float32)
    train[:, 2] = np.float32(0.1)
    train[:, 3] = [0, *[1e-30] * 36]
    x = RNG.standard_normal((11, 5)).astype(np.float32)
    ours = standardise_in_scalar(Tensor.of(scalar, train), Tensor.of(scalar, x))
    theirs = transcription(train, x)
    # The squares of this column underflow: standardisation does not depend on the unit.
    unit = np.float32(2.0**99)
    theirs[:, 3] = transcription(train[:, 3:4] * unit, x[:, 3:4] * unit)[:, 0]
    assert np.array_equal(scalar.to_bits(ours.data), theirs.view(np.uint32))


def test_in_200_bits_it_is_finer_than_binary64_can_hold():
    scalar = get_scalar("mp:200")
    x = Tensor.of(scalar, RNG.standard_normal((9, 1)))
    z = standardise_in_scalar(x, x)
    exact = scalar.to_exact(z.data).ravel()
    rounded = scalar.to_exact(scalar.from_float(z.to_float())).ravel()
    assert any(a != b for a, b in zip(exact, rounded, strict=True))
    assert abs(sum(z.to_float() ** 2) - 9) < 1e-13
