"""Steps carried out operation by operation, on a tape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numlean.autograd.tensor import Tensor
from numlean.optim import Optimizer, State
from numlean.training.update import make_update, trainable_parameters

if TYPE_CHECKING:
    from numlean.training.runner import Runner


class EagerEngine:
    """See :class:`numlean.training.engine.protocol.Engine`."""

    def __init__(self, runner: Runner, optimizer: Optimizer) -> None:
        self._runner = runner
        self._update = make_update(
            runner.task, optimizer, runner.clock, runner.tensor, new_tape=runner.new_tape
        )
        self.state: State = optimizer.initial(
            trainable_parameters(runner.task, runner.params), runner.tensor
        )

    def step(self, x: Tensor, y: Tensor, rate: Tensor) -> Tensor:
        """Update the parameters once."""
        runner = self._runner
        loss, runner.params, self.state = self._update(runner.params, self.state, x, y, rate)
        return loss
