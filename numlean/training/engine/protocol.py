"""What carries out the steps of a run, by the name of the backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from numlean.autograd.tensor import Tensor
from numlean.optim import Optimizer, State
from numlean.training.engine.compiled import CompiledEngine
from numlean.training.engine.eager import EagerEngine

if TYPE_CHECKING:
    from numlean.training.runner import Runner


class Engine(Protocol):
    """Updates a runner's parameters, and keeps what the optimizer remembers.

    Attributes:
        state: What the optimizer remembers; may be set between steps, of the same names and shapes.
    """

    state: State

    def __init__(self, runner: Runner, optimizer: Optimizer) -> None: ...

    def step(self, x: Tensor, y: Tensor, rate: Tensor) -> Tensor:
        """Update the parameters once by a batch; return its loss before the update."""


_ENGINES: Final[dict[str, type[Engine]]] = {"eager": EagerEngine, "compiled": CompiledEngine}


def engine_for(runner: Runner, optimizer: Optimizer) -> Engine:
    """The engine of a runner's backend, before the first step."""
    return _ENGINES[runner.options.backend](runner, optimizer)
