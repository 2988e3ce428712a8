"""Options that say where independent pieces of work are computed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from numlean.cli.options.training import warn
from numlean.errors import NumleanError
from numlean.executors.executor import HERE, Executor
from numlean.executors.processes import MOST_JOBS, processes
from numlean_kernels.threads import available_processors


def add_executor_options(parser: argparse.ArgumentParser, *, jobs: int | None = None) -> None:
    """Add the options; ``jobs`` is the default number of processes, None for one per processor."""
    default = "one per processor" if jobs is None else jobs
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="J",
        default=jobs,
        help=f"number of processes (default: {default})",
    )
    add_scheduler_option(parser, "compute")


def add_scheduler_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option that names a cluster; ``what`` says what is done on it."""
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help=f"{what} on the workers of a Dask scheduler, such as tcp://127.0.0.1:8786",
    )


def check_jobs(arguments: argparse.Namespace) -> int:
    """Return the number of processes.

    Raises:
        NumleanError: It is out of range.
    """
    jobs = available_processors() if arguments.jobs is None else int(arguments.jobs)
    if not 1 <= jobs <= MOST_JOBS:
        raise NumleanError(f"--jobs must be between 1 and {MOST_JOBS:g}, got {jobs:g}")
    return jobs


@contextmanager
def chosen_executor(arguments: argparse.Namespace) -> Iterator[Executor]:
    """Yield the executor that the options choose.

    Raises:
        NumleanError: The scheduler does not answer, has no workers, or one of another version.
    """
    jobs = check_jobs(arguments)
    with executor_at(arguments.scheduler, processes(jobs)) as executor:
        yield executor


@contextmanager
def executor_at(scheduler: str | None, otherwise: Executor = HERE) -> Iterator[Executor]:
    """Yield the executor of a scheduler, or another one if there is none.

    Raises:
        NumleanError: The scheduler does not answer, has no workers, or one of another version.
    """
    if scheduler is None:
        yield otherwise
        return
    from numlean.distributed.cluster import connect  # few runs need it

    with connect(scheduler, 0) as cluster:
        yield cluster.executor(warn)
