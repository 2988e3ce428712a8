"""Errors of files that contain a run or weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from numlean.errors import NumleanError
from numlean.files.locations import FilePath
from numlean.files.messages import reason_of

__all__ = ["CheckpointError", "FilePath", "error_context"]


class CheckpointError(NumleanError):
    """A file that is not a checkpoint, is damaged, or belongs to another run."""


@contextmanager
def error_context(path: FilePath, kind: type[NumleanError] = CheckpointError) -> Iterator[None]:
    """Raise errors as ``kind``, with the file's name in front; this includes system errors."""
    try:
        yield
    except OSError as error:
        raise kind(f"{path}: {reason_of(error)}") from None
    except NumleanError as error:
        raise kind(f"{path}: {error}") from None
