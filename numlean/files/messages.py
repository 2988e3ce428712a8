"""Errors of files, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from numlean.errors import NumleanError


def reason_of(error: OSError) -> str:
    """Return why a file cannot be written or read, without its name."""
    return error.strerror or str(error)


@contextmanager
def writing(name: str) -> Iterator[None]:
    """Raise the errors of a file that cannot be written with its name.

    Args:
        name: What the file is, and its path, such as "the log run.jsonl".

    Raises:
        NumleanError: An OSError occurred in the context.
    """
    try:
        yield
    except OSError as error:
        raise NumleanError(f"cannot write {name}: {reason_of(error)}") from None
