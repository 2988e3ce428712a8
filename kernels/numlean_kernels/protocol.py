"""What a target offers: integer words for routines, and loops turned into callables on arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, final

import numpy as np

from numlean_kernels.formats import Format

Routine: TypeAlias = Callable[..., Any]
"""A pure function on single numbers (encodings, hardware floats, mpf) of one arithmetic."""

Array: TypeAlias = np.ndarray[Any, Any]

Launch: TypeAlias = Callable[..., None]
"""``launch(domain, *arrays)``: run a kernel over all cells of ``domain``; the last arrays are the
outputs."""


@final
@dataclass(frozen=True, eq=False)
class Table:
    """The only thing a loop knows about an arithmetic: its routines by name, and its zero.

    Attributes:
        key: Names the routines exactly. Tables with equal keys give equal bits; kernels are cached
            by it.
        zero: The +0 from which sums start.
        make: Makes the routine of a given name, for one target; raises KeyError for an unknown one.
        fast: The hardware format, if a target may put its own faster loops in the place of those
            written against the table.
        same_bits_as: The key of the table that defines the bits, if this one computes the same bits
            by other routines.
    """

    key: str
    zero: Any
    make: Callable[[str], Routine]
    fast: Format | None = None
    same_bits_as: str | None = None

    @property
    def arithmetic(self) -> str:
        """Return the name of what the table computes. Tables of equal bits have the same."""
        return self.key if self.same_bits_as is None else self.same_bits_as

    def __getitem__(self, name: str) -> Routine:
        return self.make(name)

    def get(self, name: str) -> Routine | None:
        """The routine of a name, or None where there is none."""
        try:
            return self.make(name)
        except KeyError:
            return None


@final
@dataclass(frozen=True, eq=False)
class Loop:
    """A kernel's source: a function over a box of output cells, written against a table.

    ``make(table)`` returns ``kernel(*bounds, *arrays)``, where bounds are ``start, stop`` for each
    of the ``rank`` axes of the output domain and the last arrays are the outputs. A kernel computes
    each output cell wholly and alone, so that a target may cut the domain as it likes: one call
    for all cells, one per core, or one per CUDA thread.

    Attributes:
        name: Names what the kernel computes, for caches and errors.
        rank: The number of axes of the output domain.
        make: Writes the kernel for a table's routines.
        outputs: How many arrays at the end are written.
    """

    name: str
    rank: int
    make: Callable[[Table], Callable[..., None]]
    outputs: int = 1


class DeviceMissingError(RuntimeError):
    """A device that this machine or installation lacks: what was looked for, and the way out."""


class DeviceFailedError(RuntimeError):
    """A device that stopped working."""


@final
@dataclass(frozen=True)
class Instructions:
    """A target's arithmetic on hardware floats of one format, each result rounded once, to nearest.

    Attributes:
        add: The sum of two.
        sub: The difference.
        mul: The product.
        div: The quotient.
        sqrt: The square root.
        fma: The product of the first two plus the third; None where there is no such instruction.
    """

    add: Routine
    sub: Routine
    mul: Routine
    div: Routine
    sqrt: Routine
    fma: Routine | None


class Target(ABC):
    """Where routines and loops run."""

    name: str
    """The device's name, as users give it."""

    def __init__(self) -> None:
        self._kernels: dict[tuple[Loop, Table], Launch] = {}

    @abstractmethod
    def unsigned(self, bits: int) -> Callable[[Any], Any]:
        """A function that reduces an integer modulo 2**bits, to the target's unsigned type."""

    @abstractmethod
    def signed(self, bits: int) -> Callable[[Any], Any]:
        """A function that gives an integer the target's signed type of that width."""

    @abstractmethod
    def clz(self, bits: int) -> Routine:
        """A routine that counts the leading zeros of an unsigned integer of that width."""

    @abstractmethod
    def high_product(self, bits: int) -> Routine:
        """A routine that gives the upper half of the product of two words of that width."""

    @abstractmethod
    def encoding_of(self, width: int) -> Routine:
        """A routine that gives a hardware float's encoding."""

    @abstractmethod
    def real_of(self, width: int) -> Routine:
        """A routine that gives the hardware float of an encoding."""

    @abstractmethod
    def instructions(self, width: int) -> Instructions:
        """What the hardware does with floats of that width, as routines."""

    @abstractmethod
    def routine(self, function: Routine) -> Routine:
        """Make a function callable from other routines and from loops of this target."""

    @abstractmethod
    def kernel(self, loop: Loop, table: Table) -> Launch:
        """Instantiate a loop with a table's routines."""

    def kernel_of(self, loop: Loop, table: Table) -> Launch:
        """The kernel of a loop and a table, made once.

        Raises:
            KeyError: The table lacks a routine that the loop uses.
        """
        if (loop, table) not in self._kernels:
            self._kernels[loop, table] = self.kernel(loop, table)
        return self._kernels[loop, table]

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """A new array where kernels reach it best; what it holds is anything."""
        return np.empty(shape, dtype)

    def to_device(self, array: Array) -> Array:
        """The array where kernels reach it best: itself if it is there already, else a copy."""
        return array

    def empty_host_visible(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """A new array for what the host writes and kernels read at every step, or the reverse."""
        return np.empty(shape, dtype)

    @property
    def host(self) -> Target:
        """The target where numbers enter and leave."""
        return self

    def copy_into(self, x: Array, z: Array) -> None:
        """Write the elements of one view into another of the same shape and dtype."""
        z[...] = x

    def on_replay(  # noqa: B027 (nothing is left to do)
        self, function: Callable[[], None], *, read: tuple[Array, ...] = (), written: Array
    ) -> None:
        """Told what, beside kernels, must be done again if all this is done again.

        It has been done once: it reads some arrays and writes one. Of no interest but to who
        records.
        """

    @property
    def without_recorder(self) -> Target:
        """The target that runs what it is told and keeps no record of it."""
        return self

    def compile(self, operations: Sequence[ProgramStep]) -> Callable[[], None]:
        """What does all operations again, in order, on the same arrays."""
        calls = [operation.bound(self) for operation in operations]

        def run() -> None:
            for call in calls:
                call()

        return run


@final
@dataclass(frozen=True, eq=False)
class KernelCall:
    """A kernel that was run."""

    loop: Loop
    table: Table
    domain: tuple[int, ...]
    arrays: tuple[Array, ...]

    @property
    def read(self) -> tuple[Array, ...]:
        """The arrays that are only read."""
        return self.arrays[: -self.loop.outputs]

    @property
    def written(self) -> tuple[Array, ...]:
        """The arrays that are written, and perhaps read."""
        return self.arrays[-self.loop.outputs :]

    def bound(self, target: Target) -> Callable[[], None]:
        """What does it again."""
        return partial(target.kernel_of(self.loop, self.table), self.domain, *self.arrays)

    def __str__(self) -> str:
        return self.loop.name


@final
@dataclass(frozen=True, eq=False)
class CopyCall:
    """Elements that were written into a view."""

    source: Array
    destination: Array

    @property
    def read(self) -> tuple[Array, ...]:
        """The source."""
        return (self.source,)

    @property
    def written(self) -> tuple[Array, ...]:
        """The destination."""
        return (self.destination,)

    def bound(self, target: Target) -> Callable[[], None]:
        """What does it again."""
        return partial(target.copy_into, self.source, self.destination)

    def __str__(self) -> str:
        return "copy_into"


@final
@dataclass(frozen=True, eq=False)
class HostCall:
    """Something that no kernel does."""

    function: Callable[[], None]
    read: tuple[Array, ...]
    written: tuple[Array, ...]

    def bound(self, target: Target) -> Callable[[], None]:
        """What does it again."""
        return self.function

    def __str__(self) -> str:
        return "call"


ProgramStep: TypeAlias = KernelCall | CopyCall | HostCall
"""What a target did, and can do again."""


def kernel_for(target: Target, loop: Loop, table: Table) -> Launch:
    """The kernel of a loop and a table on a target, made once in a process.

    Raises:
        KeyError: The table lacks a routine that the loop uses.
    """
    return target.kernel_of(loop, table)
