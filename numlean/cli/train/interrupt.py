"""Ctrl-C during training: the first one requests an end, the second one stops at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

_NOTE: Final = b"\nnumlean: stopping after this step; press Ctrl-C again to stop at once\n"
_STANDARD_ERROR: Final = 2


@dataclass
class Interrupt:
    """A possible request to end.

    Attributes:
        requested: Whether the end was requested.
    """

    requested: bool = False


@contextmanager
def catch_interrupt() -> Iterator[Interrupt]:
    """Note the first SIGINT in the context; only the second one raises KeyboardInterrupt."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():  # signals are not handled here
        yield interrupt
        return
    before = signal.getsignal(signal.SIGINT)

    def request(*_: object) -> None:
        interrupt.requested = True
        signal.signal(signal.SIGINT, before)
        with suppress(OSError):  # it may be full or closed
            os.write(_STANDARD_ERROR, _NOTE)  # print itself could be interrupted

    if before is not signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGINT, request)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
