"""Measures of a runner's predictions: mean loss, predicted classes, accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from numlean.autograd.primitives import concat
from numlean.autograd.tensor import Tensor
from numlean.data import Batch, Dataset, Sample
from numlean.errors import ShapeError

if TYPE_CHECKING:
    from numlean.training.runner import Runner

Data: TypeAlias = Dataset | Sequence[Sample | Batch]
"""Samples to evaluate on."""

Classes: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.intp]]
Answers: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

_BATCH_SIZE: Final = 1024
"""The number of samples of a dataset that are evaluated in one batch."""


def mean_loss(runner: Runner, data: Data) -> Tensor:
    """Return the samples' own losses, summed in order from +0 and divided by their number.

    See :meth:`numlean.Runner.mean_loss`.
    """
    if isinstance(data, Dataset):
        return _mean_loss_of_dataset(runner, data)
    return mean_of([runner.loss(each) for each in data]) if data else runner.tensor(0.0)


def _mean_loss_of_dataset(runner: Runner, dataset: Dataset) -> Tensor:
    if dataset.size == 0:
        return runner.tensor(0.0)
    batches = [runner.batch(batch) for batch in _batches(runner, dataset)]
    predict, params, losses = runner.predictor, runner.params, runner.task.loss.per_sample
    return concat([losses(predict(params, x), y) for x, y in batches], 0).mean()


def _batches(runner: Runner, data: Data) -> Sequence[Sample | Batch]:
    """Return the portions that are evaluated at once; a dataset's are small enough for memory."""
    if not isinstance(data, Dataset):
        return data
    return data.minibatches(max(data.size, 1) if runner.is_training else _BATCH_SIZE)


def predict_class(runner: Runner, x: ArrayLike | Tensor) -> int | Classes | None:
    """Return the index of the greatest output; see :meth:`numlean.Runner.predict_class`."""
    classes = argmax(runner.predict(x))
    if classes.ndim:
        return classes
    return None if classes < 0 else int(classes)


def accuracy(runner: Runner, data: Data) -> tuple[int, int]:
    """Return the number of correct predictions and of all; see :meth:`numlean.Runner.accuracy`."""
    if not runner.task.loss.takes_labels:
        return accuracy_one_hot(runner, data)
    return _count(runner, data, lambda predicted, y: argmax(predicted) == y.data)


def accuracy_one_hot(runner: Runner, data: Data) -> tuple[int, int]:
    """Return the number of correct predictions and of all, for one-hot targets.

    See :meth:`numlean.Runner.accuracy_one_hot`.
    """
    return _count(runner, data, _is_correct_one_hot)


def argmax(x: Tensor) -> Classes:
    """Return the index of the greatest number of the last axis; the first of equals; -1 for a NaN.

    The result has shape (...) for x of shape (..., classes).

    Raises:
        ShapeError: x is a single number.
    """
    if x.ndim == 0:
        raise ShapeError("classes are the last axis of an output; a single number has no axis")
    is_defined = x.scalar.eq(x.data, x.data).all(axis=-1)
    return np.where(is_defined, x.scalar.argmax(x.data), -1)


def mean_of(losses: Sequence[Tensor]) -> Tensor:
    """Return the mean of one or more losses of shape (): their sum in order from +0, divided."""
    return concat([loss.reshape(1) for loss in losses], 0).mean()


def _count(
    runner: Runner, data: Data, is_correct: Callable[[Tensor, Tensor], Answers]
) -> tuple[int, int]:
    """Return the number of correct answers and of all, judged from predictions and targets."""
    batches = (runner.batch(each) for each in _batches(runner, data))
    answers = [is_correct(runner.predictor(runner.params, x), y) for x, y in batches]
    return sum(int(each.sum()) for each in answers), sum(each.size for each in answers)


def _is_correct_one_hot(prediction: Tensor, target: Tensor) -> Answers:
    if prediction.shape != target.shape:
        raise ShapeError(
            f"one-hot targets must have the predictions' shape {prediction.shape}, got"
            f" {target.shape}"
        )
    predicted = argmax(prediction)
    is_correct: Answers = (predicted == argmax(target)) & (predicted >= 0)
    return is_correct
