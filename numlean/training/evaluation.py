"""Measures of a runner's predictions: mean loss, predicted classes, accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from numlean.autograd.indices import INDEX
from numlean.autograd.primitives import concat, take
from numlean.autograd.tensor import Tensor
from numlean.data import Batch, Dataset, Sample
from numlean.errors import NumleanError, ShapeError
from numlean.losses.exact_mean import Items, exact_mean
from numlean.scalar.finiteness import is_nan
from numlean.training.reported_loss import ReportedLoss

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

    Samples whose labels are all ignored do not count. See :meth:`numlean.Runner.mean_loss`.
    """
    return _evaluate(runner, data)[1]


def reported_loss(runner: Runner, data: Data) -> ReportedLoss:
    """Return the exact mean of the exact losses; see :meth:`numlean.Runner.reported_loss`."""
    outputs, in_format = _evaluate(runner, data)
    items = Items.SAMPLES if isinstance(data, Dataset) else Items.BATCHES
    is_undefined = _size(data) > 0 and not any(x.shape[0] for x, _ in outputs)
    exact = math.nan if is_undefined else exact_mean(runner.task.loss, outputs, items)
    return ReportedLoss(exact, in_format)


def reported_loss_of(
    runner: Runner, outputs: Sequence[tuple[Tensor, Tensor]], losses: Sequence[Tensor]
) -> ReportedLoss:
    """Return the exact mean of the losses of batches, from outputs and targets.

    Args:
        runner: The runner.
        outputs: The outputs and the targets of each batch, at least one.
        losses: The losses of the batches in the run's arithmetic.

    Raises:
        NumleanError: There are no outputs.
    """
    if not outputs:
        raise NumleanError("no outputs of a step are kept; set runner.keeps_outputs = True first")
    exact = exact_mean(runner.task.loss, outputs, Items.BATCHES)
    return ReportedLoss(exact, losses[0] if len(losses) == 1 else mean_of(losses))


def _evaluate(runner: Runner, data: Data) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
    """Return the outputs and the targets that count, by batches, and the mean loss.

    The outputs and the losses of a batch are computed before those of the next one.
    """
    if not _size(data):
        return [], runner.tensor(0.0)
    is_dataset, loss = isinstance(data, Dataset), runner.task.loss
    outputs, losses = [], []
    for batch in _batches(runner, data):
        x, y = runner.batch(batch)
        counts = _rows_with_labels(y) if loss.ignores_labels else None
        if not is_dataset and counts is not None and not counts.any():
            continue
        predicted = runner.predictor(runner.params, x)
        output, y = runner.precision.layers.common.compared(predicted, y)
        found = loss.per_sample(output, y) if is_dataset else loss(output, y)
        if is_dataset and counts is not None:
            found = take(found, Tensor(INDEX, np.flatnonzero(counts)))
            output, y = output.like(output.data[counts]), y.like(y.data[counts])
        outputs.append((output, y))
        losses.append(found)
    if not losses:
        return [], runner.tensor(math.nan)
    return outputs, concat(losses, 0).mean() if is_dataset else mean_of(losses)


def _size(data: Data) -> int:
    return data.size if isinstance(data, Dataset) else len(data)


def _rows_with_labels(labels: Tensor) -> Answers:
    """Return the samples that have a target, not only labels that the loss ignores."""
    is_label = (labels.data >= 0).reshape(labels.shape[0], -1)
    return np.asarray(is_label.any(axis=1))


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
    return _count(runner, data, _is_correct_label)


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
    is_defined = ~is_nan(x.scalar, x.data).any(axis=-1)
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


def _is_correct_label(prediction: Tensor, labels: Tensor) -> Answers:
    """Return which predictions are correct, without those of labels that the loss ignores."""
    is_correct: Answers = (argmax(prediction) == labels.data)[labels.data >= 0]
    return is_correct


def _is_correct_one_hot(prediction: Tensor, target: Tensor) -> Answers:
    if prediction.shape != target.shape:
        raise ShapeError(
            f"one-hot targets must have the predictions' shape {prediction.shape}, got"
            f" {target.shape}"
        )
    predicted = argmax(prediction)
    is_correct: Answers = (predicted == argmax(target)) & (predicted >= 0)
    return is_correct
