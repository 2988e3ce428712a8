"""The eager engine: a step is executed operation by operation, on a tape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from numlean.autograd.tensor import Tensor
from numlean.optim import Optimizer, State
from numlean.optim.scaled_loss import ScaledStep
from numlean.training.engine.shards.combining import combine
from numlean.training.engine.shards.cutting import Shard
from numlean.training.engine.state_check import check_state
from numlean.training.options import BATCH
from numlean.training.parameters import trainable_parameters
from numlean.training.update import Gradients, make_apply, make_update

if TYPE_CHECKING:
    from numlean.training.runner import Runner


class EagerEngine:
    """See :class:`numlean.training.engine.protocol.Engine`."""

    def __init__(self, runner: Runner, optimizer: Optimizer) -> None:
        self.output: Tensor | None = None
        optimizer = runner.precision.optimizer(optimizer)
        self._runner = runner
        self._store = runner.store
        self._update = make_update(
            runner.task,
            optimizer,
            runner.clock,
            runner.hyperparameter,
            runner.precision,
            new_tape=runner.new_tape,
            on_output=self._keep,
        )
        self._apply = make_apply(runner.task, optimizer, runner.hyperparameter, runner.precision)
        self._state: State = optimizer.initial(
            trainable_parameters(runner.store.specs, runner.params), runner.hyperparameter
        )

    @property
    def state(self) -> State:
        """The optimizer's state."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        check_state(self._state, state)
        self._state = {
            name: [y.in_scalar(x.scalar) for x, y in zip(own, state[name], strict=True)]
            for name, own in self._state.items()
        }

    @property
    def scaled_step(self) -> ScaledStep | None:
        """What loss scaling has done in the last step; None if the loss is not scaled."""
        return ScaledStep.of(self._state)

    def _keep(self, output: Tensor) -> None:
        self.output = output.detach() if self._runner.keeps_outputs else None

    def apply(self, parts: Sequence[Gradients], shards: Sequence[Shard], rate: Tensor) -> Tensor:
        """Update the parameters once by the shards of a batch; return its loss."""
        found = combine(parts, shards, is_whole=self._runner.options.batch_statistics == BATCH)
        params, self._state = self._apply(self._store.values, self._state, found, rate)
        self._store.assign(params)
        return found.loss

    def step(self, x: Tensor, y: Tensor, rate: Tensor) -> Tensor:
        """Update the parameters once by a batch; return its loss before the update."""
        loss, params, self._state = self._update(self._store.values, self._state, x, y, rate)
        self._store.assign(params)
        return loss
