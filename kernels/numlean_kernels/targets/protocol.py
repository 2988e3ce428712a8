"""What a target offers: integer words for routines, and loops turned into callables on arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeAlias

Routine: TypeAlias = Callable[..., Any]
"""A pure function on single numbers (encodings, hardware floats, mpf) of one arithmetic."""

Launch: TypeAlias = Callable[..., None]
"""``launch(domain, *arrays)``: run a kernel over all cells of ``domain``; the last array is the
output."""


class Table(Protocol):
    """The only thing a loop knows about an arithmetic: its routines by name, and its zero."""

    @property
    def identity(self) -> str:
        """Names the arithmetic exactly: equal identities mean equal bits."""

    @property
    def zero(self) -> Any:
        """The +0 from which sums start."""

    def __getitem__(self, name: str) -> Routine:
        """The routine of that name.

        Raises:
            KeyError: The arithmetic has no such routine.
        """


@dataclass(frozen=True, eq=False)
class Loop:
    """A kernel's source: a function over a box of output cells, written against a table.

    ``make(table)`` returns ``kernel(*bounds, *arrays)``, where bounds are ``start, stop`` for each
    of the ``rank`` axes of the output domain and the last array is the output. A kernel computes
    each output cell wholly and alone, so that a target may cut the domain as it likes: one call
    for all cells, one per core, or one per CUDA thread.
    """

    name: str
    rank: int
    make: Callable[[Table], Callable[..., None]]


class Target(Protocol):
    """Where routines and loops run."""

    name: str

    hardware_fma: Routine | None
    """Fused multiply-add of two hardware floats of one format; None where there is none."""

    def unsigned(self, bits: int) -> Callable[[Any], Any]:
        """A function that reduces an integer modulo 2**bits, to the target's unsigned type."""

    def signed(self, bits: int) -> Callable[[Any], Any]:
        """A function that gives an integer the target's signed type of that width."""

    def clz(self, bits: int) -> Routine:
        """A routine that counts the leading zeros of an unsigned integer of that width."""

    def encoding_of(self, width: int) -> Routine:
        """A routine that gives a hardware float's encoding."""

    def real_of(self, width: int) -> Routine:
        """A routine that gives the hardware float of an encoding."""

    def routine(self, function: Routine) -> Routine:
        """Make a function callable from other routines and from loops of this target."""

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """Instantiate a loop with a table's routines."""


@dataclass(frozen=True, eq=False)
class RoutineTable:
    """A table given by makers: a routine is made when it is first asked for.

    Attributes:
        identity: Names the arithmetic and the target.
        zero: +0.
        make: Makes the routine of a given name; raises KeyError for an unknown one.
    """

    identity: str
    zero: Any
    make: Callable[[str], Routine]

    def __getitem__(self, name: str) -> Routine:
        return self.make(name)


@cache
def kernel_for(target: Target, loop: Loop, table: Table) -> Launch:
    """The kernel of a loop and a table on a target, made once in a process.

    Raises:
        KeyError: The table lacks a routine that the loop uses.
    """
    return target.kernel(loop, table)
