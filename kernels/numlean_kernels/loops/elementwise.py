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


@cache
def flagged(name: str, arity: int) -> Loop:
    """The loop z[i], raised[i] = name(operands[i]...), raised being the flags of the operation."""

    def make_unary(table: Table) -> Callable[..., None]:
        routine = table["flagged " + name]

        def kernel(start: int, stop: int, x: Any, raised: Any, z: Any) -> None:
            for i in range(start, stop):
                z[i], raised[i] = routine(x[i])

        return kernel

    def make_binary(table: Table) -> Callable[..., None]:
        routine = table["flagged " + name]

        def kernel(start: int, stop: int, x: Any, y: Any, raised: Any, z: Any) -> None:
            for i in range(start, stop):
                z[i], raised[i] = routine(x[i], y[i])

        return kernel

    def make_ternary(table: Table) -> Callable[..., None]:
        routine = table["flagged " + name]

        def kernel(start: int, stop: int, w: Any, x: Any, y: Any, raised: Any, z: Any) -> None:
            for i in range(start, stop):
                z[i], raised[i] = routine(w[i], x[i], y[i])

        return kernel

    make = (make_unary, make_binary, make_ternary)[arity - 1]
    return Loop(f"flagged {name}", rank=1, make=make, outputs=2)
