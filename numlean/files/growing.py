"""Files that grow while a command runs, by whole pieces."""

from __future__ import annotations

import os
from contextlib import suppress
from errno import ENOENT
from typing import Final

from numlean.display_text import format_size
from numlean.files import atomic
from numlean.files.locations import FilePath, check_replaceable, locate
from numlean.files.streams import open_stream, write_some

MOST_PENDING: Final = 2**20
"""Bytes kept in memory while they cannot be written."""

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class GrowingFile:
    """A file that always contains a beginning of the pieces written, each of them whole.

    A piece that cannot be written, for instance because the disk is full, is kept in memory and
    written before the next one. If more than ``MOST_PENDING`` bytes wait, later pieces are left out
    for good. A piece of which the disk takes only a part is taken back. This is impossible for a
    device or a pipe: there, only the rest is kept.

    Args:
        path: The file; a symbolic link remains one.
        keep: The bytes of an existing file to keep; what follows is cut off. With None, the first
            piece replaces an existing file atomically.
    """

    def __init__(self, path: FilePath, *, keep: int | None = None) -> None:
        self._path = path
        self._keep = keep
        self._descriptor: int | None = None
        self._is_regular = False
        self._size = 0
        self._pending = b""
        self._has_left_out = False

    def write(self, piece: bytes) -> None:
        """Write a piece, after those that are kept.

        Raises:
            OSError: The piece cannot be written now, or was left out for good.
        """
        if len(self._pending) + len(piece) > MOST_PENDING and self._pending:
            self._has_left_out = True
        if not self._has_left_out:
            self._pending += piece
        self._write_pending()

    def close(self) -> None:
        """Write what is kept, flush the file to the disk, and close it.

        Raises:
            OSError: Something cannot be written; the file is closed nevertheless.
        """
        try:
            if self._pending or self._descriptor is not None:
                self._write_pending()
            if self._descriptor is not None and self._is_regular:
                os.fsync(self._descriptor)
        finally:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    def _write_pending(self) -> None:
        descriptor = self._open() if self._descriptor is None else self._descriptor
        if self._is_regular and not os.fstat(descriptor).st_nlink:
            raise OSError(ENOENT, "the file has been removed")
        done = 0
        try:
            while done < len(self._pending):
                done += write_some(descriptor, memoryview(self._pending)[done:])
        except BaseException:
            if self._is_cut_back(descriptor):
                done = 0
            raise
        finally:
            self._size += done
            self._pending = self._pending[done:]
        if self._has_left_out:
            raise OSError(f"more than {format_size(MOST_PENDING)} waited; the rest is left out")

    def _open(self) -> int:
        location = locate(self._path)
        check_replaceable(location)
        self._is_regular = not location.is_stream
        if location.is_stream:
            self._descriptor = open_stream(location)
            return self._descriptor
        if self._keep is None or location.old is None:
            atomic.write(location.path, self._pending)
            self._keep, self._pending = len(self._pending), b""
        descriptor = os.open(location.path, _FLAGS)
        try:
            if os.fstat(descriptor).st_size > self._keep:
                os.ftruncate(descriptor, self._keep)
            self._size = os.fstat(descriptor).st_size
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return descriptor

    def _is_cut_back(self, descriptor: int) -> bool:
        """Remove what was written of unfinished pieces; return whether that is possible."""
        if self._is_regular:
            with suppress(OSError):
                os.ftruncate(descriptor, self._size)
                return True
        return False
