"""Atomic writing of a run's files: ``numlean.files.atomic`` with the errors of this package."""

from __future__ import annotations

from numlean.checkpoint.errors import FilePath, error_context
from numlean.files import atomic


def write(path: FilePath, content: bytes) -> None:
    """Write a file, replacing an existing one as a whole or not at all.

    Raises:
        CheckpointError: The file cannot be written.
    """
    with error_context(path):
        atomic.write(path, content)
