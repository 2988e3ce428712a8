"""Standardisation: subtract the mean of the training part and divide by its deviation."""

from __future__ import annotations

from math import fsum, ldexp, sqrt

import numpy as np

from numlean.autograd.primitives import abs_, max_constant, maximum, ranges
from numlean.autograd.tensor import Tensor
from numlean.data.dataset import Floats
from numlean.errors import DataError


def statistics(train: Floats) -> tuple[Floats, Floats]:
    """Return the mean and the deviation of each column of (n, ...) in binary64.

    The bits are the same on any machine. mean = s/n, where s is the exact sum rounded once
    (``math.fsum``). deviation = sqrt(q/n), where q is the exact sum, rounded once, of the squares
    (x - mean)^2, each of which is rounded after the subtraction and after the product. A column is
    first scaled by a power of two, and the results are scaled back, so that nothing overflows. The
    mean of a constant column is its number; a deviation of zero is replaced by 1.

    Raises:
        DataError: There are no rows.
    """
    if len(train) == 0:
        raise DataError("cannot standardise: the training part is empty")
    columns = train.reshape(len(train), -1).T
    pairs = [_of_column(column) for column in columns]
    mean, deviation = (
        np.array(values).reshape(train.shape[1:]) for values in zip(*pairs, strict=True)
    )
    return mean, deviation


def _of_column(column: Floats) -> tuple[float, float]:
    least, greatest = float(column.min()), float(column.max())
    if least == greatest:
        return least, 1.0
    # This makes all magnitudes less than a half, so that differences and squares do not overflow.
    exponent = int(np.frexp(max(-least, greatest))[1]) + 1
    scaled = np.ldexp(column, -exponent)
    mean = fsum(scaled) / len(scaled)
    difference = scaled - mean
    deviation = sqrt(fsum(difference * difference) / len(scaled))
    return ldexp(mean, exponent), ldexp(deviation, exponent) or 1.0


def standardise(x: Floats, mean: Floats, deviation: Floats) -> Floats:
    """Return (x - mean) / deviation, each operation rounded once in binary64.

    Raises:
        DataError: A result overflows binary64.
    """
    with np.errstate(over="ignore"):
        z = (x - mean) / deviation
    wrong = np.argwhere(~np.isfinite(z))
    if len(wrong):
        column = tuple(wrong[0][1:])
        raise DataError(
            f"cannot standardise {x[tuple(wrong[0])]} with mean {mean[column]} and deviation"
            f" {deviation[column]}: the result overflows binary64; scale the column down"
        )
    return z


def standardise_in_scalar(train: Tensor, x: Tensor) -> Tensor:
    """Standardise the rows of x by the statistics of ``train``, in operations of their Scalar.

    mean = (+0 + x[0] + x[1] + ...) / n and deviation = sqrt((+0 + d[0]*d[0] + ...) / n) with
    d = x - mean, summed in the order of the rows. The deviation is replaced by 1 where all numbers
    of a column are equal or the deviation is zero. The result is (x - mean) / deviation.

    A column whose variance overflows or is below the normal numbers is first divided by a power of
    two near the greatest magnitude of d, or of the column where its mean overflows.
    """
    scalar, scale = train.scalar, _divisor(train)
    train, x = train / scale, x / scale
    mean = train.mean(0)
    deviation = scalar.sqrt(_variance(train - mean).data)
    zero = scalar.from_float(0.0)
    is_constant = scalar.eq(train.data, train.data[:1]).all(axis=0) | scalar.eq(deviation, zero)
    one = scalar.where(is_constant, scalar.from_float(np.ones(is_constant.shape)))
    kept = scalar.where(~is_constant, deviation)
    return (x - mean) / Tensor(scalar, scalar.add(kept, one))


def _variance(difference: Tensor) -> Tensor:
    return (difference * difference).mean(0)


def _divisor(x: Tensor) -> Tensor:
    """Return the divisor of each column that makes its variance fit, 1 if it does."""
    difference = x - x.mean(0)
    largest, reach = (max_constant(abs_(each), 0, keepdims=False) for each in (x, difference))
    is_constant = (x.scalar.eq(x.data, x.data[:1]).all(axis=0)).astype(np.float64)
    fits = ranges.is_normal_below_greatest(_variance(difference))
    fits = maximum(fits, Tensor.of(x.scalar, is_constant))
    return ranges.divisor(fits, ranges.select(ranges.is_finite(reach), reach, largest))
