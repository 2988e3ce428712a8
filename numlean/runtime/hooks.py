"""What can be asked of a run after its steps: evaluations, and an early end.

A hook is called with the stepper and the step's loss, and returns True to end the training. Any
loop takes one as ``on_step``; :func:`all_of` joins several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from numlean.data import Dataset, Sample
from numlean.errors import NumleanError
from numlean.nn import Mode
from numlean.runtime.report import OnStep
from numlean.runtime.runner import Runner
from numlean.runtime.stepper import Stepper
from numlean.tensor import Tensor


@dataclass(frozen=True)
class Evaluation:
    """What was found after so many updates.

    Attributes:
        step_count: The number of updates.
        loss: The mean loss over the data, in evaluation mode.
    """

    step_count: int
    loss: Tensor


@dataclass
class Evaluate:
    """Measures the mean loss over other data, every so many steps, in evaluation mode.

    The runner's mode is restored, and nothing else of the run changes.

    Attributes:
        every: After every so many calls.
        data: What to evaluate on.
        tell: Called with each evaluation; if it returns True, training ends.
        evaluations: Those so far.

    Raises:
        NumleanError: ``every`` is not positive.
    """

    every: int
    data: Dataset | Sequence[Sample]
    tell: Callable[[Evaluation], bool | None] | None = None
    evaluations: list[Evaluation] = field(default_factory=list, init=False)
    _calls: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise NumleanError(f"evaluations are at least one step apart: every {self.every}")

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Count the step, and evaluate if it is time."""
        self._calls += 1
        if self._calls % self.every:
            return False
        found = Evaluation(stepper.step_count, evaluated(stepper.runner, self.data))
        self.evaluations.append(found)
        return self.tell is not None and bool(self.tell(found))


@dataclass
class EarlyStopping:
    """Ends a training that does not get better any more.

    Evaluates as :class:`Evaluate` does. An evaluation is better than the best so far if its loss is
    below best - min_delta, in the run's arithmetic; a NaN never is. Training ends after
    ``patience`` evaluations in a row that are not.

    Attributes:
        every: Evaluate after every so many steps.
        data: What to evaluate on.
        patience: How many evaluations may bring nothing.
        min_delta: By how much one must be better to count.
        evaluations: Those so far.
        best: The best of them.
        best_params: The parameters and buffers it was made with.

    Raises:
        NumleanError: A count is not positive, or ``min_delta`` negative.
    """

    every: int
    data: Dataset | Sequence[Sample]
    patience: int
    min_delta: float = 0.0
    best: Evaluation | None = field(default=None, init=False)
    best_params: tuple[Tensor, ...] = field(default=(), init=False, repr=False)
    _evaluate: Evaluate = field(init=False, repr=False)
    _in_vain: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self._evaluate = Evaluate(self.every, self.data)
        if self.patience < 1 or not self.min_delta >= 0:
            raise NumleanError(
                "early stopping takes a patience above 0 and a min_delta that is not negative:"
                f" {self.patience} and {self.min_delta}"
            )

    @property
    def evaluations(self) -> list[Evaluation]:
        """The evaluations so far."""
        return self._evaluate.evaluations

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Evaluate if it is time; whether patience has come to its end."""
        count = len(self.evaluations)
        self._evaluate(stepper, loss)
        if len(self.evaluations) == count:
            return False
        self._judge(self.evaluations[-1], stepper.runner)
        return self._in_vain >= self.patience

    def restore(self, runner: Runner) -> None:
        """Give a runner the best parameters and buffers.

        Raises:
            NumleanError: There was no evaluation to choose from, or only NaNs.
        """
        if self.best is None:
            raise NumleanError("there is nothing to restore: no evaluation has had a loss yet")
        runner.params = self.best_params

    def _judge(self, found: Evaluation, runner: Runner) -> None:
        if not self._is_better(found.loss, runner):
            self._in_vain += 1
            return
        self._in_vain, self.best = 0, found
        self.best_params = tuple(runner.params)

    def _is_better(self, loss: Tensor, runner: Runner) -> bool:
        scalar = runner.scalar
        if self.best is None:
            return bool(scalar.eq(loss.data, loss.data))
        bar = scalar.sub(self.best.loss.data, runner.tensor(self.min_delta).data)
        return bool(scalar.lt(loss.data, bar))


def evaluated(runner: Runner, data: Dataset | Sequence[Sample]) -> Tensor:
    """The mean loss over data in evaluation mode; the runner's mode stays what it is."""
    with runner.in_mode(Mode.EVAL):
        return runner.mean_loss(data)


def all_of(*hooks: OnStep) -> OnStep:
    """One hook that calls several, all of them each time; it ends the training if one does."""

    def hook(stepper: Stepper, loss: Tensor) -> bool:
        answers = [each(stepper, loss) for each in hooks]
        return any(answers)

    return hook
