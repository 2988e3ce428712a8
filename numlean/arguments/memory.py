"""Refuse requests that no memory of this machine can hold, before anything is allocated.

An estimate is a lower bound of what a request takes, so that a request that fits is never refused.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from numlean.errors import NumleanError

_CONTROL_GROUPS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_UNITS: Final = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def check_memory(needed: int, what: str, fix: str) -> None:
    """Check that a number of bytes is within the memory of this machine.

    Args:
        needed: A lower bound of the bytes that are taken at one time.
        what: What takes them, for the message.
        fix: What to do, for the message.

    Raises:
        NumleanError: The machine, or the limit of the process, has less memory.
    """
    if needed > machine_memory():
        raise NumleanError(
            f"{what} takes at least {format_bytes(needed)} of memory, and this machine has"
            f" {format_bytes(machine_memory())}; {fix}"
        )


@cache
def machine_memory() -> int:
    """Return the bytes of memory that this process can have: the machine's, or less by a limit."""
    known = [_limit_of_process()]
    with suppress(ValueError, OSError, AttributeError):  # not on every system
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _CONTROL_GROUPS:
        with suppress(ValueError, OSError):
            known.append(int(path.read_text()))
    return min(size for size in known if size > 0)


def _limit_of_process() -> int:
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on every system

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            return int(soft)
    return 1 << 62


def format_bytes(count: int) -> str:
    """Return a number of bytes as text, such as ``1.5 GiB``."""
    if count < 1024:
        return f"{count} bytes"
    power = min((count.bit_length() - 1) // 10, len(_UNITS))
    size = count / (1 << 10 * power) if count.bit_length() < 1000 else float("inf")
    return (
        f"{size:,.3g} {_UNITS[power - 1]}" if size < 1e6 else f"2**{count.bit_length() - 1} bytes"
    )
