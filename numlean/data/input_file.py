"""Reading a file that a user or another file names: the whole of it, if it is a regular file.

Every reader of data, texts, weights, checkpoints and certificates takes its bytes from
:func:`read_input`. So none waits for a named pipe, reads a device without end, or takes more memory
than the limit of :mod:`numlean.data.size_limit`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import FileIO
from os import PathLike
from typing import Final

from numlean.data.size_limit import check_size
from numlean.display_text import printable
from numlean.errors import DataError, NumleanError
from numlean.files.messages import reason_of
from numlean.process.waiting import wait_to_read

_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_GIVEN: Final = ("/proc/", "/dev/fd/", "/dev/std")
"""How the real paths of pipes begin that a process was given. macOS has no ``/proc``."""

_PIECE: Final = 1 << 20
_LONGEST_PATH: Final = 300

_KINDS: Final = (
    (stat.S_ISDIR, "this is a folder"),
    (stat.S_ISCHR, "this is a device"),
    (stat.S_ISBLK, "this is a device"),
    (stat.S_ISSOCK, "this is a socket"),
    (stat.S_ISFIFO, "this is a named pipe"),
)


def read_input(
    path: str | PathLike[str], *, pipes: bool = False, error: type[NumleanError] = DataError
) -> bytes:
    """Return the content of a regular file.

    Args:
        path: The file.
        pipes: Whether the path may also name a pipe that this process was given, such as
            ``/dev/stdin`` or a shell's ``<(command)``. Its content is read to its end. Leave it out
            for a path that comes from a file.
        error: The class of errors.

    Raises:
        NumleanError: There is no such file, it is a folder, a device, a socket or a named pipe, it
            exceeds the limit, or it changes while it is read. The message names the file.
    """
    try:
        return _read(os.fspath(path), pipes=pipes)
    except OSError as cause:
        reason = reason_of(cause)
    except ValueError as cause:  # ours, and Python's about a null character in the path
        reason = str(cause)
    raise error(f"{shown_path(path)}: {reason}")


def shown_path(path: str | PathLike[str]) -> str:
    """Return the name of a file for a message of one line."""
    return printable(os.fspath(path), _LONGEST_PATH)


@contextmanager
def naming_file(path: str, *others: str | None) -> Iterator[None]:
    """Put the name of a file, as messages show it, before messages that do not begin with one.

    Args:
        path: The file.
        others: Further files whose names, with a colon or a comma, may begin a message.
    """
    try:
        yield
    except DataError as error:
        named = (path, *filter(None, others))
        if str(error).startswith(tuple(each + mark for each in named for mark in (": ", ", "))):
            raise
        raise DataError(f"{path}: {error}") from None


def is_given_pipe(path: str | PathLike[str]) -> bool:
    """Return whether a path names a pipe that this process was given, and no file of its own."""
    try:
        is_pipe = stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH116 - any path-like
    except (OSError, ValueError):
        return False
    return is_pipe and os.path.realpath(path).startswith(_GIVEN)


def _read(path: str, *, pipes: bool) -> bytes:
    # Opening a device can have effects, and so can waiting for the writer of a named pipe.
    is_pipe = pipes and is_given_pipe(path)
    _check_kind(os.stat(path).st_mode, is_pipe=is_pipe)  # noqa: PTH116 - any path-like
    descriptor = os.open(path, _FLAGS)
    with closing(FileIO(descriptor)) as file:
        status = os.fstat(descriptor)
        _check_kind(status.st_mode, is_pipe=is_pipe)
        if stat.S_ISFIFO(status.st_mode):
            return _content_of_pipe(file)
        check_size("the file", status.st_size)
        return _content_of_file(file, status.st_size)


def _check_kind(mode: int, *, is_pipe: bool) -> None:
    if stat.S_ISREG(mode) or (is_pipe and stat.S_ISFIFO(mode)):
        return
    what = next((words for holds, words in _KINDS if holds(mode)), "this is no file")
    raise DataError(f"{what}; pass a regular file")


def _content_of_pipe(file: FileIO) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        wait_to_read(file.fileno())
        piece: bytes | None = file.read(_PIECE)  # None if another process was faster
        if piece == b"":
            return b"".join(pieces)
        if piece is not None:
            pieces.append(piece)
            size += len(piece)
            check_size("the pipe", size)


def _content_of_file(file: FileIO, size: int) -> bytes:
    pieces, left = [], size
    while left and (piece := file.read(left)):
        pieces.append(piece)
        left -= len(piece)
    if left or file.read(1):
        # The system also states no size, or a wrong one, for files that it makes as they are read.
        raise DataError(
            f"it has {'less' if left else 'more'} than the {size:,} bytes that the system states:"
            " it changes while it is read, or is no ordinary file; pass a copy of it"
        )
    return b"".join(pieces)
