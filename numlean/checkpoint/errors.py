"""What can be wrong with a file of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import TypeAlias

from numlean.errors import NumleanError

FilePath: TypeAlias = str | PathLike[str]


class CheckpointError(NumleanError):
    """A file that is no checkpoint, not a whole one, or one of something else."""


@contextmanager
def error_context(path: FilePath, kind: type[NumleanError] = CheckpointError) -> Iterator[None]:
    """Let errors be of a kind and begin with the file's name, those of the system among them."""
    try:
        yield
    except OSError as error:
        raise kind(f"{path}: {error.strerror or error}") from None
    except NumleanError as error:
        raise kind(f"{path}: {error}") from None
