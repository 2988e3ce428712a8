"""Options that cut batches into shards, and let workers compute them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from numlean.cli.options import warn
from numlean.errors import NumleanError
from numlean.executors.worker_choice import check_workers
from numlean.training import Stepper
from numlean.training.options import STATISTICS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("data-parallel training")
    group.add_argument(
        "--shards",
        type=int,
        metavar="V",
        help="cut each batch into V parts, whose gradients are added in a fixed order (default: 1);"
        " V affects the bits, workers do not",
    )
    group.add_argument(
        "--batch-statistics",
        choices=STATISTICS,
        help="over what batch norm takes its statistics (default: shard)",
    )
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="compute shards in N processes on this machine (default: 0, in this process)",
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="compute shards on the workers of a Dask scheduler, such as tcp://127.0.0.1:8786",
    )


def check(arguments: argparse.Namespace, shards: int) -> None:
    """Check that options for workers come with shards.

    Raises:
        NumleanError: They do not, or contradict each other.
    """
    workers, scheduler = arguments.workers, arguments.scheduler
    option = f"--workers {workers}" if scheduler is None else f"--scheduler {scheduler}"
    check_workers(scheduler, workers)
    if shards == 1 and (workers or scheduler is not None):
        raise NumleanError(f"{option} needs --shards V: workers compute the parts of a batch")
    if shards == 1 and arguments.batch_statistics is not None:
        raise NumleanError(f"--batch-statistics {arguments.batch_statistics} needs --shards V")


@contextmanager
def workers(arguments: argparse.Namespace, stepper: Stepper) -> Iterator[None]:
    """Let workers compute the shards while the context lasts, if options ask for them."""
    if arguments.scheduler is None and not arguments.workers:
        yield
        return
    from numlean.distributed.shard_workers import shard_workers  # imports much

    with shard_workers(
        stepper, scheduler=arguments.scheduler, workers=arguments.workers, warn=warn
    ) as cluster:
        assert cluster is not None
        count, dashboard = len(cluster.workers), cluster.dashboard
        print(f"numlean: {count} worker(s), dashboard {dashboard}", file=sys.stderr)
        yield
