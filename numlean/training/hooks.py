"""Hooks of a training run: evaluation at intervals, and early stopping.

A hook is called after each step with the stepper and the step's loss, and returns True to end the
training. Each loop takes a hook as ``on_step``; :func:`all_of` combines several. A checkpoint
stores a hook's ``state_dict()`` as ``extra_state``, and ``load_state_dict`` restores it, so that a
resumed run is evaluated and stopped at the same steps as an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite, isnan
from typing import Final

import numpy as np

from numlean.arguments import checked
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.nn import Mode
from numlean.training.evaluation import Data
from numlean.training.pace import UNLIMITED, steps_until_call
from numlean.training.report import OnStep
from numlean.training.reported_loss import ReportedLoss, as_reported
from numlean.training.runner import Runner
from numlean.training.stepper import Stepper

_STATE: Final = "evaluations"
"""The name of a hook's state in a checkpoint."""

_OTHER_STATE: Final = "the state of the evaluations is not that of this hook"


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        step_count: The number of updates before the evaluation.
        loss: The exact mean loss over the data, in evaluation mode.
        correct: The number of correct class predictions and of all; None if they were not counted.
    """

    step_count: int
    loss: ReportedLoss
    correct: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "loss", as_reported("loss", self.loss))

    @property
    def accuracy(self) -> float | None:
        """The fraction of correct class predictions; None without any."""
        return self.correct[0] / self.correct[1] if self.correct and self.correct[1] else None

    def __str__(self) -> str:
        share = "" if self.accuracy is None else f", {self.accuracy:.2%}"
        return f"test {self.loss.item():.6g}{share}"


@checked
@dataclass
class Evaluate:
    """A hook that evaluates the run on other data every few steps, in evaluation mode.

    It restores the runner's mode and changes nothing else of the run.

    Attributes:
        every: The number of steps between evaluations.
        data: The data to evaluate on.
        on_evaluation: A function of each evaluation. Training ends if it returns True.
        with_accuracy: Whether to count correct class predictions, too.
        evaluations: The evaluations so far.

    Raises:
        NumleanError: ``every`` is not positive.
    """

    every: int
    data: Data
    on_evaluation: Callable[[Evaluation], bool | None] | None = None
    with_accuracy: bool = field(default=False, kw_only=True)
    evaluations: list[Evaluation] = field(default_factory=list, init=False)
    _calls: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise NumleanError(f"every must be at least one step, got {self.every}")

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Count the step and evaluate if due; return whether training ends."""
        found = self.after_step(stepper)
        return (
            found is not None and self.on_evaluation is not None and bool(self.on_evaluation(found))
        )

    @property
    def steps_until_due(self) -> int:
        """The number of steps until the next evaluation, at least 1."""
        return self.every - self._calls % self.every

    def after_step(self, stepper: Stepper, steps: int = 1) -> Evaluation | None:
        """Count the steps since the last call; return the evaluation if one is due, else None."""
        self._calls += steps
        if self._calls % self.every:
            return None
        found = run_evaluation(stepper, self.data, with_accuracy=self.with_accuracy)
        self.evaluations.append(found)
        return found

    def state_dict(self) -> dict[str, list[Tensor]]:
        """Return the state that determines when the next evaluation is due."""
        return {_STATE: [_indices(self._calls)]}

    def load_state_dict(self, state: Mapping[str, Sequence[Tensor]]) -> None:
        """Continue from the state of another hook; an empty one is that of a new hook.

        Raises:
            NumleanError: It is not the state of such a hook.
        """
        tensors = state.get(_STATE, ())
        (self._calls,) = _integers(tensors[0], 1) if tensors else (0,)


@checked
@dataclass
class EarlyStopping:
    """A hook that ends training when the evaluations stop improving.

    It evaluates as :class:`Evaluate` does. An evaluation is an improvement if its loss is below
    best - min_delta, compared exactly; a NaN is not. Training ends after ``patience`` evaluations
    in a row without an improvement.

    Attributes:
        every: The number of steps between evaluations.
        data: The data to evaluate on.
        patience: The number of evaluations in a row without an improvement that ends training;
            None never ends it.
        min_delta: The improvement below which an evaluation does not count as one.
        with_accuracy: Whether to count correct class predictions, too.
        evaluations: The evaluations so far.
        best: The best evaluation so far.
        best_params: The parameters and buffers of the best evaluation.

    Raises:
        NumleanError: A count is not positive, or ``min_delta`` is negative.
    """

    every: int
    data: Data
    patience: int | None
    min_delta: float = 0.0
    with_accuracy: bool = field(default=False, kw_only=True)
    best: Evaluation | None = field(default=None, init=False)
    best_params: tuple[Tensor, ...] = field(default=(), init=False, repr=False)
    _evaluate: Evaluate = field(init=False, repr=False)
    _evaluations_without_improvement: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self._evaluate = Evaluate(self.every, self.data, with_accuracy=self.with_accuracy)
        if (self.patience is not None and self.patience < 1) or not self.min_delta >= 0:
            raise NumleanError(
                "early stopping needs patience >= 1 and min_delta >= 0, got"
                f" patience {self.patience} and min_delta {self.min_delta}"
            )

    @property
    def evaluations(self) -> list[Evaluation]:
        """The evaluations so far."""
        return self._evaluate.evaluations

    @property
    def is_over(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self._evaluations_without_improvement >= self.patience

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Evaluate if due; return whether training ends."""
        return self.after_step(stepper) is not None and self.is_over

    @property
    def steps_until_due(self) -> int:
        """The number of steps until the next evaluation, at least 1."""
        return self._evaluate.steps_until_due

    def after_step(self, stepper: Stepper, steps: int = 1) -> Evaluation | None:
        """Count the steps since the last call; return the evaluation if one is due, else None."""
        found = self._evaluate.after_step(stepper, steps)
        if found is not None:
            self._update_best(found, stepper.runner)
        return found

    def restore(self, runner: Runner) -> None:
        """Assign the best parameters and buffers to a runner.

        Raises:
            NumleanError: There was no evaluation, or the losses of all were NaNs.
        """
        if self.best is None:
            raise NumleanError("nothing to restore: no evaluation has had a loss that is a number")
        runner.params = self.best_params

    def state_dict(self) -> dict[str, list[Tensor]]:
        """Return the counts of steps and evaluations, and the best evaluation, if any."""
        (calls,) = self._evaluate.state_dict()[_STATE]
        counts = [calls, _indices(self._evaluations_without_improvement)]
        if self.best is None:
            return {_STATE: counts}
        # The last integer is the encoding of the exact loss; older files end before it.
        encoding = int(np.float64(self.best.loss).view(np.int64))
        best = _indices(self.best.step_count, *(self.best.correct or ()), encoding)
        return {_STATE: [*counts, best, self.best.loss.in_format, *self.best_params]}

    def load_state_dict(self, state: Mapping[str, Sequence[Tensor]]) -> None:
        """Continue from the state of another hook; an empty one is that of a new hook.

        The state of :class:`Evaluate` is that of a hook whose evaluations have no best one yet.

        Raises:
            NumleanError: It is not the state of such a hook.
        """
        tensors = state.get(_STATE, ())
        self._evaluate.load_state_dict({_STATE: tensors[:1]})
        (self._evaluations_without_improvement,) = (
            _integers(tensors[1], 1) if len(tensors) > 1 else (0,)
        )
        self.best, self.best_params = None, tuple(tensors[4:])
        if len(tensors) > 2:
            step_count, *rest = _integers(tensors[2], 1, 2, 3, 4)
            is_number = len(tensors) > 3 and not tensors[3].shape
            if not is_number or any(each.scalar is INDEX for each in tensors[3:]):
                raise NumleanError(_OTHER_STATE)
            # Older files have no exact loss: their measure was the loss in the run's arithmetic.
            exact = float(np.int64(rest.pop()).view(np.float64)) if len(rest) % 2 else None
            loss = ReportedLoss(tensors[3].item() if exact is None else exact, tensors[3])
            self.best = Evaluation(step_count, loss, _pair(rest))

    def _update_best(self, found: Evaluation, runner: Runner) -> None:
        if not self._is_better(found.loss.item()):
            self._evaluations_without_improvement += 1
            return
        self._evaluations_without_improvement, self.best = 0, found
        self.best_params = tuple(runner.params)

    def _is_better(self, loss: float) -> bool:
        if self.best is None:
            return not isnan(loss)
        best = self.best.loss.item()
        if not (isfinite(loss) and isfinite(best) and isfinite(self.min_delta)):
            return loss < best - self.min_delta
        return Fraction(loss) < Fraction(best) - Fraction(self.min_delta)


def run_evaluation(stepper: Stepper, data: Data, *, with_accuracy: bool = False) -> Evaluation:
    """Evaluate a run in evaluation mode; the runner keeps its mode."""
    runner = stepper.runner
    with runner.in_mode(Mode.EVAL):
        correct = runner.accuracy(data) if with_accuracy else None
        return Evaluation(stepper.step_count, runner.reported_loss(data), correct)


def all_of(*hooks: OnStep) -> OnStep:
    """Return a hook that calls all given hooks after each step, and ends training if one does."""
    return _All(hooks)


@dataclass(frozen=True)
class _All:
    """Several hooks as one."""

    hooks: tuple[OnStep, ...]

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        answers = [each(stepper, loss) for each in self.hooks]
        return any(answers)

    def steps_until_call(self, stepper: Stepper) -> int:
        """Return after how many further steps one of them must be called."""
        return min((steps_until_call(each, stepper) for each in self.hooks), default=UNLIMITED)


def _indices(*numbers: int) -> Tensor:
    return Tensor(INDEX, np.array(numbers))


def _integers(tensor: Tensor, *counts: int) -> list[int]:
    """Return the integers that ``_indices`` made a tensor of."""
    if tensor.scalar is not INDEX or tensor.shape not in [(count,) for count in counts]:
        raise NumleanError(_OTHER_STATE)
    return [int(number) for number in tensor.data]


def _pair(numbers: Sequence[int]) -> tuple[int, int] | None:
    return (numbers[0], numbers[1]) if numbers else None
