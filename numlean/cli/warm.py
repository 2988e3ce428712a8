"""Compile the kernels that training in a number format needs, so that later commands start at once.

The kernels are those of the named tasks (or of --task), compiled for this processor, with fast
kernels and with plain ones, and kept in the cache on disk. What is in the cache is not compiled
again. On Linux, several processes compile at once.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from numlean.cli.compiling import helping_processes, kernel_text
from numlean.errors import NumleanError, UnavailableError
from numlean.scalar.registry import get_scalar
from numlean.tasks import get_task, task_names
from numlean.tasks.recipe import DEFAULT_DTYPE
from numlean.training import Options, instantiate
from numlean.training.rehearsal import rehearse
from numlean_kernels.compilation import COMPILATIONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "dtypes",
        nargs="*",
        metavar="DTYPE",
        help=f"number format; `numlean dtypes` lists them (default: {DEFAULT_DTYPE})",
    )
    parser.add_argument(
        "--task",
        action="append",
        metavar="TASK",
        help="task whose kernels are compiled (repeatable; default: all named tasks)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compile, and print a line for each dtype."""
    dtypes = arguments.dtypes or [DEFAULT_DTYPE]
    for dtype in dtypes:
        get_scalar(dtype)  # an unknown one is an error before the first is compiled
    tasks = arguments.task or task_names()
    for task in tasks:
        get_task(task)
    if sys.stderr.isatty():
        COMPILATIONS.observer = _show
    for dtype in dtypes:
        print(_warm(dtype, tasks), flush=True)
    return 0


def _warm(dtype: str, tasks: Sequence[str]) -> str:
    """Compile the kernels of a dtype, and say what was done."""
    if get_scalar(dtype).device != "cpu":
        return f"{dtype}: its kernels are not compiled, because it runs in the interpreter"
    from numlean_kernels.targets.background import can_fork, compile_all
    from numlean_kernels.targets.rehearsal import rehearsing

    began, before = time.perf_counter(), COMPILATIONS.count
    with rehearsing() as rehearsal:
        for task in tasks:
            for options in _ways(dtype):
                with suppress(NumleanError):  # a format may lack what a task needs
                    _rehearse(task, dtype, options)
    jobs = [*rehearsal.jobs.values()]
    rehearsed, count = COMPILATIONS.count - before, len(jobs) + len(rehearsal.compiled)
    compiled = rehearsed + compile_all(jobs, helping_processes() if can_fork() else 0)
    seconds = time.perf_counter() - began
    return f"{dtype}: {count} kernels, {compiled} of them compiled now, in {seconds:.1f} s"


def _ways(dtype: str) -> Iterator[Options]:
    """Yield the options of compiled runs, with fast kernels if the dtype has them."""
    yield Options("compiled")
    with suppress(UnavailableError):
        get_scalar(dtype, fast_kernels=True)
        yield Options("compiled", fast_kernels=True)


def _rehearse(name: str, dtype: str, options: Options) -> None:
    task = get_task(name)
    split = task.load_for(get_scalar(dtype))
    rehearse(
        lambda: instantiate(task.task, dtype, options),
        task.config(),
        split.train,
        split.test,
        with_accuracy=task.is_classification,
    )


def _show(name: str | None) -> None:
    """Show what is compiled now on a terminal."""
    text = "" if name is None else f"numlean: compiling {kernel_text(name)}"
    sys.stderr.write(f"\r\x1b[K{text}")
    sys.stderr.flush()
