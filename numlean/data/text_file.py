"""Reading text files."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

from numlean.errors import DataError, NumleanError

UTF_8: Final = "utf-8"

_UTF_16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: str, encoding: str = UTF_8) -> str:
    """Return the text of a file, without a byte order mark, with line feeds as line ends.

    Raises:
        DataError: The file cannot be read, or is not in this encoding.
    """
    is_utf_8 = codecs.lookup(encoding).name == UTF_8
    try:
        return Path(path).read_text(encoding="utf-8-sig" if is_utf_8 else encoding)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        name = "UTF-8" if is_utf_8 else encoding
        fix = f"{_likely_encoding(error.object)}, or save the file as UTF-8"
        raise DataError(
            f"{path} is not {name}: byte {error.object[error.start]:#04x} at position"
            f" {error.start}; {fix}"
        ) from None
    except UnicodeError as error:
        raise DataError(f"{path} is not {encoding}: {error}; pass another --encoding") from None


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
        raise NumleanError(
            f"unknown encoding {name!r:.80}; pass one that Python knows, such as utf-8, latin-1,"
            " cp1252 or utf-16"
        )


def _likely_encoding(content: bytes) -> str:
    if content.startswith(_UTF_16_MARKS):
        return "pass --encoding utf-16"
    return "pass its encoding, such as --encoding cp1252"
