"""How a GPU runs a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, final

from numlean_kernels.protocol import Array

Extents: TypeAlias = tuple[int, ...]


class Grid(NamedTuple):
    """One launch of a kernel.

    Attributes:
        blocks: How many blocks of threads.
        threads: How many threads each has, along one axis or two.
        extents: What all threads are told.
    """

    blocks: int
    threads: int | tuple[int, int]
    extents: Extents


@final
@dataclass(frozen=True)
class LaunchConfig:
    """A kernel and its launches.

    Attributes:
        kernel: ``kernel(extents, arrays)``, what each thread does.
        rank: How many extents there are.
        grids: Of a domain and arrays, the launches that compute the loop, one after the other.
        bounds: Threads of a block, and how many blocks a processor should have room for; None where
            the compiler may use as many registers as it likes.
    """

    kernel: Callable[..., None]
    rank: int
    grids: Callable[[Extents, Sequence[Array]], Iterable[Grid]]
    bounds: tuple[int, int] | None = None
