"""How the runs of a sweep are executed."""

from __future__ import annotations

from dataclasses import dataclass

from numlean.errors import NumleanError
from numlean.training import Options


@dataclass(frozen=True)
class Execution:
    """How the runs of a sweep are executed; nothing here changes a bit of a run.

    Attributes:
        backend: The engine.
        device: The device; None selects each dtype's default.
        fast_kernels: Whether to use faster kernels with the same bits, for dtypes that have them.
        measure_every: The distance between the steps that get a row; the last step has one, too.

    Raises:
        NumleanError: The distance is not positive, or the engine is unknown.
    """

    backend: str = "compiled"
    device: str | None = None
    fast_kernels: bool = True
    measure_every: int = 1

    def __post_init__(self) -> None:
        if self.measure_every < 1:
            raise NumleanError(f"measure_every must be at least 1, got {self.measure_every}")
        _ = self.options  # checks the engine

    @property
    def options(self) -> Options:
        """The options that change no bit."""
        return Options(self.backend, self.device, self.fast_kernels)
