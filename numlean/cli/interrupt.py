"""Ctrl-C and other signals in a run: the first one requests an end, a second Ctrl-C stops at once.

SIGTERM and SIGHUP always are requests, however often they come: the programs that send them, such
as ``timeout``, often send them twice, and follow with SIGKILL if the run does not end.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from numlean.cli import exit_status
from numlean.cli.signals import acting, write_to_standard_error
from numlean.process.waiting import is_waiting_for_input

_NOTE: Final = b"\nnumlean: stopping after this step; to stop at once, press Ctrl-C\n"


@dataclass
class Interrupt:
    """A possible request to end.

    Attributes:
        number: The number of the first signal; None if there was none.
    """

    number: int | None = None

    @property
    def requested(self) -> bool:
        """Whether the end was requested."""
        return self.number is not None

    @property
    def exit_status(self) -> int:
        """The exit status of a command that ends for this reason."""
        return exit_status.SIGNAL + (self.number or 0)


@contextmanager
def catch_interrupt() -> Iterator[Interrupt]:
    """Note the first signal in the context; only a further SIGINT ends the command.

    While the command waits for input, it has no step to finish, and any signal ends it.
    """
    interrupt = Interrupt()

    def request(number: int) -> None:
        if is_waiting_for_input():
            stop(number)
        elif interrupt.number is None:
            interrupt.number = number
            write_to_standard_error(_NOTE)
        elif number == signal.SIGINT:
            stop(number)

    with acting(request) as stop:
        yield interrupt


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let signals wait until the context ends, such as for files that belong together."""
    received: list[int] = []
    try:
        with acting(received.append) as act:
            yield
    finally:
        for number in received:
            act(number)
