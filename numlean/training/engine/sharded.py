"""The engine of steps whose batch is cut into virtual shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numlean.autograd.primitives import concat
from numlean.autograd.tensor import Tensor
from numlean.optim import State
from numlean.optim.scaled_loss import ScaledStep, loss_scale
from numlean.training.engine.shards.cutting import cut
from numlean.training.engine.shards.gradient import shard_program, start_part
from numlean.training.engine.shards.pool import LocalPool, ShardPool, StepInputs, compute_step

if TYPE_CHECKING:
    from numlean.training.engine.protocol import ApplyingEngine
    from numlean.training.runner import Runner


class ShardedEngine:
    """Computes the shards of a batch each on its own, adds them, and lets an engine apply the sum.

    See :class:`numlean.training.engine.protocol.Engine`.

    Attributes:
        inner: The engine that changes the parameters.
        pool: Where shards are computed; by default in this process.
    """

    def __init__(self, runner: Runner, inner: ApplyingEngine) -> None:
        self._runner = runner
        self.inner = inner
        self.pool: ShardPool = LocalPool(shard_program(runner))
        self.output: Tensor | None = None

    @property
    def state(self) -> State:
        """The optimizer's state."""
        return self.inner.state

    @state.setter
    def state(self, state: State) -> None:
        self.inner.state = state

    @property
    def scaled_step(self) -> ScaledStep | None:
        """What loss scaling has done in the last step; None if the loss is not scaled."""
        return self.inner.scaled_step

    def step(self, x: Tensor, y: Tensor, rate: Tensor) -> Tensor:
        """Update the parameters once by a batch; return its loss before the update."""
        runner, step = self._runner, self._runner.clock.step
        count = runner.options.shards
        shards = cut(x, y, count, runner.task.loss)
        scale = loss_scale(self.inner.state)
        try:
            inputs = StepInputs(runner.store.values, step, scale)
            found = compute_step(self.pool, shards, inputs)
            start_part(runner, step, count)
            loss = self.inner.apply([each.gradients for each in found], shards, rate)
        finally:
            runner.clock.step = step
        outputs = [each.output for each in found if each.output is not None]
        self.output = concat(outputs, 0).detach() if outputs else None
        return loss
