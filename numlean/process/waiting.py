"""Waits for the other side of a pipe or a device, which a request to end the program ends, too.

The other side may never come, and a signal does not end a system call: Python calls the handler and
goes on with the call. Therefore no stream is read or written while that would block. Instead the
program waits here, a moment at a time, and looks for the request in between.

The program's signal handlers make the request. Elsewhere, as in a library, a handler that raises an
exception ends a wait by itself.
"""

from __future__ import annotations

import select
import time
from errno import ETIMEDOUT
from typing import Final

PATIENCE: Final = 1.0
"""Seconds that the other side of a stream has after a request: it may only be slow."""

MOMENT: Final = 0.02
"""Seconds between two looks for a request."""


class WaitEndedError(OSError):
    """A stream could not be written before the program had to end.

    Attributes:
        request: The request to end it.
    """

    def __init__(self, reason: str, request: KeyboardInterrupt) -> None:
        # Not EINTR, after which Python's buffers try again.
        super().__init__(ETIMEDOUT, f"{reason}, and the command was asked to end")
        self.request = request


class _Request:
    """The request to end the program.

    Attributes:
        error: What ends a wait for input; None without a request.
        time: When the request was made.
        is_reading: Whether the program waits for input.
    """

    error: KeyboardInterrupt | None = None
    time = 0.0
    is_reading = False


_request: Final = _Request()


def request_end(error: KeyboardInterrupt) -> None:
    """End waits: those for input at once and by an error, the others after ``PATIENCE``."""
    if _request.error is None:
        _request.error, _request.time = error, time.monotonic()


def forget_request() -> None:
    """Let waits last as long as they do without a request."""
    _request.error = None


def is_waiting_for_input() -> bool:
    """Return whether the program waits for input, so that there is no step to finish."""
    return _request.is_reading


def wait_to_read(descriptor: int) -> None:
    """Wait until a stream can be read, or has ended.

    Raises:
        KeyboardInterrupt: The error of the request to end the program.
    """
    _request.is_reading = True
    try:
        while not _is_ready(descriptor, select.POLLIN):
            if _request.error is not None:
                raise _request.error
    finally:
        _request.is_reading = False


def wait_to_write(descriptor: int) -> None:
    """Wait until a stream can be written, or its reader is gone.

    Raises:
        WaitEndedError: The end of the program was requested.
    """
    start = time.monotonic()
    while not _is_ready(descriptor, select.POLLOUT):
        check_wait(start, "its reader does not read")


def check_wait(start: float, reason: str) -> None:
    """Check that a wait for the reader of a stream may last.

    Args:
        start: The monotonic time at which it began.
        reason: Why the program waits.

    Raises:
        WaitEndedError: The end of the program was requested.
    """
    if _request.error is None:
        return
    if time.monotonic() - max(start, _request.time) >= PATIENCE:
        raise WaitEndedError(reason, _request.error)


def is_ended_wait(error: BaseException) -> bool:
    """Return whether an error, or the one that it replaces, is the end of a wait."""
    return isinstance(error, WaitEndedError) or isinstance(error.__context__, WaitEndedError)


def _is_ready(descriptor: int, event: int) -> bool:
    """Return whether a stream is ready, or fails, within a moment."""
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(MOMENT * 1000))
