"""Rehearsals: work whose kernels are named and not run, so that they can be compiled beforehand.

No Python of a training depends on a number, so work on zeros asks for the kernels that it would
need. A rehearsal leaves wrong numbers in tables and caches of the process: end the process after
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numba
import numpy as np

from numlean_kernels.protocol import Array, CopyCall, Launch, Loop, ProgramStep, Table
from numlean_kernels.targets.cpu import CPU
from numlean_kernels.targets.native_calls import signature_of
from numlean_kernels.targets.native_program import is_native, loop_jobs
from numlean_kernels.targets.native_steps import copy_job

Job: TypeAlias = Callable[[], object]
"""Compiles a kernel for arrays of some types, or loads it if it has been compiled."""


@dataclass
class Rehearsal:
    """The kernels that some work asks for.

    Attributes:
        jobs: What compiles each, by what identifies it, in the order in which they are needed.
        compiled: Those of tables with kernels of their own, which the rehearsal compiles itself.
    """

    jobs: dict[object, Job] = field(default_factory=dict)
    compiled: set[tuple[Loop, Table]] = field(default_factory=set)

    def kernel(self, loop: Loop, table: Table) -> Launch:
        """Return a launch that notes the kernel and its arrays."""
        if table.kernels is not None:
            self.compiled.add((loop, table))
            return _of_numbers(table.kernels(loop))
        run = CPU.compiled(loop, table)

        def launch(domain: tuple[int, ...], *arrays: Array) -> None:
            signature = signature_of(run, len(domain), [numba.typeof(array) for array in arrays])
            self.jobs.setdefault((run, signature), lambda: run.compile(signature))

        return launch

    def compile(
        self, operations: Sequence[ProgramStep], *, results: Sequence[Array] | None = None
    ) -> Callable[[], None]:
        """Return a program that does nothing, and note the code that the steps would need."""
        native = [step for step in operations if is_native(step)]
        for step in native:
            if isinstance(step, CopyCall) and step.source.size:
                size = step.source.itemsize
                self.jobs.setdefault(("copy", size), copy_job(size))
        for name, job in loop_jobs(native):
            self.jobs.setdefault(name, job)
        return _do_nothing


@contextmanager
def rehearsing() -> Iterator[Rehearsal]:
    """Note the kernels of the CPU that are asked for in the context, instead of running them."""
    rehearsal = Rehearsal()
    own: dict[str, Any] = vars(CPU)
    before = dict(own)
    own.update(kernel=rehearsal.kernel, compile=rehearsal.compile, empty=np.zeros, _kernels={})
    own.update(direct=_no_call, direct_sum=_no_call)  # which compile at once
    try:
        yield rehearsal
    finally:
        own.clear()
        own.update(before)


def _of_numbers(launch: Launch) -> Launch:
    """Return a launch of a table's own kernels, which compiles them, but of no Python objects."""

    def run(domain: tuple[int, ...], *arrays: Array) -> None:
        if not any(array.dtype.hasobject for array in arrays):
            launch(domain, *arrays)

    return run


def _no_call(*_: object) -> None:
    """Return None: kernels are called by launches, which note them."""


def _do_nothing() -> None:
    """Run nothing."""
