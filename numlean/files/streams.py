"""Devices, pipes and open files, which are written to instead of replaced.

None of them blocks the program: see ``numlean.process.waiting``.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from errno import ENXIO
from io import FileIO
from select import PIPE_BUF
from typing import Any, Final

from numlean.files.locations import Location
from numlean.process.waiting import MOMENT, check_wait, wait_to_write

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC


def open_stream(location: Location, *, patience: float | None = None) -> int:
    """Open a device, a pipe or an open file for writing at its end, and return its descriptor.

    Args:
        location: What to open.
        patience: Seconds to wait for the reader of a named pipe; None for ever.

    Raises:
        OSError: It cannot be opened, or has no reader.
        WaitEndedError: It has no reader, and the end of the program was requested.
    """
    start = time.monotonic()
    while True:
        try:
            return os.open(location.path, _FLAGS)
        except OSError as error:
            if error.errno != ENXIO or not _may_get_a_reader(location):
                raise
        if patience is not None and time.monotonic() - start >= patience:
            raise OSError(ENXIO, "the pipe has no reader")
        check_wait(start, "the pipe has no reader")
        time.sleep(MOMENT)


def write_some(descriptor: int, content: memoryview) -> int:
    """Write bytes to a file or to a stream of :func:`open_stream`; return how many.

    Raises:
        OSError: They cannot be written.
        WaitEndedError: The reader of the stream does not read, and the end of the program was
            requested.
    """
    while True:
        with suppress(BlockingIOError):
            return os.write(descriptor, content)
        wait_to_write(descriptor)


class SharedOutput(FileIO):
    """An output that the program was given, such as a pipe or a terminal.

    Other processes share it, so it may block them and must not be changed. At most as many bytes
    are written as there is room for.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)

    def write(self, content: Any) -> int:
        """Write a beginning of some bytes; return how many.

        Raises:
            OSError: They cannot be written.
            WaitEndedError: The reader does not read, and the end of the program was requested.
        """
        piece = memoryview(content).cast("B")
        if not stat.S_ISREG(os.fstat(self.fileno()).st_mode):
            piece = piece[:PIPE_BUF]  # more could block
        while True:
            wait_to_write(self.fileno())
            written: int | None = super().write(piece)
            if written is not None:
                return written


def _may_get_a_reader(location: Location) -> bool:
    """Return whether a stream without a reader is a named pipe; no other gets one."""
    is_pipe = location.old is not None and stat.S_ISFIFO(location.old.st_mode)
    return is_pipe and not location.is_descriptor
