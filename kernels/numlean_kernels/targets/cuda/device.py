"""The interface of a GPU and of its simulation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from numlean_kernels.protocol import Array, Instructions, Target
from numlean_kernels.targets.cuda.launch_config import Grid, LaunchConfig

Launcher: TypeAlias = Callable[[Any], None]
"""Launches a kernel on a stream, each time it is called; 0 is the default stream."""


class Device(ABC):
    """A GPU or its simulation.

    Attributes:
        words: The target that provides integer arithmetic.
        threads: The threads of a block, except for matrix products.
        side: The threads per row and per column of a block that computes a tile of a product.
        reach: The elements per row and per column that one thread computes of a tile, limited by
            its registers: by the width of hardware floats, and for emulated numbers at 0.
        alignment: The alignment of arrays in shared memory, in bytes; None if they have no
            addresses.
        part: How many numbers a block loads into shared memory at once to add them.
    """

    words: Target
    threads: int
    side: int
    reach: Mapping[int, int]
    alignment: int | None
    part: int

    @abstractmethod
    def instructions(self, width: int) -> Instructions:
        """Return the hardware arithmetic on floats of that width."""

    @abstractmethod
    def function(self, cell: Callable[..., Any]) -> Callable[..., Any]:
        """Make a function callable from kernels."""

    @abstractmethod
    def bound(self, value: Any) -> Any:
        """Convert a bound of a box to the type that loops take. Called in kernels."""

    @abstractmethod
    def allocate(self, size: int) -> Array:
        """Allocate bytes that kernels and the host access at one address.

        They migrate to the side that uses them.

        Raises:
            MemoryError: The memory is full; the message is one line.
        """

    @abstractmethod
    def allocate_for_exchange(self, size: int) -> Array:
        """Allocate bytes that stay on the host, where kernels access them, though slowly.

        Raises:
            MemoryError: The memory is full.
        """

    @abstractmethod
    def compiled(self, config: LaunchConfig, key: str) -> Any:
        """Return a compiled kernel, for ``launcher``. The key identifies it in caches."""

    @abstractmethod
    def launcher(
        self, compiled: Any, grid: Grid, arrays: Sequence[Array], outputs: int
    ) -> Launcher:
        """Return a function that launches a kernel; the last arrays are written."""

    @abstractmethod
    def sequence(self, launchers: Sequence[Launcher]) -> Callable[[], None]:
        """Return a function that launches several kernels, each after the end of the one before."""

    @abstractmethod
    def synchronise(self) -> None:
        """Wait for all launched kernels."""
