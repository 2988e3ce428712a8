"""What differs between a GPU and its simulation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from numlean_kernels.protocol import Array, Instructions, Target
from numlean_kernels.targets.cuda.launch_config import Grid, LaunchConfig

Launcher: TypeAlias = Callable[[Any], None]
"""Launches a kernel, as often as it is called, on a stream; 0 is the stream that all share."""


class Device(ABC):
    """Where kernels are launched, and what they are written with.

    Attributes:
        words: The target that has the integers routines compute with.
        threads: Threads of a block, but for products.
        side: Rows, and columns, of threads of a block that computes a tile of a product.
        reach: Rows, and columns, of a tile that a thread computes, as many as its registers hold:
            by the width of hardware floats, for emulated ones at 0.
        alignment: Of arrays in shared memory, in bytes; None where they have no addresses.
        part: How many numbers a block brings into shared memory at once to add them up.
    """

    words: Target
    threads: int
    side: int
    reach: Mapping[int, int]
    alignment: int | None
    part: int

    @abstractmethod
    def instructions(self, width: int) -> Instructions:
        """What the hardware does with floats of that width."""

    @abstractmethod
    def function(self, cell: Callable[..., Any]) -> Callable[..., Any]:
        """A function as kernels call it."""

    @abstractmethod
    def bound(self, value: Any) -> Any:
        """A bound of a box, as loops take it. Called in kernels."""

    @abstractmethod
    def allocate(self, size: int) -> Array:
        """So many bytes that kernels and the host reach: they go where they are needed.

        Raises:
            MemoryError: There are not so many; the message is one line.
        """

    @abstractmethod
    def allocate_for_exchange(self, size: int) -> Array:
        """So many bytes that stay on the host, where kernels reach them, if slowly.

        Raises:
            MemoryError: There are not so many.
        """

    @abstractmethod
    def compiled(self, form: LaunchConfig, identity: str) -> Any:
        """A kernel, for ``launcher``. Its identity says all that it does, for caches."""

    @abstractmethod
    def launcher(
        self, compiled: Any, grid: Grid, arrays: Sequence[Array], outputs: int
    ) -> Launcher:
        """What launches a kernel; the last arrays are written."""

    @abstractmethod
    def together(self, launchers: Sequence[Launcher]) -> Callable[[], None]:
        """What launches several kernels, each to begin when the one before has ended."""

    @abstractmethod
    def synchronise(self) -> None:
        """Wait for all that was launched."""
