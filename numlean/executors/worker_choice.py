"""The choice of workers: a scheduler's, a number of processes on this machine, or none."""

from __future__ import annotations

from numlean.errors import NumleanError
from numlean.executors.processes import MOST_JOBS


def check_workers(scheduler: str | None, workers: int | None) -> None:
    """Check that a choice of workers is one.

    Args:
        scheduler: The address of a scheduler, which has workers.
        workers: The number of processes on this machine; 0 stands for this process alone.

    Raises:
        NumleanError: Both are given, the number is out of range, or the address is empty.
    """
    if scheduler is not None and workers is not None:
        raise NumleanError(
            f"give either the scheduler {scheduler!r:.80}, which has its workers, or"
            f" {workers} workers, not both"
        )
    if workers is not None and not 0 <= workers <= MOST_JOBS:
        raise NumleanError(f"workers must be from 0 to {MOST_JOBS}, got {workers}")
    if scheduler is not None and not scheduler.strip():
        raise NumleanError("the address of the scheduler is empty; it is like tcp://127.0.0.1:8786")
