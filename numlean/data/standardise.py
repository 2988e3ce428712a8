"""Inputs freed of their units: minus the training part's mean, divided by its deviation."""

from __future__ import annotations

from math import fsum, ldexp, sqrt

import numpy as np

from numlean.autograd.tensor import Tensor
from numlean.data.dataset import Floats
from numlean.errors import DataError


def statistics(train: Floats) -> tuple[Floats, Floats]:
    """The mean and the deviation of each column of (n, ...), in binary64, the same on any machine.

    mean = s/n, s being the exact sum rounded once (``math.fsum``); deviation = sqrt(q/n), q being
    the exact sum of the squares (x - mean)^2, rounded once, each of them rounded after the
    subtraction and after the product. A column is first scaled by a power of two, and the results
    back, so that nothing overflows. The mean of a constant column is its number; a deviation of
    zero counts as 1.

    Raises:
        DataError: There are no rows.
    """
    if len(train) == 0:
        raise DataError("the statistics of no rows are not defined: the training part is empty")
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
    # All magnitudes are below a half then, so that differences and squares do not overflow.
    exponent = int(np.frexp(max(-least, greatest))[1]) + 1
    scaled = np.ldexp(column, -exponent)
    mean = fsum(scaled) / len(scaled)
    difference = scaled - mean
    deviation = sqrt(fsum(difference * difference) / len(scaled))
    return ldexp(mean, exponent), ldexp(deviation, exponent) or 1.0


def standardised(x: Floats, mean: Floats, deviation: Floats) -> Floats:
    """(x - mean) / deviation, the subtraction and the quotient each rounded once in binary64.

    Raises:
        DataError: A result is beyond binary64.
    """
    with np.errstate(over="ignore"):
        z = (x - mean) / deviation
    wrong = np.argwhere(~np.isfinite(z))
    if len(wrong):
        column = tuple(wrong[0][1:])
        raise DataError(
            f"{x[tuple(wrong[0])]} cannot be standardised in binary64 by the mean"
            f" {mean[column]} and the deviation {deviation[column]}: scale it down"
        )
    return z


def standardised_in(train: Tensor, x: Tensor) -> Tensor:
    """The rows of x by the statistics of ``train``'s rows, all of it in their Scalar's operations.

    mean = (+0 + x[0] + x[1] + ...) / n and deviation = sqrt((+0 + d[0]*d[0] + ...) / n) with
    d = x - mean, sums being taken in the order of rows; where all numbers of a column are equal,
    or the deviation is zero, it counts as 1. Then (x - mean) / deviation.
    """
    scalar = train.scalar
    mean = train.mean(0)
    difference = train - mean
    variance = (difference * difference).mean(0)
    deviation = scalar.sqrt(variance.data)
    zero = scalar.from_float(0.0)
    is_constant = scalar.eq(train.data, train.data[:1]).all(axis=0) | scalar.eq(deviation, zero)
    one = scalar.where(is_constant, scalar.from_float(np.ones(is_constant.shape)))
    kept = scalar.where(~is_constant, deviation)
    return (x - mean) / Tensor(scalar, scalar.add(kept, one))
