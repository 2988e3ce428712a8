"""Evaluations on test data during a training, and an end when they get no better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from numlean.data import Dataset
from numlean.errors import NumleanError
from numlean.indices import INDICES
from numlean.nn import Mode
from numlean.runtime import Runner, Stepper
from numlean.tensor import Tensor


@dataclass(frozen=True)
class Evaluation:
    """What the test data said after so many updates.

    Attributes:
        updates: The number of updates.
        loss: The mean loss, in evaluation mode.
        accuracy: The share of classes recognised; None in a regression.
    """

    updates: int
    loss: Tensor
    accuracy: float | None

    def __str__(self) -> str:
        share = "" if self.accuracy is None else f", {self.accuracy:.2%}"
        return f"test {self.loss.item():.6g}{share}"


@dataclass
class Evaluator:
    """Evaluates after every so many updates, and knows when to stop.

    An evaluation is better than the best so far if its loss is less in the run's arithmetic; a NaN
    never is. Patience is over after so many in a row that are not better.

    Attributes:
        every: How many updates lie between evaluations; 0 makes none.
        patience: How many evaluations in a row may bring nothing; None for all.
        data: The test data.
        is_classification: Whether there is an accuracy.
        evaluations: Those so far.

    Raises:
        NumleanError: A count is not positive, or there is nothing to evaluate on, or at no time.
    """

    every: int
    patience: int | None
    data: Dataset
    is_classification: bool
    evaluations: list[Evaluation] = field(default_factory=list, init=False)
    _best: Tensor | None = field(default=None, init=False, repr=False)
    _in_vain: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.every < 0:
            raise NumleanError(f"--eval-every N takes a number of steps, not {self.every}")
        if self.patience is not None and self.patience < 1:
            raise NumleanError(f"--patience N takes one evaluation or more, not {self.patience}")
        if self.patience is not None and not self.every:
            raise NumleanError(f"--patience {self.patience} also takes --eval-every N")
        if self.every and not self.data.size:
            raise NumleanError("--eval-every needs test data; here there are none")

    @property
    def is_over(self) -> bool:
        """Whether patience has come to its end."""
        return self.patience is not None and self._in_vain >= self.patience

    @property
    def memory(self) -> list[Tensor]:
        """What decides when patience is over: how many were in vain, and the best, if any was."""
        in_vain = Tensor(INDICES, np.array([self._in_vain]))
        return [in_vain] if self._best is None else [in_vain, self._best]

    def remember(self, memory: Sequence[Tensor]) -> None:
        """Go on with the memory of another one."""
        if memory:
            self._in_vain = int(memory[0].data[0])
            self._best = memory[1] if len(memory) > 1 else None

    def after_step(self, stepper: Stepper) -> Evaluation | None:
        """An evaluation, if it is time for one."""
        if not self.every or stepper.step_count % self.every:
            return None
        found = Evaluation(stepper.step_count, *evaluated(stepper.runner, self))
        self.evaluations.append(found)
        scalar, best = found.loss.scalar, self._best
        loss = found.loss.data
        is_better = scalar.eq(loss, loss) if best is None else scalar.lt(loss, best.data)
        self._in_vain = 0 if is_better else self._in_vain + 1
        self._best = found.loss if is_better else best
        return found


def evaluated(runner: Runner, evaluator: Evaluator) -> tuple[Tensor, float | None]:
    """The mean loss over the test data and the share of classes recognised, in evaluation mode.

    The runner's mode stays what it is.
    """
    with runner.in_mode(Mode.EVAL):
        loss = runner.mean_loss(evaluator.data)
        if not evaluator.is_classification or not evaluator.data.size:
            return loss, None
        correct, total = runner.accuracy(evaluator.data)
        return loss, correct / total
