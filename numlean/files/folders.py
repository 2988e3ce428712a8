"""Folders for output files, which leave nothing behind if the command fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def made_folder(path: Path) -> Iterator[None]:
    """Make a folder and those above it; after an error, remove those made that are still empty.

    Raises:
        OSError: It cannot be made.
    """
    new = [each for each in (path, *path.parents) if not os.path.lexists(each)]
    try:
        _make(path)
        yield
    except BaseException:
        for each in new:
            with suppress(OSError, ValueError):  # it is not empty, or was not made
                each.rmdir()
        raise


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except ValueError as error:  # a null character
        raise OSError(errno.EINVAL, str(error)) from None
