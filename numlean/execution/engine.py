"""What carries out the steps of a run, by the name of the backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from numlean.execution.compiled import CompiledEngine
from numlean.execution.eager import EagerEngine
from numlean.optim import Optimizer, State
from numlean.tensor import Tensor

if TYPE_CHECKING:
    from numlean.runtime.runner import Runner


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

BACKENDS: Final = tuple(_ENGINES)
"""How a step may be executed."""


def engine_for(runner: Runner, optimizer: Optimizer) -> Engine:
    """The engine of a runner's backend, before the first step."""
    return _ENGINES[runner.options.backend](runner, optimizer)
