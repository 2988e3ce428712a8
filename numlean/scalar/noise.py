"""The position of a run in a stream of random bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from numlean.errors import NumleanError

_MOST_STEPS: Final = 1 << 32
_MOST_OPERATIONS: Final = 1 << 32


@dataclass
class NoiseStream:
    """The position of a run in a stream of random bits.

    Attributes:
        seed: Selects the stream.
        step: The step of the run.
        operation: The number of operations of the step that have drawn from it.
        belongs_to_run: Whether a run starts its steps.
    """

    seed: int
    step: int = 0
    operation: int = 0
    belongs_to_run: bool = False

    def start_step(self, step: int) -> None:
        """Move to a step's random bits.

        Raises:
            NumleanError: There are no random bits for the step.
        """
        _check_step(step)
        self.move_to(step)

    def move_to(self, step: int) -> None:
        """Move to any step; random bits are drawn later, or never."""
        self.step, self.operation = step, 0

    def key_of(
        self, operation: int, seed: int | None = None, draws: int = 1
    ) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """Return the key of an operation's bits and the upper half of their counter.

        ``draws`` operations draw in turn, and the next one to draw is that after them. ``seed``
        replaces that of the stream.
        """
        _check_step(self.step)
        if operation + draws > _MOST_OPERATIONS:
            raise NumleanError(f"step {self.step} has more than {_MOST_OPERATIONS} operations")
        self.operation = operation + draws
        own = self.seed if seed is None else seed
        return np.array([own, self.step << 32 | operation], dtype=np.uint64)


def _check_step(step: int) -> None:
    if not 0 <= step < _MOST_STEPS:
        raise NumleanError(
            f"stochastic rounding has random bits for steps 0 to {_MOST_STEPS - 1}, got {step}"
        )


def stream_of(scalar: Any) -> NoiseStream | None:
    """Return the stream of a Scalar, inside its wrappers; None if it has none."""
    while True:
        stream = getattr(scalar, "stream", None)
        if isinstance(stream, NoiseStream):
            return stream
        if not hasattr(scalar, "inner"):
            return None
        scalar = scalar.inner
