"""The protocol of an engine, and the engines by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from numlean.autograd.tensor import Tensor
from numlean.optim import Optimizer, State
from numlean.optim.scaled_loss import ScaledStep
from numlean.training.engine.compiled import CompiledEngine
from numlean.training.engine.eager import EagerEngine
from numlean.training.engine.sharded import ShardedEngine
from numlean.training.engine.shards.cutting import Shard
from numlean.training.update import Gradients

if TYPE_CHECKING:
    from numlean.training.runner import Runner


class Engine(Protocol):
    """Executes the steps of a run: updates the parameters in the runner's store.

    Attributes:
        state: The optimizer's state. It may be assigned between steps, with the same names, shapes
            and Scalars; another state is refused.
        output: The model's output in the last step; None unless the runner keeps outputs.
    """

    state: State
    output: Tensor | None

    def __init__(self, runner: Runner, optimizer: Optimizer) -> None: ...

    @property
    def scaled_step(self) -> ScaledStep | None:
        """What loss scaling has done in the last step; None if the loss is not scaled."""

    def step(self, x: Tensor, y: Tensor, rate: Tensor) -> Tensor:
        """Update the parameters once by a batch; return its loss before the update."""


class ApplyingEngine(Engine, Protocol):
    """An engine that can also apply gradients that were computed elsewhere."""

    def apply(self, parts: Sequence[Gradients], shards: Sequence[Shard], rate: Tensor) -> Tensor:
        """Update the parameters once by the shards of a batch; return its loss.

        Args:
            parts: What each shard gave, in order.
            shards: The shards.
            rate: The learning rate, of shape ().
        """


_ENGINES: Final[dict[str, type[ApplyingEngine]]] = {
    "eager": EagerEngine,
    "compiled": CompiledEngine,
}


def engine_for(runner: Runner, optimizer: Optimizer) -> Engine:
    """Return a new engine for a runner, of the kind that its options select."""
    engine = _ENGINES[runner.options.backend](runner, optimizer)
    return engine if runner.options.shards == 1 else ShardedEngine(runner, engine)
