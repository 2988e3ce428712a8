"""The file of a certificate while its run goes on: each writing appends the steps since the last.

The file is an unfinished certificate (see ``numlean.certificate.unfinished``), so that a run of any
length writes a constant number of bytes per step.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from numlean.certificate.recording import Recorder
from numlean.certificate.unfinished import LineWriter
from numlean.checkpoint.errors import FilePath, error_context
from numlean.digest import value_digest
from numlean.files import atomic
from numlean.tasks.recipe import Recipe


class _FileState(NamedTuple):
    """A file, and its size; another one means that somebody else has changed the path."""

    device: int
    inode: int
    size: int

    @classmethod
    def of(cls, found: os.stat_result) -> _FileState:
        return cls(found.st_dev, found.st_ino, found.st_size)


class Journal:
    """Writes the certificate of a run that has not ended."""

    def __init__(
        self, path: FilePath, recorder: Recorder, *, steps_asked: int, recipe: Recipe | None
    ) -> None:
        self._path = Path(path)
        self._recorder = recorder
        self._steps_asked = steps_asked
        self._recipe = recipe
        self._writer = LineWriter()
        self._written: _FileState | None = None

    def write(self) -> None:
        """Add the steps since the last call to the file, and wait until the disk has them.

        The first call replaces the file, and so does one that finds another file than the last call
        has left. A device or a pipe is not written to: it gets the finished certificate.

        Raises:
            CheckpointError: The file cannot be written; then it contains what it did before.
        """
        if self._path.exists() and not self._path.is_file():
            return
        with error_context(self._path):
            if self._written is None or not self._append(self._written):
                self._replace()

    def _replace(self) -> None:
        self._written, self._writer = None, LineWriter()
        certificate = self._recorder.certificate(steps_asked=self._steps_asked, recipe=self._recipe)
        document = certificate.document()
        first = self._writer.first_line(document)
        lines = self._writer.lines(document.steps, document.final["value_digest"])
        atomic.write(self._path, first + lines)
        self._written = _FileState.of(self._path.stat())

    def _append(self, before: _FileState) -> bool:
        """Append the steps if the file is the one before; return whether it is."""
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # it is gone, or has become read-only
            return False
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or _FileState.of(found) != before:
                return False
            self._written = None  # until everything is on the disk
            try:
                _write_through(file, self._lines())
            except BaseException:
                with suppress(OSError):  # an incomplete line is no harm
                    os.ftruncate(file, before.size)
                raise
            self._written = _FileState.of(os.fstat(file))
        finally:
            os.close(file)
        return True

    def _lines(self) -> bytes:
        steps = self._recorder.steps[self._writer.steps :]
        return self._writer.lines(
            steps, value_digest(self._recorder.stepper.runner.named_parameters)
        )


def _write_through(file: int, content: bytes) -> None:
    atomic.write_all(file, content)
    os.fsync(file)
