"""Reading text files."""

from __future__ import annotations

import codecs
from encodings.aliases import aliases
from pathlib import Path
from typing import Final

from numlean.errors import DataError, NumleanError
from numlean.names import did_you_mean

UTF_8: Final = "utf-8"

_UTF_16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: str, encoding: str | None = None) -> str:
    """Return the text of a file, without a byte order mark, with line feeds as line ends.

    Args:
        path: The file.
        encoding: The encoding that a user can choose; None for UTF-8 without a choice.

    Raises:
        DataError: The file cannot be read, or is not in this encoding.
    """
    name = codecs.lookup(encoding or UTF_8).name
    try:
        return Path(path).read_text(encoding="utf-8-sig" if name == UTF_8 else name)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        choice = "" if encoding is None else f"{_likely_encoding(error.object)}, or "
        raise DataError(
            f"{path} is not {name.upper()}: byte {error.object[error.start]:#04x} at position"
            f" {error.start}; {choice}save the file as UTF-8"
        ) from None
    except UnicodeError as error:
        raise DataError(f"{path} is not {name}: {error}; pass another --encoding") from None


def check_encoding(name: str) -> None:
    """Check that an encoding is one of texts that Python knows.

    Raises:
        NumleanError: It is not.
    """
    try:
        # Python also has codecs between bytes, such as zip, which are no encodings of texts.
        is_known = name.isascii() and codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        is_known = False
    if not is_known:
        near = did_you_mean(name, (*aliases, *map(str, aliases.values())))
        raise NumleanError(
            f"unknown encoding {name!r:.80}; pass one that Python knows, such as utf-8, latin-1,"
            f" cp1252 or utf-16{near}"
        )


def _likely_encoding(content: bytes) -> str:
    if content.startswith(_UTF_16_MARKS):
        return "pass --encoding utf-16"
    return "pass its encoding, such as --encoding cp1252"
