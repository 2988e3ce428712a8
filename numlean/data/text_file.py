"""Text out of files."""

from __future__ import annotations

from pathlib import Path

from numlean.errors import DataError


def read_text(path: str) -> str:
    """A file's text in UTF-8, its byte order mark left out, its lines ending in line feeds.

    Raises:
        DataError: The file cannot be read, or is no such text.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is no text in UTF-8: byte {error.object[error.start]:#04x} at"
            f" {error.start}; save it as UTF-8"
        ) from None
