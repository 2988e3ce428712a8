"""SIGINT, SIGTERM and SIGHUP: how they end a command.

The program always handles them by one function, whose action changes with what the program does:

- while it starts, and while it shuts down, it exits at once (:func:`exit_at_once`): an exception
  could be raised where nobody catches it, such as in an import or a callback;
- while a command runs, :class:`Stopped` is raised, so that the command can tidy up
  (:func:`stop_by_exception`);
- while a run has something to lose, the signal is a request (``numlean.cli.interrupt``).

Any signal also ends waits for pipes and terminals (``numlean.process.waiting``). The exit status is
128 plus the number of the signal, and standard error says so in one line. A signal that the
program's caller ignores stays ignored, as under ``nohup``.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, NoReturn, TypeAlias

from numlean.cli import exit_status
from numlean.process.handlers import raise_signals, replace_handlers, restore_handlers
from numlean.process.waiting import forget_request, request_end, wait_to_write

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, the request of another program to end, and the end of the terminal."""

Action: TypeAlias = Callable[[int], None]
"""Function that is called with the number of a signal."""

LINE: Final = "numlean: interrupted"
"""What standard error says about a command that a signal ended."""

_STANDARD_ERROR: Final = 2


class Stopped(KeyboardInterrupt):
    """A signal that ends the command.

    Attributes:
        number: The number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class _Handling:
    """What follows a signal.

    Attributes:
        action: The function that is called.
        is_command_running: Whether a command can catch ``Stopped``.
        ends_waits: Whether a signal also ends waits for pipes and terminals.
        is_reported: Whether standard error says already that a signal ends the command.
    """

    action: Action
    is_command_running = False
    ends_waits = False
    is_reported = False


def number_of(error: KeyboardInterrupt) -> int:
    """Return the number of the signal that ended a command."""
    return error.number if isinstance(error, Stopped) else signal.SIGINT


def write_to_standard_error(line: bytes) -> None:
    """Write a line without Python's buffers, which a handler could find half changed."""
    with suppress(OSError):  # it may be full or closed
        wait_to_write(_STANDARD_ERROR)
        os.write(_STANDARD_ERROR, line)


def exit_at_once(number: int) -> NoReturn:
    """Write what is buffered and the line, and end the process without any other code."""
    request_end(Stopped(number))
    with suppress(BaseException):  # standard output may be in the middle of writing
        sys.stdout.flush()
    if not _handling.is_reported:
        write_to_standard_error(f"{LINE}\n".encode())
    os._exit(exit_status.SIGNAL + number)


def handle_start_and_end() -> None:
    """Let signals end the process at once, except where a context of this module says otherwise.

    A ``Stopped`` that nobody could catch, because it was raised in a callback or in an import of a
    library in C, ends the process in the same way.
    """
    _handling.action = exit_at_once
    replace_handlers(STOP_SIGNALS, _dispatch, {})
    exception_hook, unraisable_hook = sys.excepthook, sys.unraisablehook

    def report_exception(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if isinstance(error, KeyboardInterrupt):
            exit_at_once(number_of(error))
        exception_hook(kind, error, trace)

    def report_unraisable(unraisable: Any) -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            exit_at_once(number_of(unraisable.exc_value))
        unraisable_hook(unraisable)

    sys.excepthook, sys.unraisablehook = report_exception, report_unraisable


def report_stop(error: KeyboardInterrupt) -> int:
    """Say on standard error that a signal ended the command, and return the exit status.

    A command that runs within another one, in one process, does not end alone.

    Raises:
        KeyboardInterrupt: The same, for the command outside.
    """
    if _handling.is_command_running:
        raise error
    _handling.is_reported = True
    print(LINE, file=sys.stderr)
    return exit_status.SIGNAL + number_of(error)


def ignore_signals() -> None:
    """Ignore signals until the process has shut down, so that its exit status stays."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def stop_by_exception() -> Iterator[None]:
    """Raise ``Stopped`` for a signal in the context.

    Until the context ends, further signals other than SIGINT are ignored: some programs send a
    signal twice. If the exception turns into another one, such as an ImportError, or is lost, the
    context ends with ``Stopped`` again.
    """
    stopped_by: int | None = None

    def stop(number: int) -> None:
        nonlocal stopped_by
        if stopped_by is None or number == signal.SIGINT:
            stopped_by = number
            raise Stopped(number)

    is_nested, _handling.is_command_running = _handling.is_command_running, True
    _handling.is_reported = False
    try:
        with acting(stop):
            yield
    except Exception:
        if stopped_by is None:
            raise
    finally:
        _handling.is_command_running = is_nested
    if stopped_by is not None:
        raise Stopped(stopped_by)


@contextmanager
def ending_waits() -> Iterator[None]:
    """Let a signal also end waits for pipes and terminals, until the outermost context ends."""
    is_nested, _handling.ends_waits = _handling.ends_waits, True
    try:
        yield
    finally:
        _handling.ends_waits = is_nested
        if not is_nested:
            forget_request()


@contextmanager
def acting(action: Action) -> Iterator[Action]:
    """Call a function for each signal in the context; yield the function that was called before."""
    before = _handling.action
    if threading.current_thread() is not threading.main_thread():  # which handles all signals
        yield before
        return
    usual: dict[int, Any] = {}
    received: list[int] = []
    wait = received.append
    try:
        replace_handlers(STOP_SIGNALS, _dispatch, usual)
        _handling.action = action
        yield before
    finally:
        _handling.action = wait  # first, and without a call, before which a signal could raise
        try:
            restore_handlers(usual)
        finally:
            _handling.action = before
            raise_signals(received)


def _dispatch(number: int, _: object) -> None:
    if _handling.ends_waits:
        request_end(Stopped(number))
    _handling.action(number)


def _forget_in_child() -> None:
    """Restore the usual handlers in a process that forks off: it is not the program."""
    forget_request()
    _handling.action = _raise
    _handling.is_command_running = _handling.ends_waits = False
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is _dispatch:
            is_interrupt = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if is_interrupt else signal.SIG_DFL)


def _raise(number: int) -> NoReturn:
    raise Stopped(number)


_handling = _Handling()
_handling.action = _raise
os.register_at_fork(after_in_child=_forget_in_child)
