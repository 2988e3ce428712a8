"""Loops that compute each output cell from the input cells at the same index."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from numlean_kernels.loops.known_results import known_results
from numlean_kernels.loops.two_phase import two_phase, two_phase_flagged
from numlean_kernels.loops.usual_case import usual_case, usual_case_of_broadcast
from numlean_kernels.loops.usual_results import usual_results, usual_results_of_broadcast
from numlean_kernels.protocol import Loop, Routine, Table


def unary(name: str) -> Loop:
    """Return the loop z[i] = name(x[i])."""
    return elementwise(name, 1)


def binary(name: str) -> Loop:
    """Return the loop z[i] = name(x[i], y[i])."""
    return elementwise(name, 2)


def ternary(name: str) -> Loop:
    """Return the loop z[i] = name(w[i], x[i], y[i])."""
    return elementwise(name, 3)


@cache
def elementwise(name: str, arity: int) -> Loop:
    """Return the loop z[i] = name(operands[i]...) over one to four operands."""

    def make(table: Table) -> Callable[..., None]:
        kernel = two_phase(table, name, arity) or usual_case(table, name, arity)
        kernel = kernel or usual_results(table, name, arity) or known_results(table, name, arity)
        return kernel or _RESULT_KERNELS[arity - 1](table[name])

    return Loop(name, rank=1, make=make, is_elementwise=True)


@cache
def broadcast_operand(name: str, place: int) -> Loop:
    """Return the loop z[i] = name(x[0], y[i]), or at place 1 z[i] = name(x[i], y[0])."""

    def make(table: Table) -> Callable[..., None]:
        kernel = usual_case_of_broadcast(table, name, place)
        kernel = kernel or usual_results_of_broadcast(table, name, place)
        return kernel or (_single_first, _single_second)[place](table[name])

    return Loop(f"{name} single{place}", rank=1, make=make, is_elementwise=True)


@cache
def flagged(name: str, arity: int) -> Loop:
    """Return the loop z[i], raised[i] = name(operands[i]...), where ``raised`` are the flags."""

    def make(table: Table) -> Callable[..., None]:
        kernel = two_phase_flagged(table, name) if arity == 1 else None
        return kernel or _FLAGGED_KERNELS[arity - 1](table["flagged " + name])

    return Loop(f"flagged {name}", rank=1, make=make, outputs=2)


@cache
def flagged_in_modes(name: str, arity: int) -> Loop:
    """Return the loop z[i], raised[i] = name(operands[i]..., modes[0]), of an array ``modes``."""

    def make(table: Table) -> Callable[..., None]:
        return _MODAL_KERNELS[arity - 1](table["flagged " + name])

    return Loop(f"flagged {name} in modes", rank=1, make=make, outputs=2)


@cache
def filled(name: str) -> Loop:
    """Return the loop z[i] = name(key[0], key[1], i): each number depends on its index alone."""

    def make(table: Table) -> Callable[..., None]:
        routine = table[name]

        def kernel(start: int, stop: int, key: Any, z: Any) -> None:
            for i in range(start, stop):
                z[i] = routine(key[0], key[1], i)

        return kernel

    return Loop(name, rank=1, make=make)


def _unary(routine: Routine) -> Callable[..., None]:
    def kernel(start: int, stop: int, x: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i] = routine(x[i])

    return kernel


def _binary(routine: Routine) -> Callable[..., None]:
    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i] = routine(x[i], y[i])

    return kernel


def _single_first(routine: Routine) -> Callable[..., None]:
    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        a = x[0]
        for i in range(start, stop):
            z[i] = routine(a, y[i])

    return kernel


def _single_second(routine: Routine) -> Callable[..., None]:
    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        b = y[0]
        for i in range(start, stop):
            z[i] = routine(x[i], b)

    return kernel


def _ternary(routine: Routine) -> Callable[..., None]:
    def kernel(start: int, stop: int, w: Any, x: Any, y: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i] = routine(w[i], x[i], y[i])

    return kernel


def _quaternary(routine: Routine) -> Callable[..., None]:
    def kernel(start: int, stop: int, v: Any, w: Any, x: Any, y: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i] = routine(v[i], w[i], x[i], y[i])

    return kernel


def _flagged_unary(routine: Routine) -> Callable[..., None]:
    def kernel(start: int, stop: int, x: Any, raised: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i], raised[i] = routine(x[i])

    return kernel


def _flagged_binary(routine: Routine) -> Callable[..., None]:
    def kernel(start: int, stop: int, x: Any, y: Any, raised: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i], raised[i] = routine(x[i], y[i])

    return kernel


def _flagged_ternary(routine: Routine) -> Callable[..., None]:
    def kernel(start: int, stop: int, w: Any, x: Any, y: Any, raised: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i], raised[i] = routine(w[i], x[i], y[i])

    return kernel


def _flagged_quaternary(routine: Routine) -> Callable[..., None]:
    def kernel(start: int, stop: int, v: Any, w: Any, x: Any, y: Any, raised: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i], raised[i] = routine(v[i], w[i], x[i], y[i])

    return kernel


def _modal_unary(routine: Routine) -> Callable[..., None]:
    def kernel(start: int, stop: int, modes: Any, x: Any, raised: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i], raised[i] = routine(x[i], modes[0])

    return kernel


def _modal_binary(routine: Routine) -> Callable[..., None]:
    def kernel(start: int, stop: int, modes: Any, x: Any, y: Any, raised: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i], raised[i] = routine(x[i], y[i], modes[0])

    return kernel


def _modal_ternary(routine: Routine) -> Callable[..., None]:
    def kernel(
        start: int, stop: int, modes: Any, w: Any, x: Any, y: Any, raised: Any, z: Any
    ) -> None:
        for i in range(start, stop):
            z[i], raised[i] = routine(w[i], x[i], y[i], modes[0])

    return kernel


_RESULT_KERNELS: Final = (_unary, _binary, _ternary, _quaternary)
_FLAGGED_KERNELS: Final = (_flagged_unary, _flagged_binary, _flagged_ternary, _flagged_quaternary)
_MODAL_KERNELS: Final = (_modal_unary, _modal_binary, _modal_ternary)
