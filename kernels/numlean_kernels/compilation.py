"""What is being compiled, and how long it takes: for progress lines, and for times without it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeAlias, final

Observer: TypeAlias = Callable[[str | None], None]
"""Called with the name of a kernel before it is compiled, and with None afterwards."""


@final
class Compilations:
    """The compilations of this process.

    Attributes:
        count: The number of kernels that were compiled.
        seconds: The time that compiling and loading kernels has taken.
        observer: Called before and after each compilation; None if nobody asks.
    """

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.observer: Observer | None = None
        self._started: list[float] = []

    def start(self, name: str) -> None:
        """Note that a kernel is about to be compiled."""
        self._started.append(time.perf_counter())
        if self.observer is not None:
            self.observer(name)

    def end(self) -> None:
        """Note that the kernel that was started last has been compiled."""
        if not self._started:  # saved again, and not compiled
            return
        began = self._started.pop()
        self.count += 1
        if not self._started:
            self.seconds += time.perf_counter() - began
        if self.observer is not None:
            self.observer(None)

    def loaded(self, seconds: float) -> None:
        """Note how long it took to load a kernel, or to find that it must be compiled."""
        if not self._started:
            self.seconds += seconds


COMPILATIONS: Final = Compilations()
"""The compilations of this process."""
