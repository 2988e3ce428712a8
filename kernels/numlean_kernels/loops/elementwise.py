"""One output cell from the input cells at the same place."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numlean_kernels.targets.protocol import Loop, Table


@cache
def unary(name: str) -> Loop:
    """The loop z[i] = name(x[i])."""

    def make(table: Table) -> Callable[..., None]:
        routine = table[name]

        def kernel(start: int, stop: int, x: Any, z: Any) -> None:
            for i in range(start, stop):
                z[i] = routine(x[i])

        return kernel

    return Loop(name, rank=1, make=make)


@cache
def binary(name: str) -> Loop:
    """The loop z[i] = name(x[i], y[i])."""

    def make(table: Table) -> Callable[..., None]:
        routine = table[name]

        def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
            for i in range(start, stop):
                z[i] = routine(x[i], y[i])

        return kernel

    return Loop(name, rank=1, make=make)


@cache
def ternary(name: str) -> Loop:
    """The loop z[i] = name(w[i], x[i], y[i])."""

    def make(table: Table) -> Callable[..., None]:
        routine = table[name]

        def kernel(start: int, stop: int, w: Any, x: Any, y: Any, z: Any) -> None:
            for i in range(start, stop):
                z[i] = routine(w[i], x[i], y[i])

        return kernel

    return Loop(name, rank=1, make=make)
