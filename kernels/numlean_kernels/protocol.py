"""The vocabulary of all layers: routines, tables of routines, loops, targets and program steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self, TypeAlias, final

import numpy as np

from numlean_kernels.formats import Format

Routine: TypeAlias = Callable[..., Any]
"""A pure function on single numbers (encodings, hardware floats, mpf) of one arithmetic."""

Array: TypeAlias = np.ndarray[Any, Any]


@final
@dataclass(frozen=True)
class UsualCase:
    """What computes the results of a routine faster for most operands.

    Attributes:
        routine: Has the results of the routine for usual operands.
        is_usual: Whether operands are usual.
        makes_nans: Whether exactly the results of other operands are NaNs, of any payload.
    """

    routine: Routine
    is_usual: Routine
    makes_nans: bool


def usual_case_of(routine: Routine) -> UsualCase | None:
    """Return the usual case of a routine, or None if it has none."""
    return getattr(routine, "usual_case", None)


@final
@dataclass(frozen=True, eq=False)
class UsualResults:
    """What a routine returns for usual operands, which takes less work.

    Attributes:
        routine: Takes the same operands and returns ``(z, low, high)``: the result, and two words
            of 32 bits.
        bounds: The greatest ``low`` and ``high`` with which ``z`` is the result of the routine.
    """

    routine: Routine
    bounds: tuple[Any, Any]


def usual_results_of(routine: Routine) -> UsualResults | None:
    """Return a routine's usual results, or None if it has none."""
    return getattr(routine, "usual_results", None)


def known_results_of(routine: Routine) -> Routine | None:
    """Return the routine that finds most results of another with less work; None if there is none.

    It takes the same operands and returns ``(z, is_known)``: the result, and whether it
    is that of the routine.
    """
    return getattr(routine, "known_results", None)


Launch: TypeAlias = Callable[..., None]
"""``launch(domain, *arrays)``: run a kernel over all cells of ``domain``; the last arrays are the
outputs."""


@final
@dataclass(frozen=True, eq=False)
class Table:
    """The routines of one arithmetic by name, and its zero: everything that a loop depends on.

    Attributes:
        key: Identifies the arithmetic: tables with equal keys compute equal bits.
        zero: The +0 from which sums start.
        make: Returns the routine of a given name, for one target; raises KeyError for an unknown
            name.
        fast: The hardware format, if a target may replace loops by faster ones with the same bits.
        carried: How a target may carry numbers through separately rounded products and sums; the
            bits are the same.
        carried_fused: The same through fused products and sums.
        short: The routines of so few instructions that looking up their results is not faster.
        kernels: Returns the launch of a loop, if the arithmetic has kernels of its own, for the CPU
            or the interpreter; it raises KeyError for a loop that uses a routine the table lacks.
    """

    key: str
    zero: Any
    make: Callable[[str], Routine]
    fast: Format | None = None
    same_bits_as: str | None = None
    carried: Carried | None = None
    carried_fused: Carried | None = None
    short: frozenset[str] = frozenset()
    kernels: Callable[[Loop], Launch] | None = None

    @property
    def arithmetic(self) -> str:
        """Return the name of the table's arithmetic. Tables with equal bits have equal names."""
        return self.key if self.same_bits_as is None else self.same_bits_as

    def multiplies_in_vectors(self, *, fused: bool) -> bool:
        """Return whether a target may multiply matrices by vector kernels of its own."""
        return any((self.fast, self.carried_fused if fused else self.carried))

    def __getitem__(self, name: str) -> Routine:
        return self.make(name)

    def get(self, name: str) -> Routine | None:
        """Return the routine of that name, or None if the table has none."""
        try:
            return self.make(name)
        except KeyError:
            return None


@final
@dataclass(frozen=True)
class Carried:
    """Numbers of a small format that matrix products carry in a wider hardware format.

    Each operation rounds to nearest even. The table has the routines ``carry 32`` and
    ``uncarry 32``, or 64, between an encoding as stored and a hardware float of the same value.

    Attributes:
        format: The small format, in which routines compute (``Format.working``).
        wide: The hardware format.
    """

    format: Format
    wide: Format


@final
@dataclass(frozen=True, eq=False)
class Loop:
    """The source of a kernel: a function over a box of output cells, written against a table.

    ``make(table)`` returns ``kernel(*bounds, *arrays)``, where bounds are ``start, stop`` for each
    of the ``rank`` axes of the output domain and the last arrays are the outputs. A kernel computes
    each output cell completely and independently of other cells, so a target may partition the
    domain freely: one call for all cells, one per core, or one per CUDA thread.

    Attributes:
        name: The name of the kernel, for caches and errors.
        rank: The number of axes of the output domain.
        make: Returns the kernel for the routines of a table.
        outputs: The number of arrays at the end that are written.
        shared: The loop of which this one is another name, so that both have one compiled kernel;
            None if it is its own.
        is_elementwise: Whether output cell i depends on cell i of each array with as many cells,
            and otherwise on arrays of one cell only; all arrays have one axis.
    """

    name: str
    rank: int
    make: Callable[[Table], Callable[..., None]]
    outputs: int = 1
    shared: Loop | None = None
    is_elementwise: bool = False

    @property
    def source(self) -> Loop:
        """The loop under the name of which the kernel is compiled."""
        return self.shared or self

    def renamed(self, name: str) -> Loop:
        """Return the same loop under the name of what it computes."""
        return replace(self, name=name, shared=self.source)


class DeviceMissingError(RuntimeError):
    """The machine or the installation lacks a device; the message says what to do."""


class DeviceFailedError(RuntimeError):
    """A device stopped working."""


@final
@dataclass(frozen=True)
class Instructions:
    """The arithmetic of a target on hardware floats of one format, rounded to nearest.

    Attributes:
        add: Adds two numbers.
        sub: Subtracts the second number from the first.
        mul: Multiplies two numbers.
        div: Divides the first number by the second.
        sqrt: Computes the square root.
        fma: Computes a * b + c with one rounding; None if the target has no such instruction.
    """

    add: Routine
    sub: Routine
    mul: Routine
    div: Routine
    sqrt: Routine
    fma: Routine | None


class Target(ABC):
    """A place where routines and loops run."""

    name: str
    """The name of the device, as given to ``--device``."""

    compiles = True
    """Whether kernels are compiled before they run, which takes about a second for each."""

    looks_up_codes = False
    """Whether looking results up in tables of all codes is faster here than computing them."""

    computes_rows = False
    """Whether a kernel is faster if it gets whole rows than if it gets cells."""

    has_float_phases = False
    """Whether binary64 in hardware has fused multiply-add, and nothing contracts or reorders
    operations, so that fast phases may compute in it."""

    @property
    def half_conversions(self) -> tuple[Routine, Routine] | None:
        """The processor's conversions of binary16, or None if it has none.

        The first returns the binary32 float of an encoding that is no NaN, the second the encoding
        of such a float, rounded to nearest even.
        """
        return None

    multiplies_views = False
    """Whether fast products read matrices that are transposed in memory where they are."""

    def __init__(self) -> None:
        self._kernels: dict[tuple[Loop, Table], Launch] = {}

    @abstractmethod
    def unsigned(self, bits: int) -> Callable[[Any], Any]:
        """Return a function that reduces an integer modulo 2**bits, to an unsigned type."""

    @abstractmethod
    def signed(self, bits: int) -> Callable[[Any], Any]:
        """Return a function that converts an integer to the signed type of that width."""

    @abstractmethod
    def clz(self, bits: int) -> Routine:
        """Return a routine that counts the leading zeros of an unsigned integer of that width."""

    @abstractmethod
    def high_product(self, bits: int) -> Routine:
        """Return a routine for the upper half of the product of two words of that width."""

    @abstractmethod
    def shift_left(self, bits: int) -> Routine:
        """Return a routine that shifts a word of that width left by another one.

        The result is zero if that is not less than the width.
        """

    @abstractmethod
    def encoding_of(self, width: int) -> Routine:
        """Return a routine that reinterprets a hardware float as its encoding."""

    @abstractmethod
    def real_of(self, width: int) -> Routine:
        """Return a routine that reinterprets an encoding as a hardware float."""

    @abstractmethod
    def instructions(self, width: int) -> Instructions:
        """Return the hardware arithmetic on floats of that width, as routines."""

    @abstractmethod
    def routine(self, function: Routine) -> Routine:
        """Make a function callable from other routines and from loops of this target."""

    @abstractmethod
    def kernel(self, loop: Loop, table: Table) -> Launch:
        """Instantiate a loop with the routines of a table."""

    def kernel_of(self, loop: Loop, table: Table) -> Launch:
        """Return the kernel of a loop and a table; it is made once.

        Raises:
            KeyError: The table lacks a routine that the loop uses.
        """
        if (loop, table) not in self._kernels:
            self._kernels[loop, table] = self.kernel(loop, table)
        return self._kernels[loop, table]

    def direct(
        self, loop: Loop, table: Table, arity: int, dtype: np.dtype[Any]
    ) -> Callable[..., Array | None] | None:
        """Return ``run(x, ...)``: a new array, computed by an elementwise loop of as many operands.

        The result is None if operands are not numpy arrays in C order, of one shape and of that
        dtype. The target returns None if it has to do more than to call the kernel.
        """
        return None

    def direct_sum(
        self, loop: Loop, table: Table, dtype: np.dtype[Any]
    ) -> Callable[..., Array | None] | None:
        """Return ``run(x)``: the sum of all numbers by a loop on rows, in a new array without axes.

        The result is None if the operand is no numpy array in C order with elements, of that dtype,
        or too long for one call. The target returns None if it has to do more than to call the
        kernel.
        """
        return None

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Return a new array in the memory that kernels access fastest, with arbitrary contents."""
        return np.empty(shape, dtype)

    def to_device(self, array: Array) -> Array:
        """Return the array in the memory that kernels access fastest; copy it if necessary."""
        return array

    def empty_host_visible(self, shape: int | tuple[int, ...], dtype: Any) -> Array:
        """Return a new array for data that host and kernels exchange at every step."""
        return np.empty(shape, dtype)

    @property
    def host(self) -> Target:
        """The target on which numbers are converted when they enter and leave."""
        return self

    def copy_into(self, x: Array, z: Array) -> None:
        """Write the elements of one view into another of the same shape and dtype."""
        z[...] = x

    def on_replay(  # noqa: B027 (nothing to record)
        self, function: Callable[[], None], *, read: tuple[Array, ...] = (), written: Array
    ) -> None:
        """Register host code to rerun on replay.

        It has already run once; it reads the arrays ``read`` and writes the array ``written``. Only
        recording targets use this.
        """

    @property
    def recorder(self) -> list[ProgramStep] | None:
        """The list in which kernels are recorded; None if they are not."""
        return None

    @property
    def without_recorder(self) -> Target:
        """The target that runs kernels without recording them."""
        return self

    def compile(
        self, operations: Sequence[ProgramStep], *, results: Sequence[Array] | None = None
    ) -> Callable[[], None]:
        """Return a function that runs all steps again, in order, on the same arrays.

        Args:
            operations: The steps.
            results: The arrays that are read afterwards, so that others need not be written; None
                for all.
        """
        calls = [step.bind(self) for step in operations]

        def run() -> None:
            for call in calls:
                call()

        return run


@final
@dataclass(frozen=True, eq=False)
class KernelCall:
    """A kernel that ran on some arrays."""

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

    def bind(self, target: Target) -> Callable[[], None]:
        """Return a function that runs the kernel again."""
        return partial(target.kernel_of(self.loop, self.table), self.domain, *self.arrays)

    def __str__(self) -> str:
        return self.loop.name


@final
@dataclass(frozen=True, eq=False)
class CopyCall:
    """A copy of elements from one view into another."""

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

    def bind(self, target: Target) -> Callable[[], None]:
        """Return a function that copies again."""
        return partial(target.copy_into, self.source, self.destination)

    def __str__(self) -> str:
        return "copy_into"


@final
@dataclass(frozen=True, eq=False)
class HostCall:
    """A function that ran on the host, outside any kernel."""

    function: Callable[[], None]
    read: tuple[Array, ...]
    written: tuple[Array, ...]

    def bind(self, target: Target) -> Callable[[], None]:
        """Return the function."""
        return self.function

    def __str__(self) -> str:
        return "call"


ProgramStep: TypeAlias = KernelCall | CopyCall | HostCall
"""An action of a target that it can run again."""


@final
@dataclass(frozen=True, eq=False)
class StepArrays:
    """The arrays of a program that runs many times on rows of larger arrays.

    Attributes:
        rows: Pairs: all rows of an input, and the program's own array for the rows of a run.
        values: The program's own arrays for inputs of one number.
        finite: Arrays to check after each run, of encodings of one width.
        mask: The bits of an encoding's magnitude.
        limit: The greatest magnitude of a finite number.
        equal: Pairs of arrays of one size whose bytes to compare after each run.
    """

    rows: tuple[tuple[Array, Array], ...]
    values: tuple[Array, ...]
    finite: tuple[Array, ...]
    mask: int
    limit: int
    equal: tuple[tuple[Array, Array], ...] = ()


Repeat: TypeAlias = Callable[[Array, Sequence[Array]], int]
"""``repeat(order, values)``: run for each row of ``order``; return the number of good runs.

``order`` has shape (runs, rows of a run), and the series of each value (runs, 1). A run is good if
it leaves only finite numbers, and the same bytes in both arrays of each pair. The first run that is
not good is the last one.
"""


class Repeatable(ABC):
    """A compiled program that can run many times without Python in between."""

    @abstractmethod
    def __call__(self) -> None:
        """Run once."""

    @abstractmethod
    def followed_by(self, others: Sequence[Self]) -> Self:
        """Return a program that runs this one and then others, all of one target."""

    @abstractmethod
    def repeater(self, arrays: StepArrays) -> Repeat:
        """Return a function that runs the program many times."""


def kernel_for(target: Target, loop: Loop, table: Table) -> Launch:
    """Return the kernel of a loop and a table on a target; it is made once per process.

    Raises:
        KeyError: The table lacks a routine that the loop uses.
    """
    return target.kernel_of(loop, table)


class Builder:
    """Builds the routines of one arithmetic on one target, each once.

    A subclass adds the constants of its arithmetic. A *maker* returns a routine, given a builder.

    Attributes:
        target: The target on which the routines run.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._routines: dict[Callable[..., Routine], Routine] = {}

    def routine(self, make: Callable[[Self], Routine]) -> Routine:
        """Return the routine of a maker for this arithmetic, compiled once for the target."""
        if make not in self._routines:
            self._routines[make] = self.target.routine(make(self))
        return self._routines[make]
