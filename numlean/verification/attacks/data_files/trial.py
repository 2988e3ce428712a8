"""One hostile file: the program must refuse it in one line or read it, within time and memory."""

from __future__ import annotations

import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final

from numlean.data.size_limit import max_size
from numlean.errors import NumleanError
from numlean.verification.attacks.attack import Program
from numlean.verification.in_process import react

LIMIT: Final = 10_000_000
"""The limit for files and arrays during the attack, in bytes."""

_MOST_MEMORY: Final = 20 * LIMIT
_MOST_SECONDS: Final = 60.0
"""Of the processor. Every file of the attack takes less than one on a slow machine."""

_LONGEST_LINE: Final = 1000
_STATUSES: Final = (0, 1, 2, 3)


def failure_of_reading(read: Callable[[], object], path: Path) -> str | None:
    """Return what is wrong with how a function treats a file; None if nothing is."""

    def judge() -> str | None:
        try:
            with max_size(LIMIT):
                read()
        except NumleanError as error:
            return _wrong_message(str(error), path)
        return None

    return _measured(judge)


def failure_of_command(program: Program, argv: tuple[str, ...]) -> str | None:
    """Return what is wrong with how a command line treats its files; None if nothing is."""

    def judge() -> str | None:
        use = react(program.main, (*argv, "--max-size", str(LIMIT)))
        lines = [line for line in use.errors.splitlines() if "numlean: " in line]
        if use.exception:
            return use.exception
        if use.status not in _STATUSES:
            return f"exit status {use.status}"
        if "Traceback" in use.errors:
            return "a traceback"
        if use.status != 2:
            return None
        refusals = [line for line in lines if line.startswith("numlean: error: ")]
        if len(refusals) != 1 or not use.errors.rstrip().endswith(refusals[0]):
            return f"not one line of error at the end: {use.errors[-200:]!r}"
        return _wrong_message(refusals[0], None)

    return _measured(judge)


def _measured(judge: Callable[[], str | None]) -> str | None:
    tracemalloc.start()
    start = time.process_time()
    try:
        with warnings.catch_warnings(action="error"):
            failure = judge()
    except Exception as error:
        failure = f"{type(error).__name__}: {str(error)[:200]!r}"
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if failure is None and peak > _MOST_MEMORY:
        return f"{peak:,} bytes of memory"
    if failure is None and seconds > _MOST_SECONDS:
        return f"{seconds:.0f} seconds"
    return failure


def _wrong_message(message: str, path: Path | None) -> str | None:
    if not message.isprintable():
        return f"a message that is not one printable line: {message[:200]!r}"
    if len(message) > _LONGEST_LINE:
        return f"a message of {len(message):,} characters: {message[:80]!r}"
    if path is not None and path.name not in message:
        return f"a message that does not name the file: {message[:200]!r}"
    return None
