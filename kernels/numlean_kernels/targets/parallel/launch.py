"""Launches of kernels from Python, by as many threads as their work is worth.

How long a kernel takes on arrays of some sizes is measured the first times, so that small work
stays in one thread on every machine and in every arithmetic.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from numlean_kernels.protocol import Array, Loop, Table
from numlean_kernels.targets.native_calls import (
    FIRST_BOUND,
    Compiled,
    Outcome,
    address_places,
    caller,
    kernel_code,
    kernel_words,
)
from numlean_kernels.targets.parallel.partition import Bounds, split
from numlean_kernels.targets.parallel.pool import POOL
from numlean_kernels.threads import THREADS

FEWEST_NUMBERS: Final = 2048
"""The numbers in all arrays of a kernel up to which it is never worth measuring."""

_WORTHWHILE: Final = 60e-6
"""The seconds from which several threads are faster than one; those that sleep wake up late."""

_PROBE: Final = 16
"""The parts of a domain of which two are measured where nothing is known."""

_LONG: Final = 1e-3
"""The seconds from which several threads compute the rest of the first launch: shorter ones may
only have been late, since nothing they need was in a cache."""

_MEASUREMENTS: Final = 3
"""The launches that are measured: the first one may wait for memory, or for other processes."""

_MOST_SIZES: Final = 4096
"""The sizes that are remembered for a kernel."""


@final
@dataclass(frozen=True, eq=False)
class _Call:
    """The parts of a kernel on arrays of some shapes and dtypes.

    Attributes:
        function: The address of the caller of the kernel.
        block: The words of all parts, of which those at ``places`` are the arrays' addresses.
        places: The places of addresses among the words of a part.
        steps: The distance of the words of each part from the first one, in bytes.
    """

    function: int
    block: Array
    places: list[int]
    steps: Array


@dataclass
class _Cost:
    """What is known about a kernel on arrays of some sizes.

    Attributes:
        seconds: The time that one thread takes, the shortest that was measured.
        measurements: How often it was measured.
        call: The parts, with the number of threads, and the shapes and dtypes of the arrays; one
            object, since several threads of Python may look at it.
    """

    seconds: float = float("inf")
    measurements: int = 0
    call: tuple[tuple[object, ...], _Call] | None = None

    def add(self, seconds: float) -> None:
        self.seconds = min(self.seconds, seconds)
        self.measurements += 1


@final
class ParallelLaunch:
    """Launches a kernel over all cells of a domain; see ``Launch``.

    Attributes:
        serial: The most cells for which one thread is known to be enough, if there is no other
            axis than that of the domain.
    """

    def __init__(self, compiled: Compiled, loop: Loop, table: Table) -> None:
        self._compiled = compiled
        self._loop = loop
        self._table = table
        self._run = compiled(loop, table)
        self._outcome = Outcome()
        self._costs: dict[tuple[int, ...], _Cost] = {}
        self.serial = FEWEST_NUMBERS // 3

    def __call__(self, domain: tuple[int, ...], *arrays: Array) -> None:
        """Run the kernel."""
        threads = THREADS.count
        if threads == 1:
            self._serial(domain, arrays)
            return
        numbers = sum([x.size for x in arrays])
        if numbers < FEWEST_NUMBERS:
            self._serial(domain, arrays)
            return
        key = (*domain, numbers)
        cost = self._costs.get(key)
        if cost is not None and cost.measurements >= _MEASUREMENTS:
            if cost.seconds < _WORTHWHILE or not _are_plain(arrays):
                self._serial(domain, arrays)
            else:
                self._run_parts(self._settled(cost, domain, arrays, threads), arrays, threads)
        elif _are_plain(arrays):
            self._measured(key, cost, domain, arrays, threads)
        else:
            self._serial(domain, arrays)

    def _measured(
        self,
        key: tuple[int, ...],
        cost: _Cost | None,
        domain: tuple[int, ...],
        arrays: tuple[Array, ...],
        threads: int,
    ) -> None:
        layouts = tuple([(x.dtype, x.ndim) for x in arrays])
        kernel_code(self._compiled, self._loop.source, self._table, layouts)
        if cost is None:
            if len(self._costs) >= _MOST_SIZES:
                self._costs.clear()
            cost = self._costs[key] = _Cost()
            parts = split(self._loop, self._table, domain, _PROBE)
            # numba takes long to find the code at the first call.
            seconds = min(self._timed(each, arrays) for each in parts[:2]) * len(parts)
            rest = parts[2:]
            if rest and seconds < _LONG:
                self._run(*map(np.uint64, _joined(rest)), *arrays)
            elif rest:
                self._parallel(rest, arrays, threads)
            cost.seconds = seconds
            return
        if cost.seconds < _WORTHWHILE:
            bounds = tuple(bound for extent in domain for bound in (0, extent))
            cost.add(self._timed(bounds, arrays))
        else:
            parts = split(self._loop, self._table, domain, threads)
            began = time.perf_counter()
            self._parallel(parts, arrays, threads)
            cost.add((time.perf_counter() - began) * threads)
        if cost.measurements == _MEASUREMENTS and cost.seconds < _WORTHWHILE and len(domain) == 1:
            self.serial = max(self.serial, domain[0])

    def _settled(
        self, cost: _Cost, domain: tuple[int, ...], arrays: tuple[Array, ...], threads: int
    ) -> _Call:
        """Return the call of all parts, made once for arrays of some shapes and dtypes."""
        kind = (threads, *[(x.shape, x.dtype) for x in arrays])
        known = cost.call
        if known is not None and known[0] == kind:
            return known[1]
        call = self._call(split(self._loop, self._table, domain, threads), arrays)
        cost.call = kind, call
        return call

    def _serial(self, domain: tuple[int, ...], arrays: tuple[Array, ...]) -> None:
        # Unsigned, so that numba checks for no negative indices in the loop.
        bounds = [np.uint64(bound) for extent in domain for bound in (0, extent)]
        self._run(*bounds, *arrays)

    def _timed(self, bounds: Bounds, arrays: tuple[Array, ...]) -> float:
        words = [*map(np.uint64, bounds)]
        began = time.perf_counter()
        self._run(*words, *arrays)
        return time.perf_counter() - began

    def _parallel(self, parts: Sequence[Bounds], arrays: tuple[Array, ...], threads: int) -> None:
        self._run_parts(self._call(parts, arrays), arrays, threads)

    def _call(self, parts: Sequence[Bounds], arrays: tuple[Array, ...]) -> _Call:
        layouts = tuple([(x.dtype, x.ndim) for x in arrays])
        function, _ = kernel_code(self._compiled, self._loop.source, self._table, layouts)
        words = np.array(kernel_words(function, parts[0], arrays, self._outcome), np.uint64)
        block = np.empty((len(parts), words.size), np.uint64)
        block[:] = words
        block[:, FIRST_BOUND : FIRST_BOUND + len(parts[0])] = parts
        places = address_places(len(parts[0]), arrays)
        steps = block.strides[0] * np.arange(len(parts), dtype=np.int64)
        return _Call(caller(words.size)[0], block, places, steps)

    def _run_parts(self, call: _Call, arrays: tuple[Array, ...], threads: int) -> None:
        block = call.block.copy()  # another thread of Python may run the same kernel
        block[:, call.places] = [x.__array_interface__["data"][0] for x in arrays]
        addresses = call.steps + block.__array_interface__["data"][0]
        start = addresses.__array_interface__["data"][0]
        POOL.share(threads, call.function, start, len(addresses))
        if self._outcome.has_failed:
            self._outcome.clear()
            raise MemoryError(f"out of memory in the kernel {self._loop.name}")


def _joined(parts: Sequence[Bounds]) -> Bounds:
    """Return the bounds of neighbouring parts together."""
    first, last = parts[0], parts[-1]
    return tuple(
        b if place % 2 else a for place, (a, b) in enumerate(zip(first, last, strict=True))
    )


def _are_plain(arrays: tuple[Array, ...]) -> bool:
    """Return whether arrays have the types for which kernels of programs are compiled."""
    return all(x.flags.carray for x in arrays)
