"""Refuse requests that no memory of this machine can hold, before anything is allocated.

An estimate is a lower bound of what a request takes, so that a request that fits is never refused.
"""

from __future__ import annotations

from numlean.display_text import format_size
from numlean.errors import NumleanError
from numlean.process.memory import machine_memory


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
            f"{what} takes at least {format_size(needed)} of memory, and this machine has"
            f" {format_size(machine_memory())}; {fix}"
        )
