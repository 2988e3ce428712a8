"""Atomic writing: a file is complete, or it is the old one."""

from __future__ import annotations

import os
from contextlib import suppress
from errno import EDQUOT, EFBIG, EINVAL, EIO, ENOSPC, ENOSYS, EOPNOTSUPP
from pathlib import Path
from typing import Final

from numlean.files.locations import FilePath, check_replaceable, locate
from numlean.files.partials import create_partial, remove_partial, remove_stale_partials
from numlean.files.streams import open_stream, write_some

FULL_DISK: Final = frozenset((ENOSPC, EDQUOT, EFBIG, EIO))
"""Numbers of errors of a disk rather than of a path: a later attempt may succeed."""

_CANNOT_SYNC: Final = frozenset((EINVAL, ENOSYS, EOPNOTSUPP))
"""Numbers of errors of file systems that do not flush folders."""

_PATIENCE: Final = 1.0
"""Seconds to wait for the reader of a pipe: a run must not stop because it is gone."""


def write(path: FilePath, content: bytes) -> None:
    """Write a file, replacing an existing one.

    Raises:
        OSError: The file cannot be written; the old one is as it was, or complete and new.
    """
    new = Replacement(path)
    try:
        new.write(content)
    except BaseException:
        new.discard()
        raise
    new.commit()


def check(path: FilePath) -> None:
    """Check, before long work, that a file can be written, and remove what killed runs left.

    A full disk is no error here: it may have room when the work is done.

    Raises:
        OSError: The path is a folder, is write-protected, or its folder cannot be written to.
    """
    location = locate(path)
    check_replaceable(location)
    if location.is_stream:
        return
    remove_stale_partials(path)
    try:
        partial, descriptor = create_partial(location)
    except OSError as error:
        if error.errno in FULL_DISK:
            return
        raise
    with suppress(OSError):  # nothing was written to it
        os.close(descriptor)
    remove_partial(partial)


class Replacement:
    """The new content of a file, written piece by piece.

    Whatever happens, even if the machine stops, the file is either the old one or the new one,
    complete: the pieces are written to a temporary file in the same folder, which is flushed to the
    disk and then renamed. A device or a pipe is not replaced but written to.

    Args:
        path: The file; a symbolic link remains one.

    Raises:
        OSError: The file cannot be replaced, or a temporary file cannot be created.
    """

    def __init__(self, path: FilePath) -> None:
        location = locate(path)
        check_replaceable(location)
        self._target = location.path
        self._partial: Path | None = None
        if location.is_stream:
            self._descriptor: int | None = open_stream(location, patience=_PATIENCE)
        else:
            self._partial, self._descriptor = create_partial(location)

    def write(self, piece: bytes) -> None:
        """Write a piece.

        Raises:
            OSError: The piece cannot be written. Discard the replacement.
        """
        if self._descriptor is None:
            raise ValueError("the replacement was committed or discarded")
        write_all(self._descriptor, piece)

    def commit(self) -> None:
        """Let the new content replace the old one; after an error there is no temporary file.

        Raises:
            OSError: The disk cannot keep the new content, or the file cannot be replaced.
        """
        try:
            if self._partial is not None and self._descriptor is not None:
                os.fsync(self._descriptor)
            self._close()
            if self._partial is not None:
                self._partial.replace(self._target)
                self._partial = None
                _sync_folder(self._target.parent)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Keep the old content, if the new one has not replaced it."""
        with suppress(OSError):  # the new content is not wanted
            self._close()
        if self._partial is not None:
            remove_partial(self._partial)
            self._partial = None

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all bytes.

    Raises:
        OSError: Some bytes cannot be written.
    """
    done = 0
    while done < len(content):
        done += write_some(descriptor, memoryview(content)[done:])


def _sync_folder(path: Path) -> None:
    """Flush a folder to the disk, if the user may read it and its file system can do so."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(folder)
