"""The exact mean of the losses of samples, for reports: the same measure in every arithmetic.

The loss of a sample is the loss's formula over the real numbers, of the prediction and the target
that the run has, as exact numbers. Their mean is exact, and rounded once to binary64, to nearest.
So it depends on the numbers of the predictions only, not on the arithmetic that made them.

Losses of predictions that are binary64 numbers are enclosed in double words; if rounding the
enclosure is not certain, or for other numbers, the loss is evaluated in ``mp`` with 1,400 bits. A
loss that has options, or is not one of numlean's, is evaluated by its own formula in ``mp`` with
256 bits. Both have twice the precision and 64 bits if that is more. If a loss cannot be evaluated
in ``mp``, each loss is the one in the run's arithmetic, and only the mean is exact. Samples whose
labels are all ignored do not count.

A NaN among the losses makes the mean a NaN, and so do infinities of both signs. Losses below
2**-1300 count as 0, and above 2**1300 as infinite.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any, Final

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.losses.enclosures import enclosure_of, has_enclosure
from numlean.losses.loss import ClassesLoss, Loss, Reduction
from numlean.scalar.dtype import Dtype
from numlean.scalar.exact import Exact, exact_of, to_mpf
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar
from numlean_kernels.formats import BINARY64

_BITS: Final = 256
_MANY_BITS: Final = 1400
"""Enough that an absolute error of 2**-1390 is far below binary64's least number."""
_BOUND: Final = 1300
_PORTION: Final = 1 << 16


class Items(Enum):
    """The things whose losses are averaged."""

    SAMPLES = "samples"
    """The samples along the first axis of all batches."""
    BATCHES = "batches"
    """The batches, of which each has one loss."""


def exact_mean(loss: Loss, batches: Sequence[tuple[Tensor, Tensor]], items: Items) -> float:
    """Return the mean of the losses of predictions and targets; 0 without any.

    Args:
        loss: The loss.
        batches: Predictions (batch, ...) and their targets.
        items: What has a loss: each sample, or each batch.
    """
    count = sum(x.shape[0] for x, _ in batches) if items is Items.SAMPLES else len(batches)
    if not count:
        return 0.0
    fast = _fast_mean(loss, batches, items, count)
    return _slow_mean(loss, batches, items, count) if fast is None else fast


def _fast_mean(
    loss: Loss, batches: Sequence[tuple[Tensor, Tensor]], items: Items, count: int
) -> float | None:
    """Return the mean if all numbers are finite binary64 numbers and rounding it is certain."""
    if not has_enclosure(loss):
        return None
    groups: dict[tuple[Any, Fraction], list[tuple[Any, Any]]] = {}
    for prediction, target in batches:
        numbers = _floats(prediction), _floats(target)
        if numbers[0] is None or numbers[1] is None:
            return None
        weight = Fraction(1, count * _rows(loss, prediction, items))
        groups.setdefault((prediction.shape[1:], weight), []).append(numbers)
    value = error = Fraction(0)
    for weight, x, y in _portions(groups):
        if np.isnan(x).any() or np.isnan(y).any():
            return math.nan if has_enclosure(loss) else None
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return _mean_if_infinite(loss, batches, items)
        found = enclosure_of(loss, x, y)
        if found is None:
            return None
        value, error = value + weight * found.value, error + weight * found.error
    least, greatest = _to_float(value - error), _to_float(value + error)
    return least if least == greatest else None


def _portions(
    groups: Mapping[tuple[Any, Fraction], Sequence[tuple[Any, Any]]],
) -> Iterator[tuple[Fraction, Any, Any]]:
    """Yield batches of one shape and weight joined, about ``_PORTION`` numbers at a time.

    An enclosure takes memory for many times the numbers that it is given.
    """
    for (_, weight), pairs in groups.items():
        portion, size = [], 0
        for count, pair in enumerate(pairs, 1):
            portion.append(pair)
            size += pair[0].size
            if size >= _PORTION or count == len(pairs):
                x, y = (np.concatenate(arrays) for arrays in zip(*portion, strict=True))
                yield weight, x, y
                portion, size = [], 0


def _mean_if_infinite(
    loss: Loss, batches: Sequence[tuple[Tensor, Tensor]], items: Items
) -> float | None:
    """Return the mean, or None if it is finite, from the samples with an infinite number.

    The losses of other samples are finite.
    """
    if items is not Items.SAMPLES:
        return None
    kept = []
    for prediction, target in batches:
        axes = tuple(range(1, prediction.ndim))
        is_finite = np.isfinite(prediction.to_float()).all(axes)
        if target.scalar is not INDEX:
            is_finite &= np.isfinite(target.to_float()).all(tuple(range(1, target.ndim)))
        kept.append(
            (prediction.like(prediction.data[~is_finite]), target.like(target.data[~is_finite]))
        )
    mean = _slow_mean(loss, kept, items, 1)
    return None if math.isfinite(mean) else mean


def _rows(loss: Loss, prediction: Tensor, items: Items) -> int:
    """Return the number of rows of an item, among which a mean is taken."""
    if getattr(loss, "reduction", None) is not Reduction.MEAN:
        return 1
    shape = prediction.shape[1:] if items is Items.SAMPLES else prediction.shape
    return math.prod(shape[:-1] if isinstance(loss, ClassesLoss) else shape)


def _floats(x: Tensor) -> Any:
    """Return labels, or numbers as binary64; None if they are not binary64 numbers."""
    if x.scalar is INDEX:
        return x.data
    format = x.scalar.format
    is_binary64 = (
        format is not None
        and format.precision <= BINARY64.precision
        and format.emax <= BINARY64.emax
        and format.emin - format.precision >= BINARY64.emin - BINARY64.precision
    )
    return x.to_float() if is_binary64 else None


def _slow_mean(
    loss: Loss, batches: Sequence[tuple[Tensor, Tensor]], items: Items, count: int
) -> float:
    total, infinite = Fraction(0), 0.0
    for prediction, target in batches:
        for value in _losses(loss, prediction, target, items):
            if value.is_finite and abs(value.leading_exponent) <= _BOUND:
                total += _fraction(value)
            elif not value.is_finite or value.leading_exponent > _BOUND:
                infinite += float(to_mpf(value)) * math.inf
        if math.isnan(infinite):
            break
    return infinite or _to_float(total / count)


def _losses(loss: Loss, prediction: Tensor, target: Tensor, items: Items) -> Iterator[Exact]:
    """Yield the losses of the items of a batch."""
    function = loss.per_sample if items is Items.SAMPLES else loss
    try:
        wide = _wide(loss, prediction.scalar)
        found = function(_to_wide(wide, prediction), _to_wide(wide, target))
    except NumleanError:
        found = function(prediction, target)
    for value in found.scalar.to_exact(found.data).reshape(-1):
        yield exact_of(value)


def _to_wide(wide: Scalar, x: Tensor) -> Tensor:
    if x.scalar is INDEX:
        return x
    data = np.ascontiguousarray(x.data).reshape(x.shape)
    return Tensor(wide, wide.from_exact(x.scalar.to_exact(data)))


def _wide(loss: Loss, scalar: Scalar) -> Scalar:
    least = _MANY_BITS if has_enclosure(loss) else _BITS
    return _wide_of(max(least, 2 * precision_of(scalar) + 64))


@cache
def _wide_of(bits: int) -> Scalar:
    return get_scalar(Dtype.mp(bits).text)


def _fraction(value: Exact) -> Fraction:
    sign, significand = -1 if value.sign else 1, int(value.significand)
    return sign * significand * Fraction(2) ** int(value.exponent)


def _to_float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
