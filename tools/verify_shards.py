"""Compare sharded training on Dask workers with the same training in one process, step by step.

python tools/verify_shards.py [--tasks A,B] [--steps N] [--workers 1,2,3,5] [--kills N]
    [--backends A,B]

Each task is trained with 8 shards in several arithmetics by both engines: without workers, then
with each number of worker processes. With --kills, workers of a cluster of three are killed at
random moments while a run is made, until as many have died; others take their places. Print a line
for each run, and exit with 1 if the digest of any step differs.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numlean as nl
from numlean.distributed.local_workers import kept_workers
from numlean.precision import parse_policy

SHARDS = 8
ARITHMETICS = ("float32", "ieee32exec", "bfloat16@round=stochastic", "policy:bf16-mixed")


class Run(NamedTuple):
    """A run to repeat."""

    task: str
    arithmetic: str
    backend: str

    def digests(self, steps: int, scheduler: str | None) -> list[str]:
        """Make the steps; return the state digest after each."""
        task, text = nl.get_task(self.task), self.arithmetic
        is_policy = text.startswith("policy:")
        arithmetic = parse_policy(text.removeprefix("policy:")) if is_policy else text
        options = nl.Options(backend=self.backend, shards=SHARDS)
        runner = nl.instantiate(task.task, arithmetic, options)
        config = task.config(steps=steps)
        stepper, digests = nl.stepper(runner, config.optimizer), list[str]()

        def note(stepper: nl.Stepper, loss: nl.Tensor) -> None:
            digests.append(nl.state_digest(runner.named_parameters))

        def make() -> None:
            data = task.train_data_for(runner.scalar)
            nl.run_steps(runner, config, data, stepper=stepper, on_step=note)

        if scheduler is None:
            make()
        else:
            with nl.shard_workers(stepper, scheduler=scheduler, warn=warn):
                make()
        return digests


def warn(text: str) -> None:
    """Print a warning of the cluster."""
    print(f"  {text}", file=sys.stderr)


@contextmanager
def cluster(count: int) -> Iterator[Any]:
    """Yield a cluster of worker processes on this machine."""
    from distributed import LocalCluster

    quiet = {"silence_logs": logging.CRITICAL, "dashboard_address": "127.0.0.1:0"}
    with (
        LocalCluster(n_workers=count, threads_per_worker=1, **quiet) as made,
        kept_workers(made, count),
    ):
        yield made


def killed_while(made: Any, work: Any, kills: int, seed: int) -> int:
    """Repeat some work until workers have been killed so often; return how often it was done."""
    from distributed import Client

    killed, choice = list[int](), random.Random(seed)

    def kill() -> None:
        with Client(made) as client:
            while len(killed) < kills:
                time.sleep(choice.uniform(0.2, 1.5))
                found = client.run(os.getpid, on_error="ignore").values()
                if alive := sorted(set(found) - {*killed}):
                    killed.append(choice.choice(alive))
                    os.kill(killed[-1], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    times = 0
    while killer.is_alive():
        work()
        times += 1
    killer.join()
    return times


def main() -> int:
    """Compare, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", default="digits,digits-cnn")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--workers", default="1,2,3,5")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--backends", default="eager,compiled")
    arguments = parser.parse_args()
    runs = [
        Run(task, arithmetic, backend)
        for task in arguments.tasks.split(",")
        for arithmetic in ARITHMETICS
        for backend in arguments.backends.split(",")
    ]
    alone = {run: run.digests(arguments.steps, None) for run in runs}
    different = 0
    for run in runs:
        different += alone[run] != alone[run._replace(backend=runs[0].backend)]

    def compare(run: Run, scheduler: str) -> None:
        nonlocal different
        different += run.digests(arguments.steps, scheduler) != alone[run]

    for count in map(int, filter(None, arguments.workers.split(","))):
        with cluster(count) as made:
            for run in runs:
                compare(run, made.scheduler_address)
        print(f"{count} worker(s): {len(runs)} runs, {different} different so far", flush=True)
    for number, run in enumerate(runs if arguments.kills else ()):
        with cluster(3) as made:
            address = made.scheduler_address
            times = killed_while(made, lambda: compare(run, address), arguments.kills, number)  # noqa: B023
        print(f"{' '.join(run)}: {arguments.kills} workers killed in {times} run(s)", flush=True)
    print(f"{different} different")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
