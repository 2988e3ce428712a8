"""Compilation of kernels in other processes, which fill the cache on disk.

numba compiles under one lock, so threads do not help. A child process is a copy of this one: it
rehearses the work that this one does, and compiles the kernels that it needs, the last ones first.
This process compiles those that it meets, the first ones first, and loads the others.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeAlias

from numlean_kernels.compilation import COMPILATIONS
from numlean_kernels.targets.rehearsal import Job, rehearsing

Rehearse: TypeAlias = Callable[[], None]

_LOW_PRIORITY: Final = 5


def can_fork() -> bool:
    """Return whether a copy of this process can compile: on Linux, with one thread of Python."""
    return sys.platform == "linux" and threading.active_count() == 1


class BackgroundCompilation:
    """Child processes that compile what some work needs."""

    def __init__(self, rehearse: Rehearse, count: int) -> None:
        """Start child processes.

        Args:
            rehearse: Does the work, on numbers without a meaning.
            count: The number of processes.
        """
        parent = os.getpid()
        self._children = [_fork(rehearse, parent, k, count) for k in range(count)]

    def stop(self) -> None:
        """End the processes; what they have compiled stays in the cache."""
        for child in self._children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(child, 0)
        self._children = []


def compile_all(jobs: Sequence[Job], processes: int) -> int:
    """Compile kernels in this process and in copies of it, and wait for all.

    Args:
        jobs: What compiles each.
        processes: The number of copies.

    Returns:
        The number of kernels that were compiled, and not only loaded.
    """
    parent, before, every = os.getpid(), COMPILATIONS.count, processes + 1
    reader, writer = os.pipe()

    def work(k: int) -> None:
        _run(jobs[k::every], parent)
        os.write(writer, f"{COMPILATIONS.count - before}\n".encode())

    children = [_forked(partial(work, k)) for k in range(1, every)]
    os.close(writer)
    try:
        _run(jobs[::every], parent)
    finally:
        for child in children:
            os.waitpid(child, 0)
        with os.fdopen(reader) as counts:
            compiled = sum(map(int, counts))
    _run(jobs, parent)
    return compiled + COMPILATIONS.count - before


def _fork(rehearse: Rehearse, parent: int, k: int, count: int) -> int:
    def work() -> None:
        with rehearsing() as rehearsal, suppress(Exception):
            rehearse()
        _run([*rehearsal.jobs.values()][::-1][k::count], parent)

    return _forked(work)


def _forked(work: Callable[[], None]) -> int:
    """Run a function in a copy of this process, which writes nothing; return its number."""
    child = os.fork()
    if child:
        return child
    try:
        _make_silent()
        work()
    finally:
        os._exit(0)


def _make_silent() -> None:
    """Let a child ignore Ctrl-C, which its parent handles, and print nothing."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    with suppress(OSError):
        os.nice(_LOW_PRIORITY)


def _run(jobs: Iterable[Job], parent: int) -> None:
    """Compile kernels, as long as the process that needs them exists."""
    for job in jobs:
        if parent not in (os.getpid(), os.getppid()):
            return
        with suppress(Exception):  # the process that runs the kernel reports it
            job()
