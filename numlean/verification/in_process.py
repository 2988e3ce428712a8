"""Run a command line of the program in this process, and see how it ends."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO, TypeAlias

from numlean.errors import NumleanError

Main: TypeAlias = Callable[[Sequence[str]], int]
"""Runs a command line, without the program's name, and returns the exit status."""

_LONGEST: Final = 200
"""The most characters of an exception's text."""

_INTERRUPTED: Final = (129, 130, 143)
"""The exit statuses of a command that a signal ended."""


@dataclass(frozen=True)
class Reaction:
    """How a command line ended.

    Attributes:
        status: The exit status; None after an exception.
        output: The text on standard output; "" if it went to a file.
        errors: The text on standard error.
        exception: The exception that the program did not catch, in one line; "" without one.
    """

    status: int | None
    output: str
    errors: str
    exception: str = ""


def react(main: Main, line: Sequence[str], output: Path | None = None) -> Reaction:
    """Run a command line to its end.

    Args:
        main: The program.
        line: The command line.
        output: A file for standard output; None keeps it in memory.

    Raises:
        KeyboardInterrupt: This process got a signal, which the command may have taken for its own.
    """
    printed, errors, status, exception = io.StringIO(), io.StringIO(), None, ""
    with ExitStack() as stack:
        into: TextIO = printed
        if output is not None:
            into = output.open("w", encoding="utf-8")
            stack.callback(_close, into)
        stack.enter_context(redirect_stdout(into))
        stack.enter_context(redirect_stderr(errors))
        try:
            status = main(line)
        except SystemExit as stop:
            status = status_of(stop)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever it is, the program should have caught it
            exception = _in_one_line(error)
    if status in _INTERRUPTED:
        raise KeyboardInterrupt
    return Reaction(status, printed.getvalue(), errors.getvalue(), exception)


def succeed(main: Main, line: Sequence[str]) -> Reaction:
    """Run a command line that has to succeed.

    Raises:
        NumleanError: It does not, so that whatever relies on it would show nothing.
        KeyboardInterrupt: As for ``react``.
    """
    found = react(main, line)
    if found.status != 0:
        raise NumleanError(f"numlean {' '.join(line)}: {found.exception or found.errors.strip()}")
    return found


def status_of(stop: SystemExit) -> int:
    """Return the exit status of a process that an exception ends."""
    return stop.code if isinstance(stop.code, int) else int(stop.code is not None)


def _in_one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:_LONGEST]


def _close(file: TextIO) -> None:
    try:
        file.close()
    except OSError:
        return  # a full device: the program has reported it
