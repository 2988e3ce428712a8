"""Reading text files."""

from __future__ import annotations

from pathlib import Path

from numlean.errors import DataError


def read_text(path: str) -> str:
    """Return the text of a UTF-8 file, without a byte order mark, with line feeds as line ends.

    Raises:
        DataError: The file cannot be read, or is not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8: byte {error.object[error.start]:#04x} at position"
            f" {error.start}; save the file as UTF-8"
        ) from None
