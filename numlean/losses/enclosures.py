"""Fast enclosures of the losses of many rows, from predictions and targets that are binary64.

Each function returns the sum of the losses of all rows, as an exact fraction, and a bound of its
error. It evaluates the formula of a loss over the real numbers, in double words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias

import numpy as np

from numlean.arguments.option import given_options
from numlean.losses._cross_entropy import (
    CrossEntropy,
    CrossEntropyOneHot,
    NegativeLogLikelihoodOneHot,
)
from numlean.losses.binary import BinaryCrossEntropy, BinaryCrossEntropyWithLogits
from numlean.losses.double_word import (
    LEAST_EXPONENT,
    RELATIVE_ERROR,
    DoubleWord,
    Floats,
    add,
    double_word,
    exact_sum,
    exp,
    log1p,
    multiply,
    negate,
    sum_last_axis,
    two_product,
    two_sum,
)
from numlean.losses.loss import Loss
from numlean.losses.squared_error import MeanSquaredError

_NEGLIGIBLE: Final = Fraction(1, 1 << 850)
"""More than e**LEAST_EXPONENT, and than any error of a low word that is subnormal."""
_LEAST, _GREATEST = 2.0**-400, 2.0**400
"""Products of two such numbers have exact low words."""


@dataclass(frozen=True)
class Enclosure:
    """A real number: value - error <= number <= value + error."""

    value: Fraction
    error: Fraction


Enclose: TypeAlias = Callable[[Any, Floats, Any], Enclosure]
"""The sum of a loss over rows, from the loss, finite predictions and finite targets."""


def enclosure_of(loss: Loss, prediction: Floats, target: Any) -> Enclosure | None:
    """Return the sum of the losses of all rows of the predictions; None if it has to be slow.

    Args:
        loss: The loss.
        prediction: Finite predictions (..., classes), or of any shape for losses of elements.
        target: Finite targets of the same shape; labels (...) for losses that take labels.
    """
    if not has_enclosure(loss):
        return None
    try:
        with np.errstate(all="ignore"):
            return _ENCLOSURES[type(loss)](loss, prediction, target)
    except (OverflowError, ValueError):  # infinite intermediate results
        return None


def has_enclosure(loss: Loss) -> bool:
    """Return whether the formula of a loss is known here: one of numlean's, without options."""
    return type(loss) in _ENCLOSURES and not given_options(loss)


def _squared_error(loss: Loss, prediction: Floats, target: Floats) -> Enclosure:
    difference = two_sum(prediction, -target)
    if not difference.l.any() and _has_exact_products(difference.h, difference.h):
        square = two_product(difference.h, difference.h)
        return Enclosure(exact_sum(*square), Fraction(0))
    square = multiply(difference, difference)
    return _enclosure(square, square.h)


def _log_likelihood(loss: Loss, prediction: Floats, target: Floats) -> Enclosure:
    product = two_product(-target, prediction)
    if _has_exact_products(target, prediction):
        return Enclosure(exact_sum(*product), Fraction(0))
    return _enclosure(product, np.abs(product.h))


def _cross_entropy(loss: Loss, prediction: Floats, target: Any) -> Enclosure:
    labels = np.asarray(target, np.int64)[..., None]
    gap, logarithm = _log_softmax(prediction)
    taken = DoubleWord(*(np.take_along_axis(part, labels, -1)[..., 0] for part in gap))
    value = add(taken, logarithm)
    return _enclosure(value, value.h, terms=prediction.shape[-1])


def _cross_entropy_one_hot(loss: Loss, prediction: Floats, target: Floats) -> Enclosure:
    gap, logarithm = _log_softmax(prediction)
    each = add(gap, DoubleWord(logarithm.h[..., None], logarithm.l[..., None]))
    product = multiply(double_word(target), each)
    return _enclosure(product, np.abs(product.h), terms=prediction.shape[-1])


def _log_softmax(x: Floats) -> tuple[DoubleWord, DoubleWord]:
    """Return max(x) - x, and log(sum(exp(x - max(x)))) without its axis: their sum is the loss."""
    best = np.argmax(x, -1)[..., None]
    gap = two_sum(np.take_along_axis(x, best, -1), -x)
    # The greatest term is 1, and is left to log1p.
    is_counted = gap.h <= -LEAST_EXPONENT
    np.put_along_axis(is_counted, best, False, -1)
    operand = DoubleWord(*(np.where(is_counted, -part, 0.0) for part in gap))
    powers = DoubleWord(*(np.where(is_counted, part, 0.0) for part in exp(operand)))
    return gap, log1p(sum_last_axis(powers))


def _binary(loss: BinaryCrossEntropy, prediction: Floats, target: Floats) -> Enclosure:
    if not loss.epsilon >= _LEAST:
        raise ValueError(loss.epsilon)
    ones = np.ones(prediction.shape)
    yes = multiply(double_word(target), _log_above(double_word(prediction), loss.epsilon))
    rest = _log_above(two_sum(ones, -prediction), loss.epsilon)
    no = multiply(two_sum(ones, -target), rest)
    value = negate(add(yes, no))
    return _enclosure(value, np.abs(yes.h) + np.abs(no.h))


def _log_above(x: DoubleWord, least: float) -> DoubleWord:
    """Return log(max(x, least))."""
    is_above = (x.h > least) | ((x.h == least) & (x.l > 0))
    kept = DoubleWord(np.where(is_above, x.h, least), np.where(is_above, x.l, 0.0))
    return log1p(add(kept, double_word(-np.ones(x.h.shape))))


def _binary_with_logits(loss: Loss, prediction: Floats, target: Floats) -> Enclosure:
    """Return y * max(-x, 0) + (1 - y) * max(x, 0) + log(1 + exp(-abs(x)))."""
    size = np.abs(prediction)
    is_counted = size <= -LEAST_EXPONENT
    power = exp(double_word(np.where(is_counted, -size, 0.0)))
    logarithm = log1p(DoubleWord(*(np.where(is_counted, part, 0.0) for part in power)))
    yes = two_product(target, np.maximum(-prediction, 0.0))
    no = multiply(two_sum(np.ones(target.shape), -target), double_word(np.maximum(prediction, 0.0)))
    value = add(logarithm, add(yes, no))
    return _enclosure(value, logarithm.h + np.abs(yes.h) + np.abs(no.h))


def _enclosure(value: DoubleWord, scale: Floats, *, terms: int = 1) -> Enclosure:
    """Return the sum of values whose errors are relative to a scale, or negligible.

    Raises:
        ValueError: A value is not finite.
    """
    total, error = exact_sum(*value), exact_sum(scale) * 8 * RELATIVE_ERROR
    return Enclosure(total, error + value.h.size * terms * _NEGLIGIBLE)


def _has_exact_products(x: Floats, y: Floats) -> bool:
    sizes = (np.abs(each[each != 0]) for each in (x, y))
    return all(bool(((size >= _LEAST) & (size <= _GREATEST)).all()) for size in sizes)


_ENCLOSURES: Final[dict[type[Loss], Enclose]] = {
    BinaryCrossEntropy: _binary,
    BinaryCrossEntropyWithLogits: _binary_with_logits,
    CrossEntropy: _cross_entropy,
    CrossEntropyOneHot: _cross_entropy_one_hot,
    MeanSquaredError: _squared_error,
    NegativeLogLikelihoodOneHot: _log_likelihood,
}
