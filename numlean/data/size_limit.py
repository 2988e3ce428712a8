"""The limit for files that are read, and for arrays that are made of them.

A small file can ask for any amount of memory: compressed zeros, a header that states a huge shape,
a column with a class for each row. Readers call :func:`check_size` before they take the memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from numlean.display_text import format_size
from numlean.errors import DataError, NumleanError

DEFAULT_MAX_SIZE: Final = 10**9
"""The limit, in bytes, that holds unless a user sets another one."""

FLOAT_SIZE: Final = 8
"""The bytes of a binary64 number, in which data are kept."""

_UNITS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
"""The powers of 1000 or, with an i as in GiB, of 1024."""
_SIZE: Final = re.compile(r"(\d{1,18})\s*([kmgt]?)(i?)b?", re.ASCII | re.IGNORECASE)

_max_size: ContextVar[int] = ContextVar("max_size", default=DEFAULT_MAX_SIZE)


@contextmanager
def max_size(size: int | str | None) -> Iterator[None]:
    """Set the limit for files and for arrays made of them, for the code of a ``with`` statement.

    Args:
        size: Bytes, or a text such as "8GB"; None changes nothing.

    Raises:
        NumleanError: The size is not positive, or is no size.
    """
    if size is None:
        yield
        return
    bytes_ = parse_size(size) if isinstance(size, str) else size
    if bytes_ < 1:
        raise NumleanError(f"the size must be at least 1 byte, got {bytes_}")
    token = _max_size.set(bytes_)
    try:
        yield
    finally:
        _max_size.reset(token)


def parse_size(text: str) -> int:
    """Return a number of bytes, such as 500000000, 500MB or 2GiB.

    Raises:
        NumleanError: The text is not a positive number of bytes.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise NumleanError(f"expected a size such as 500MB, 2GiB or 8GB, got {text!r:.80}")
    size: int = int(match[1]) * (1024 if match[3] else 1000) ** _UNITS[match[2].lower()]
    return size


def read_limit() -> int:
    """Return the limit in bytes, for loops that compare it often."""
    return _max_size.get()


def check_size(what: str, size: int) -> None:
    """Check that a file or an array is within the limit.

    Args:
        what: What takes the memory, as the subject of a message.
        size: Its bytes.

    Raises:
        DataError: It is not; the message states the limit and how a command and Python raise it.
    """
    limit = read_limit()
    if size > limit:
        enough = _sufficient(size)
        raise DataError(
            f"{what}: {format_size(size)} exceed the limit of {format_size(limit)} for one file or"
            f" array; to allow it, pass --max-size {enough} (in Python:"
            f' numlean.data.max_size("{enough}"))'
        )


def _sufficient(size: int) -> str:
    """Return a size that is at least another one, as the option takes it."""
    unit, name = (10**9, "GB") if size > 10**9 else (10**6, "MB")
    return f"{min(-(-size // unit), 10**9)}{name}"
