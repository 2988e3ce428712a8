"""The protocol of an engine, and the engines by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from numlean.autograd.tensor import Tensor
from numlean.optim import Optimizer, State
from numlean.optim.scaled_loss import ScaledStep
from numlean.training.engine.compiled import CompiledEngine
from numlean.training.engine.eager import EagerEngine

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


_ENGINES: Final[dict[str, type[Engine]]] = {"eager": EagerEngine, "compiled": CompiledEngine}


def engine_for(runner: Runner, optimizer: Optimizer) -> Engine:
    """Return a new engine for a runner, of the kind that its options select."""
    return _ENGINES[runner.options.backend](runner, optimizer)
