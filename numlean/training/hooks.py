"""What can be asked of a run after its steps: evaluations, and an early end.

A hook is called with the stepper and the step's loss, and returns True to end the training. Any
loop takes one as ``on_step``; :func:`all_of` joins several. A hook's ``memory`` goes into a
checkpoint as ``further``, and ``remember`` takes it back, so that a run that goes on is evaluated,
and ends, as if it had never been interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.nn import Mode
from numlean.training.evaluation import Data
from numlean.training.report import OnStep
from numlean.training.runner import Runner
from numlean.training.stepper import Stepper


@dataclass(frozen=True)
class Evaluation:
    """What was found after so many updates.

    Attributes:
        step_count: The number of updates.
        loss: The mean loss over the data, in evaluation mode.
        recognised: How many classes were predicted right, and of how many; None if not asked for.
    """

    step_count: int
    loss: Tensor
    correct: tuple[int, int] | None = None

    @property
    def accuracy(self) -> float | None:
        """The share of classes recognised."""
        return None if self.correct is None else self.correct[0] / self.correct[1]

    def __str__(self) -> str:
        share = "" if self.accuracy is None else f", {self.accuracy:.2%}"
        return f"test {self.loss.item():.6g}{share}"


@dataclass
class Evaluate:
    """Measures the mean loss over other data, every so many steps, in evaluation mode.

    The runner's mode is restored, and nothing else of the run changes.

    Attributes:
        every: After every so many calls.
        data: What to evaluate on.
        tell: Called with each evaluation; if it returns True, training ends.
        counts_classes: Whether to count the classes recognised, too.
        evaluations: Those so far.

    Raises:
        NumleanError: ``every`` is not positive.
    """

    every: int
    data: Data
    tell: Callable[[Evaluation], bool | None] | None = None
    with_accuracy: bool = field(default=False, kw_only=True)
    evaluations: list[Evaluation] = field(default_factory=list, init=False)
    _calls: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise NumleanError(f"evaluations are at least one step apart: every {self.every}")

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Count the step, and evaluate if it is time."""
        found = self.after_step(stepper)
        return found is not None and self.tell is not None and bool(self.tell(found))

    def after_step(self, stepper: Stepper) -> Evaluation | None:
        """Count the step; the evaluation, if it is time for one."""
        self._calls += 1
        if self._calls % self.every:
            return None
        found = run_evaluation(stepper, self.data, with_accuracy=self.with_accuracy)
        self.evaluations.append(found)
        return found

    @property
    def memory(self) -> list[Tensor]:
        """What decides when it is time."""
        return [_indices(self._calls)]

    def remember(self, memory: Sequence[Tensor]) -> None:
        """Go on with the memory of another one; an empty one is that of the beginning."""
        (self._calls,) = _integers(memory[0]) if memory else (0,)


@dataclass
class EarlyStopping:
    """Ends a training that does not get better any more.

    Evaluates as :class:`Evaluate` does. An evaluation is better than the best so far if its loss is
    below best - min_delta, in the run's arithmetic; a NaN never is. Training ends after
    ``patience`` evaluations in a row that are not.

    Attributes:
        every: Evaluate after every so many steps.
        data: What to evaluate on.
        patience: How many evaluations may bring nothing; None for all.
        min_delta: By how much one must be better to count.
        counts_classes: Whether to count the classes recognised, too.
        evaluations: Those so far.
        best: The best of them.
        best_params: The parameters and buffers it was made with.

    Raises:
        NumleanError: A count is not positive, or ``min_delta`` negative.
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
                "early stopping takes a patience above 0 and a min_delta that is not negative:"
                f" {self.patience} and {self.min_delta}"
            )

    @property
    def evaluations(self) -> list[Evaluation]:
        """The evaluations so far."""
        return self._evaluate.evaluations

    @property
    def is_over(self) -> bool:
        """Whether patience has come to its end."""
        return self.patience is not None and self._evaluations_without_improvement >= self.patience

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Evaluate if it is time; whether training ends there."""
        return self.after_step(stepper) is not None and self.is_over

    def after_step(self, stepper: Stepper) -> Evaluation | None:
        """Count the step; the evaluation, judged, if it is time for one."""
        found = self._evaluate.after_step(stepper)
        if found is not None:
            self._judge(found, stepper.runner)
        return found

    def restore(self, runner: Runner) -> None:
        """Give a runner the best parameters and buffers.

        Raises:
            NumleanError: There was no evaluation to choose from, or only NaNs.
        """
        if self.best is None:
            raise NumleanError("there is nothing to restore: no evaluation has had a loss yet")
        runner.params = self.best_params

    @property
    def memory(self) -> list[Tensor]:
        """What decides when it is time and when patience is over; the best, if there was one."""
        counts = [*self._evaluate.memory, _indices(self._evaluations_without_improvement)]
        if self.best is None:
            return counts
        best = _indices(self.best.step_count, *(self.best.correct or ()))
        return [*counts, best, self.best.loss, *self.best_params]

    def remember(self, memory: Sequence[Tensor]) -> None:
        """Go on with the memory of another one; an empty one is that of the beginning."""
        self._evaluate.remember(memory[:1])
        (self._evaluations_without_improvement,) = _integers(memory[1]) if memory else (0,)
        self.best, self.best_params = None, tuple(memory[4:])
        if len(memory) > 2:
            step_count, *recognised = _integers(memory[2])
            self.best = Evaluation(step_count, memory[3], _pair(recognised))

    def _judge(self, found: Evaluation, runner: Runner) -> None:
        if not self._is_better(found.loss, runner):
            self._evaluations_without_improvement += 1
            return
        self._evaluations_without_improvement, self.best = 0, found
        self.best_params = tuple(runner.params)

    def _is_better(self, loss: Tensor, runner: Runner) -> bool:
        scalar = runner.scalar
        if self.best is None:
            return bool(scalar.eq(loss.data, loss.data))
        bar = scalar.sub(self.best.loss.data, runner.tensor(self.min_delta).data)
        return bool(scalar.lt(loss.data, bar))


def run_evaluation(stepper: Stepper, data: Data, *, with_accuracy: bool = False) -> Evaluation:
    """The mean loss over data in evaluation mode; the runner's mode stays what it is."""
    runner = stepper.runner
    with runner.in_mode(Mode.EVAL):
        recognised = runner.accuracy(data) if with_accuracy else None
        return Evaluation(stepper.step_count, runner.mean_loss(data), recognised)


def all_of(*hooks: OnStep) -> OnStep:
    """One hook that calls several, all of them each time; it ends the training if one does."""

    def hook(stepper: Stepper, loss: Tensor) -> bool:
        answers = [each(stepper, loss) for each in hooks]
        return any(answers)

    return hook


def _indices(*numbers: int) -> Tensor:
    return Tensor(INDEX, np.array(numbers))


def _integers(tensor: Tensor) -> list[int]:
    return [int(number) for number in tensor.data]


def _pair(numbers: Sequence[int]) -> tuple[int, int] | None:
    return (numbers[0], numbers[1]) if numbers else None
