"""How a task is instantiated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from numlean.errors import UnknownNameError

BACKENDS: Final = ("eager", "compiled")
"""How a step may be executed."""


@dataclass(frozen=True)
class Options:
    """How a task is instantiated.

    Attributes:
        backend: How a step is executed: eager, operation by operation on a tape; or compiled,
            planned at the first step and replayed.
        device: Where; None for where the dtype runs best, or for that of a Scalar given.
        fast_kernels: Whether to compute by faster kernels of the same bits, where there are any.
        seed: Names the initial parameters.
    """

    backend: str = "eager"
    device: str | None = None
    fast_kernels: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise UnknownNameError("backend", self.backend, BACKENDS)
