"""Chains: steps that compute cell by cell, and can run together block by block.

The steps of a chain follow one another on a block of cells before any of them sees the next block.
Numbers that only later steps of the chain read stay in the caches, in memory for one block. Each
step computes the same numbers as alone, so no bit depends on chains.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, TypeAlias, final

from numlean_kernels.protocol import Array, CopyCall, KernelCall, ProgramStep
from numlean_kernels.targets.axes import padded_axes
from numlean_kernels.targets.dead_code import memory_of
from numlean_kernels.targets.fusion.accesses import Accesses, accesses_of

FEWEST_CELLS: Final = 16 << 10
"""The cells from which chains pay: with fewer, all numbers stay in the caches anyway."""

_MOST_REPEATED: Final = 4 << 10
"""The most cells that a copy repeats, as a block has at least so many."""

_MOST_STEPS: Final = 32
"""The most steps of a chain."""


@final
@dataclass(frozen=True, eq=False)
class Operand:
    """An array of a step of a chain.

    Attributes:
        array: The array, in C order.
        is_written: Whether the step writes it, and perhaps reads it.
        cells: The cells for which it has numbers: those of the chain, or 1, or a divisor of them,
            whose numbers repeat.
        covers_cells: Whether it has a number for each cell of the chain.
    """

    array: Array
    is_written: bool
    cells: int
    covers_cells: bool

    @property
    def place(self) -> tuple[int, int, int]:
        """The start, the bytes of a number and the cells: equal for the same numbers in memory."""
        start = int(self.array.__array_interface__["data"][0])
        return start, self.array.itemsize, self.cells


@final
@dataclass(frozen=True, eq=False)
class Link:
    """A step that computes cell by cell.

    Attributes:
        step: The step.
        operands: Its arrays, in order.
        cells: The number of cells.
    """

    step: KernelCall | CopyCall
    operands: tuple[Operand, ...]
    cells: int

    @property
    def repeated(self) -> int:
        """The cells after which an operand repeats; 1 if none does."""
        return max((x.cells for x in self.operands if not x.covers_cells), default=1)


@final
@dataclass(frozen=True, eq=False)
class Chain:
    """Steps that run together.

    Attributes:
        links: The steps, in order.
        temporary: The memory of which no step outside the chain has need.
    """

    links: tuple[Link, ...]
    temporary: frozenset[int]

    @property
    def cells(self) -> int:
        """The number of cells."""
        return self.links[0].cells

    @property
    def repeated(self) -> int:
        """The cells of which blocks have a multiple."""
        return max(link.repeated for link in self.links)


FusedStep: TypeAlias = ProgramStep | Chain


def link_of(step: ProgramStep) -> Link | None:
    """Return a step as a link of a chain; None if it is none."""
    if isinstance(step, KernelCall):
        return _link_of_kernel(step)
    return _link_of_copy(step) if isinstance(step, CopyCall) else None


def _link_of_kernel(step: KernelCall) -> Link | None:
    if not step.loop.source.is_elementwise or step.table.kernels is not None:
        return None
    (cells,) = step.domain
    if cells < FEWEST_CELLS or any(x.size not in (1, cells) for x in step.arrays):
        return None
    first_written = len(step.arrays) - step.loop.outputs
    return _link(step, cells, [(x, k >= first_written, x.size) for k, x in enumerate(step.arrays)])


def _link_of_copy(step: CopyCall) -> Link | None:
    source, destination = step.source, step.destination
    cells = destination.size
    if cells < FEWEST_CELLS or source.dtype.hasobject or not destination.flags.c_contiguous:
        return None
    *others, outer, inner = padded_axes(source, destination)
    if any(extent > 1 for extent, *_ in others):
        return None
    extent, step_of_source, _ = inner
    if extent == cells:
        found = {1: cells, 0: 1}.get(step_of_source)
    elif step_of_source == 1 and outer[1] == 0 and extent <= _MOST_REPEATED:
        found = extent
    else:
        found = None
    if found is None:
        return None
    return _link(step, cells, [(source, False, found), (destination, True, cells)])


def _link(
    step: KernelCall | CopyCall, cells: int, arrays: Sequence[tuple[Array, bool, int]]
) -> Link | None:
    """Return a step as a link, unless its arrays overlap each other."""
    operands = tuple(Operand(x, is_written, n, n == cells) for x, is_written, n in arrays)
    for x, y in combinations(operands, 2):
        if memory_of(x.array) == memory_of(y.array) and not _agree(x, y):
            return None
    return Link(step, operands, cells)


def fuse(steps: Sequence[ProgramStep], kept: Sequence[Array] | None) -> list[FusedStep]:
    """Return the program with chains in place of steps that can run together.

    Args:
        steps: The program.
        kept: The arrays that are read after it, or by steps that are not in it; None for all.
    """
    links = [link_of(step) for step in steps]
    accesses = Accesses(steps, kept)
    fused: list[FusedStep] = []
    done: set[int] = set()
    for k, (step, link) in enumerate(zip(steps, links, strict=True)):
        if k in done:
            continue
        joined = [k] if link is None else _Search(steps, links, accesses, done).chain_from(k)
        done.update(joined)
        members = [found for found in (links[each] for each in joined) if found is not None]
        if len(members) > 1:
            fused.append(Chain(tuple(members), _temporary(members, set(joined), accesses)))
        else:
            fused.append(step)
    return fused


@final
class _Search:
    """The search for steps that can run at an earlier step, together with it."""

    def __init__(
        self,
        steps: Sequence[ProgramStep],
        links: Sequence[Link | None],
        accesses: Accesses,
        done: set[int],
    ) -> None:
        self._steps, self._links, self._accesses, self._done = steps, links, accesses, done
        self._first = 0
        self._joined: list[int] = []
        self._candidates: list[int] = []
        self._seen: set[int] = set()
        self._operands: dict[int, list[Operand]] = {}
        self._repeated = 1

    def chain_from(self, first: int) -> list[int]:
        """Return the places of a step and of those that can run together with it, in order."""
        self._first = first
        self._join(first)
        while self._candidates and len(self._joined) < _MOST_STEPS:
            place = heapq.heappop(self._candidates)
            if self._can_join(place):
                self._join(place)
        return self._joined

    def _join(self, place: int) -> None:
        link = self._links[place]
        if link is None:
            return
        self._joined.append(place)
        self._repeated = max(self._repeated, link.repeated)
        for operand in link.operands:
            memory = memory_of(operand.array)
            self._operands.setdefault(memory, []).append(operand)
            for access in self._accesses.of(memory):
                if access.step > place and access.step not in self._seen:
                    self._seen.add(access.step)
                    heapq.heappush(self._candidates, access.step)

    def _can_join(self, place: int) -> bool:
        link, first = self._links[place], self._links[self._first]
        if link is None or first is None or link.cells != first.cells or place in self._done:
            return False
        repeated = sorted((link.repeated, self._repeated))
        if repeated[0] not in (1, repeated[1]):
            return False
        return self._can_move(place) and all(
            _agree(operand, other)
            for operand in link.operands
            for other in self._operands.get(memory_of(operand.array), ())
        )

    def _can_move(self, place: int) -> bool:
        """Return whether no step in between has to run before this one."""
        for memory, own in accesses_of(place, self._steps[place]):
            for other in self._accesses.of(memory):
                is_between = self._first < other.step < place
                if is_between and (own.writes or other.writes) and not self._is_ahead(other.step):
                    return False
        return True

    def _is_ahead(self, place: int) -> bool:
        """Return whether a step runs in the chain or before it."""
        return place in self._done or place in self._joined


def _agree(x: Operand, y: Operand) -> bool:
    """Return whether steps on blocks of two operands of the same memory do what steps on all do."""
    if not (x.is_written or y.is_written):
        return True
    return x.place == y.place and x.covers_cells and y.covers_cells


def _temporary(links: Iterable[Link], steps: set[int], accesses: Accesses) -> frozenset[int]:
    """Return the memory that only these steps use, in one place; they write all cells first."""
    found: dict[int, set[tuple[int, int, int]]] = {}
    for link in links:
        for operand in link.operands:
            found.setdefault(memory_of(operand.array), set()).add(operand.place)
    return frozenset(
        memory
        for memory, places in found.items()
        if len(places) == 1 and accesses.is_private(memory, steps)
    )
