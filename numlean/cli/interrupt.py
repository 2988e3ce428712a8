"""Ctrl-C during long work: the first asks it to end, the second ends it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

EXIT_INTERRUPTED: Final = 130
_NOTE: Final = b"\nnumlean: stopping after this step; Ctrl-C again stops at once\n"
_STANDARD_ERROR: Final = 2


@dataclass
class Interrupt:
    """Whether an end was asked for.

    Attributes:
        asked: It was.
    """

    requested: bool = False


@contextmanager
def catch_interrupt() -> Iterator[Interrupt]:
    """While it lasts, the first SIGINT is taken down and only the next raises KeyboardInterrupt."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():  # no signals are handled there
        yield interrupt
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(*_: object) -> None:
        interrupt.requested = True
        signal.signal(signal.SIGINT, before)
        os.write(_STANDARD_ERROR, _NOTE)  # print could be interrupted in the midst of printing

    if before is not signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGINT, ask)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
