"""Devices, pipes and open files, which are written to instead of replaced."""

from __future__ import annotations

import os
import time
from errno import ENXIO
from typing import Final

from numlean.files.locations import Location

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_CLOEXEC
_POLL: Final = 0.01
"""Seconds between looks for a reader."""


def open_stream(location: Location, *, patience: float | None = None) -> int:
    """Open a device, a pipe or an open file for writing at its end, and return its descriptor.

    Args:
        location: What to open.
        patience: Seconds to wait for the reader of a named pipe; None for ever.

    Raises:
        OSError: It cannot be opened, or has no reader.
    """
    if patience is None:
        return os.open(location.path, _FLAGS)
    end = time.monotonic() + patience
    while True:
        try:
            descriptor = os.open(location.path, _FLAGS | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != ENXIO:
                raise
            if time.monotonic() >= end:
                raise OSError(ENXIO, "the pipe has no reader") from None
            time.sleep(_POLL)
        else:
            os.set_blocking(descriptor, True)
            return descriptor
