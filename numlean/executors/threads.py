"""The number of threads that compute operations on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from numlean.errors import NumleanError
from numlean_kernels.threads import THREADS, check_threads, threads_of_environment


def set_num_threads(count: int) -> None:
    """Let operations on the CPU use a number of threads. No bit of a result depends on it.

    Args:
        count: From 1 to 1024. Small operations take one thread in any case.

    Raises:
        NumleanError: It is out of range.
    """
    THREADS.count = _checked("set_num_threads(count)", count)


def get_num_threads() -> int:
    """Return how many threads operations on the CPU use at most.

    By default it is the number in the environment variable ``NUMLEAN_NUM_THREADS``, or else the
    number of processors that this process may use.

    Raises:
        NumleanError: The environment variable is no number of threads.
    """
    check_environment()
    return THREADS.count


@contextmanager
def chosen_threads(count: int | None) -> Iterator[None]:
    """Use the number of threads of the option ``--threads`` while the context lasts.

    Args:
        count: The number; None if the option was not given.

    Raises:
        NumleanError: It is out of range, or that of the environment is.
    """
    check_environment()
    with THREADS.given(None if count is None else _checked("--threads", count)):
        yield


def check_environment() -> None:
    """Check the environment variable ``NUMLEAN_NUM_THREADS``.

    Raises:
        NumleanError: It is no number of threads.
    """
    try:
        threads_of_environment()
    except ValueError as error:
        raise NumleanError(f"{error}; set a number, or nothing for all processors") from None


def _checked(name: str, count: int) -> int:
    try:
        return check_threads(name, count)
    except ValueError as error:
        raise NumleanError(str(error)) from None
