"""Text files that commands write; errors name the file, whenever they occur."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from numlean.errors import NumleanError

WriteText: TypeAlias = Callable[[str], None]


@contextmanager
def text_output(
    path: Path, what: str = "", *, append: bool = False, at_once: bool = False
) -> Iterator[WriteText]:
    """Open a file in UTF-8, and yield a function that writes a text to it.

    Args:
        path: The file.
        what: What the file is, for messages, such as "the log".
        append: Whether to keep what the file contains.
        at_once: Whether each text is written to the file before the function returns.

    Raises:
        NumleanError: The file cannot be opened, written or closed.
    """
    name = f"{what} {path}".lstrip()
    with _writing(name):
        file = path.open("a" if append else "w", encoding="utf-8")

    def write(text: str) -> None:
        with _writing(name):
            file.write(text)
            if at_once:
                file.flush()

    try:
        yield write
    except BaseException:
        with suppress(OSError):
            file.close()
        raise
    with _writing(name):
        file.close()


@contextmanager
def _writing(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NumleanError(f"cannot write {name}: {error.strerror or error}") from None


def check_can_write(path: Path) -> None:
    """Check before a run that a file can be written; an existing one stays as it is.

    Raises:
        NumleanError: The file cannot be written.
    """
    is_new = not path.exists()
    with text_output(path, append=True):
        pass
    if is_new:
        path.unlink()
