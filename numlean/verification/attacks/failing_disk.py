"""A disk on which one file cannot be written, made by replacing functions of ``os``."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

PLACES: Final = ("open", "write", "sync", "close", "rename", "folder")
"""The functions that may fail: of the file, and the last one of its folder."""


@dataclass
class FailingDisk:
    """The disk of one file, which is alone in its folder.

    Attributes:
        file: The file.
        place: Where it fails, one of ``PLACES``.
        size: The size that the file may have.
        number: The number of the error, such as ``errno.ENOSPC``.
        times: How often it fails; None for always.
        event: What happens when the file has its size, instead of a failure.
        failures: How often it has failed.
    """

    file: Path
    place: str
    size: int = 0
    number: int = errno.ENOSPC
    times: int | None = None
    event: Callable[[], None] | None = None
    failures: int = 0

    def __post_init__(self) -> None:
        self._open: dict[int, bool] = {}  # whether a descriptor is the folder's
        self._real = {
            name: getattr(os, name) for name in ("open", "write", "fsync", "close", "replace")
        }

    @contextmanager
    def inserted(self) -> Iterator[None]:
        """Let the disk fail in the context."""
        with patch.multiple(
            os,
            open=self._do_open,
            write=self._do_write,
            fsync=self._do_sync,
            close=self._do_close,
            replace=self._do_replace,
        ):
            yield

    def _fail(self, place: str) -> None:
        if place == self.place and (self.times is None or self.failures < self.times):
            self.failures += 1
            raise OSError(self.number, os.strerror(self.number))

    def _be_full(self) -> None:
        if self.event is None:
            self._fail("write")
        elif not self.failures:
            self.failures += 1
            self.event()

    def _do_open(self, path: Any, flags: int, *others: Any, **options: Any) -> int:
        given = Path(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else Path()
        is_file = given.parent == self.file.parent and self.file.name in given.name
        if is_file and flags & (os.O_WRONLY | os.O_RDWR):
            self._fail("open")
        descriptor: int = self._real["open"](path, flags, *others, **options)
        if is_file or given == self.file.parent:
            self._open[descriptor] = not is_file
        return descriptor

    def _do_write(self, descriptor: int, content: Any) -> int:
        if self._open.get(descriptor) is False and self.place == "write":
            room = max(self.size - os.fstat(descriptor).st_size, 0)
            if not room:
                self._be_full()
            content = content[: room or None]
        written: int = self._real["write"](descriptor, content)
        return written

    def _do_sync(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._fail("folder" if self._open[descriptor] else "sync")
        self._real["fsync"](descriptor)

    def _do_close(self, descriptor: int) -> None:
        is_folder = self._open.pop(descriptor, None)
        self._real["close"](descriptor)
        if is_folder is False:
            self._fail("close")

    def _do_replace(self, source: Any, target: Any, **options: Any) -> None:
        if Path(target) == self.file:
            self._fail("rename")
        self._real["replace"](source, target, **options)
