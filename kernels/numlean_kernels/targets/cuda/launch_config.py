"""Launch configurations: the kernel of a loop on a GPU and its grids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, final

from numlean_kernels.protocol import Array

Extents: TypeAlias = tuple[int, ...]
"""The extents of a domain."""


class Grid(NamedTuple):
    """One launch of a kernel.

    Attributes:
        blocks: The number of thread blocks.
        threads: The number of threads per block, along one axis or two.
        extents: The numbers passed to all threads.
    """

    blocks: int
    threads: int | tuple[int, int]
    extents: Extents


@final
@dataclass(frozen=True)
class LaunchConfig:
    """A kernel and its launches.

    Attributes:
        kernel: ``kernel(extents, arrays)``, run by each thread.
        rank: The number of extents.
        grids: Returns the launches that compute the loop, in order, for a domain and arrays.
        bounds: The threads of a block and the minimum number of resident blocks per multiprocessor;
            None if the compiler may use any number of registers.
    """

    kernel: Callable[..., None]
    rank: int
    grids: Callable[[Extents, Sequence[Array]], Iterable[Grid]]
    bounds: tuple[int, int] | None = None
