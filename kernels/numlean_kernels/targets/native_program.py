"""A sequence of kernels on fixed arrays as native code, without Python between them.

A program is a table of functions and addresses, and a loop that calls one after the other. Some
steps have several addresses, of parts that threads compute at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final, TypeAlias, final

import numpy as np
from numba import carray, types
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from numlean_kernels.protocol import (
    Array,
    CopyCall,
    KernelCall,
    ProgramStep,
    Repeat,
    Repeatable,
    StepArrays,
)
from numlean_kernels.targets.fusion.chain_calls import chain_call, chain_entry
from numlean_kernels.targets.fusion.chains import Chain, FusedStep, fuse
from numlean_kernels.targets.fusion.transposed_products import write_transposed
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.kernel_compiler import compiled_kernel
from numlean_kernels.targets.native_calls import WORD_SIZE, Compiled, Outcome, call
from numlean_kernels.targets.native_steps import NativeCall, calls_of, make_pointer
from numlean_kernels.targets.parallel.pool import POOL, pool_jobs, share
from numlean_kernels.threads import THREADS

_MEASUREMENTS: Final = 3
"""The runs that are measured; the shortest time of a step counts."""

_WORTHWHILE: Final = 40e-6
"""The seconds from which a step is faster by several threads, which then wait for work."""


def native_program(
    operations: Sequence[ProgramStep],
    compiled: Compiled,
    bind: Callable[[ProgramStep], Callable[[], None]],
    results: Sequence[Array] | None = None,
) -> Callable[[], None]:
    """Return a function that runs all steps again, in order, on the same arrays.

    Args:
        operations: The steps.
        compiled: Returns numba's dispatcher of a loop.
        bind: Returns a function that runs a step which is not native.
        results: The arrays that are read afterwards; None for all that are written.
    """
    groups = [(together, [*several]) for together, several in groupby(operations, is_native)]
    segments: list[Callable[[], None]] = []
    for together, several in groups:
        if together:
            others = (step for _, each in groups if each is not several for step in each)
            elsewhere = [x for step in others for x in (*step.read, *step.written)]
            kept = None if results is None else [*results, *elsewhere]
            segments.append(NativeProgram.of(several, compiled, kept))
        else:
            segments.extend(map(bind, several))
    if len(segments) == 1:
        return segments[0]

    def run() -> None:
        for segment in segments:
            segment()

    return run


def fused(operations: Sequence[ProgramStep], kept: Sequence[Array] | None) -> list[FusedStep]:
    """Return the steps of a program, in fewer passes over memory; see ``fuse``."""
    return fuse(write_transposed(operations, kept), kept)


def _calls(step: FusedStep, compiled: Compiled, outcome: Outcome) -> Iterator[NativeCall]:
    """Yield the calls that do what a step or a chain does."""
    if isinstance(step, Chain):
        yield chain_call(step, compiled, outcome)
    else:
        yield from calls_of(step, compiled, outcome)


def is_native(operation: ProgramStep) -> bool:
    """Return whether native code can call a step: a kernel, or a copy of numbers of one word.

    Python counts the references to objects, so only Python copies them.
    """
    if isinstance(operation, KernelCall):
        return operation.table.kernels is None
    if not isinstance(operation, CopyCall) or operation.source.dtype.hasobject:
        return False
    return int(operation.source.itemsize) <= WORD_SIZE


@final
class NativeProgram(Repeatable):
    """Consecutive kernels and copies as one call.

    Each takes part of the first runs to be measured; then the longer ones are computed by several
    threads.
    """

    def __init__(self, calls: Sequence[NativeCall], outcomes: Sequence[Outcome]) -> None:
        """Create a program.

        Args:
            calls: What it calls, in order.
            outcomes: Where the calls report that they have failed.
        """
        self._calls, self._outcomes = calls, outcomes
        self._seconds = [float("inf")] * len(calls)
        self._measurements = 0
        self._known: _Tables | None = None

    @classmethod
    def of(
        cls,
        operations: Sequence[ProgramStep],
        compiled: Compiled,
        kept: Sequence[Array] | None = None,
    ) -> NativeProgram:
        """Return the program of some steps, all of which native code can call.

        Args:
            operations: The steps.
            compiled: Returns numba's dispatcher of a loop.
            kept: The arrays that are read elsewhere; None for all.
        """
        outcome = Outcome()
        steps = fused(operations, kept)
        return cls([call for each in steps for call in _calls(each, compiled, outcome)], [outcome])

    def __call__(self) -> None:
        """Run all steps."""
        if self._must_measure():
            self._measure()
        else:
            _run_all(*self._tables(THREADS.count))
        self._check()

    def followed_by(self, others: Sequence[NativeProgram]) -> NativeProgram:
        """Return a program that runs this one and then others."""
        programs = [self, *others]
        calls = [call for each in programs for call in each._calls]
        return NativeProgram(calls, [outcome for each in programs for outcome in each._outcomes])

    def repeater(self, arrays: StepArrays) -> Repeat:
        """Return a function that runs the program many times; see :class:`StepArrays`."""
        rows = _table((_address(x), _address(z), _row_size(x)) for x, z in arrays.rows)
        checked = _table((_address(x), x.size) for x in arrays.finite)
        pairs = _table((_address(x), _address(y), x.nbytes) for x, y in arrays.equal)
        word = _WORDS[arrays.finite[0].itemsize]
        checks = checked, word(arrays.mask), word(arrays.limit), pairs

        def run(program: Tables, order: Array, values: Sequence[Array]) -> int:
            both = zip(values, arrays.values, strict=True)
            series = _table((_address(x), _address(z), z.nbytes) for x, z in both)
            return int(_repeat_all(*program, order, rows, series, *checks))

        def repeat(order: Array, values: Sequence[Array]) -> int:
            made = 0
            while made < len(order) and self._must_measure():
                only = slice(made, made + 1)
                inputs = order[only], [x[only] for x in values]
                run(_NO_STEPS, *inputs)
                self._measure()
                if not run(_NO_STEPS, *inputs):
                    break
                made += 1
            else:
                if made < len(order):
                    tables = self._tables(THREADS.count)
                    made += run(tables, order[made:], [x[made:] for x in values])
            self._check()
            return made

        return repeat

    def _must_measure(self) -> bool:
        return self._measurements < _MEASUREMENTS and THREADS.count > 1

    def _measure(self) -> None:
        """Run all steps in one thread, one by one, and note how long each takes."""
        functions, addresses, starts, _ = self._tables(1)
        first, clock = starts[:2], time.perf_counter
        for k in range(len(self._calls)):
            began = clock()
            _run_all(functions[k : k + 1], addresses[k : k + 1], first, 0)
            self._seconds[k] = min(self._seconds[k], clock() - began)
        self._measurements += 1

    def _tables(self, threads: int) -> Tables:
        """Return the functions, addresses and threads of the program, for some threads."""
        if self._known is None or self._known.threads != threads:
            self._known = _Tables(self._calls, self._seconds, threads)
        return self._known.arguments

    def _check(self) -> None:
        failed = [outcome for outcome in self._outcomes if outcome.has_failed]
        for outcome in failed:
            outcome.clear()
        if failed:
            raise MemoryError("out of memory in a kernel of a compiled program")


Tables: TypeAlias = tuple[Array, Array, Array, int]
"""The functions of the steps, the addresses of the words of all parts, the first part of each step,
and the threads that may share the parts."""

_NO_STEPS: Final[Tables] = (np.empty(0, np.int64), np.empty(0, np.int64), np.zeros(1, np.int64), 0)


@final
class _Tables:
    """What the loop over a program reads, for a number of threads."""

    def __init__(self, calls: Sequence[NativeCall], seconds: Sequence[float], threads: int) -> None:
        parts = [
            call.parts(_part_count(call, duration, threads))
            for call, duration in zip(calls, seconds, strict=True)
        ]
        each = [words for several in parts for words in several]
        self._block = np.array([word for words in each for word in words], np.uint64)
        offsets = np.cumsum([0, *map(len, each)])[:-1]
        self._addresses = self._block.ctypes.data + WORD_SIZE * offsets.astype(np.int64)
        self._functions = np.array([call.function for call in calls], np.int64)
        self._starts = np.cumsum([0, *map(len, parts)]).astype(np.int64)
        self._is_shared = len(each) > len(calls)
        self.threads = threads

    @property
    def arguments(self) -> Tables:
        """The arguments of ``run_all``."""
        pool = POOL.hold(self.threads) if self._is_shared else 0
        return self._functions, self._addresses, self._starts, pool


def _part_count(call: NativeCall, seconds: float, threads: int) -> int:
    """Return the number of parts for a step: one if its time is short or not known."""
    if threads == 1 or not _WORTHWHILE <= seconds < float("inf"):
        return 1
    return threads


_WORDS: Final = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def _table(rows: Iterable[Sequence[int]]) -> Array:
    """Return rows of addresses and sizes as the loop over a program reads them."""
    found = [row for row in rows if row[-1]]
    return np.array(found, np.int64) if found else _NO_ROWS


_NO_ROWS: Final = np.empty((0, 3), np.int64)


def _address(x: Array) -> int:
    """Return the address of an array in C order."""
    return int(x.__array_interface__["data"][0])


def _row_size(x: Array) -> int:
    """Return the size of a row of an array in bytes."""
    return x.nbytes // len(x) if len(x) else 0


def loop_jobs(operations: Sequence[ProgramStep]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what compiles the loops of a program, and their names."""
    yield from pool_jobs()
    if any(isinstance(step, Chain) for step in fused(operations, None)):
        yield "chain", chain_entry
    words = types.Array(types.int64, 1, "C")
    yield "run_all", partial(_run_all.compile, (words, words, words, types.int64))
    sizes = {array.itemsize for step in operations for array in step.written}
    for size in sizes & _WORDS.keys():
        word, table = from_dtype(np.dtype(_WORDS[size])), types.Array(types.int64, 2, "C")
        order = types.Array(types.intp, 2, "C")
        tables = words, words, words, types.int64
        signature = *tables, order, table, table, table, word, word, table
        yield f"repeat_all {size}", partial(_repeat_all.compile, signature)


_byte_pointer = make_pointer(types.uint8)


@intrinsic  # type: ignore[untyped-decorator]
def _pointer_like(typing_context: Any, address: Any, element: Any) -> Any:
    """Return an address as a pointer to elements of the type of a number."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.inttoptr(given[0], context.get_value_type(signature.return_type))

    return types.CPointer(element)(types.int64, element), generate


def _call_all(functions: Any, addresses: Any, starts: Any, pool: Any) -> None:
    for k in range(functions.shape[0]):
        first, count = starts[k], starts[k + 1] - starts[k]
        if count == 1:
            call(functions[k], addresses[first])
        else:
            share(pool, functions[k], addresses.ctypes.data + WORD_SIZE * first, count)


_call_steps: Final = InlinedRoutine(_call_all)
_run_all = compiled_kernel(_call_all, "run_all")


@InlinedRoutine
def _copy_bytes(source: Any, destination: Any, count: Any) -> None:
    x, z = carray(_byte_pointer(source), count), carray(_byte_pointer(destination), count)
    for k in range(count):
        z[k] = x[k]


@InlinedRoutine
def _are_same(one: Any, other: Any, count: Any) -> Any:
    x, y = carray(_byte_pointer(one), count), carray(_byte_pointer(other), count)
    same = True
    for k in range(count):
        same &= x[k] == y[k]
    return same


@InlinedRoutine
def _are_finite(address: Any, count: Any, mask: Any, limit: Any) -> Any:
    x = carray(_pointer_like(address, mask), count)
    greatest = mask & limit
    for k in range(count):
        magnitude = x[k] & mask
        greatest = magnitude if magnitude > greatest else greatest
    return greatest <= limit


def _call_repeatedly(
    functions: Any,
    addresses: Any,
    starts: Any,
    pool: Any,
    order: Any,
    rows: Any,
    series: Any,
    checked: Any,
    mask: Any,
    limit: Any,
    pairs: Any,
) -> Any:
    """Run a program for each row of ``order``; stop after a run that is not good."""
    for run in range(order.shape[0]):
        for n in range(rows.shape[0]):
            source, place, size = rows[n, 0], rows[n, 1], rows[n, 2]
            for k in range(order.shape[1]):
                _copy_bytes(source + order[run, k] * size, place + k * size, size)
        for n in range(series.shape[0]):
            source, place, size = series[n, 0], series[n, 1], series[n, 2]
            _copy_bytes(source + run * size, place, size)
        _call_steps(functions, addresses, starts, pool)
        for n in range(checked.shape[0]):
            if not _are_finite(checked[n, 0], checked[n, 1], mask, limit):
                return run
        for n in range(pairs.shape[0]):
            if not _are_same(pairs[n, 0], pairs[n, 1], pairs[n, 2]):
                return run
    return order.shape[0]


_repeat_all = compiled_kernel(_call_repeatedly, "repeat_all")
