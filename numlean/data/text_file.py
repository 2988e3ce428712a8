"""Reading text files."""

from __future__ import annotations

import codecs
import re
import warnings
from encodings.aliases import aliases
from io import BytesIO, TextIOWrapper
from typing import Final

from numlean.data.input_file import read_input, shown_path
from numlean.display_text import printable
from numlean.errors import DataError, NumleanError
from numlean.names import did_you_mean

UTF_8: Final = "utf-8"

_LONGEST_REASON: Final = 200

_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_UTF_16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: str, encoding: str | None = None) -> str:
    """Return the text of a file, without a byte order mark, with line feeds as line ends.

    Args:
        path: The file.
        encoding: The encoding that a user can choose; None for UTF-8 without a choice.

    Raises:
        DataError: The file cannot be read, or is not in this encoding.
    """
    name, content = codecs.lookup(encoding or UTF_8).name, read_input(path, pipes=True)
    path = shown_path(path)
    try:
        text = _decoded(content, "utf-8-sig" if name == UTF_8 else name)
    except UnicodeDecodeError as error:
        choice = "" if encoding is None else f"{_likely_encoding(error.object)}, or "
        raise DataError(
            f"{path}: not {name.upper()}: byte {error.object[error.start]:#04x} at position"
            f" {error.start}; {choice}save the file as UTF-8"
        ) from None
    except (UnicodeError, DeprecationWarning) as error:
        reason = printable(str(error), _LONGEST_REASON)
        raise DataError(f"{path}: not {name}: {reason}; pass another --encoding") from None
    if _SURROGATE.search(text):
        raise DataError(f"{path}: not {name}: it contains half a character (a surrogate)")
    return text


def _decoded(content: bytes, encoding: str) -> str:
    """Return a text with line feeds as line ends.

    Raises:
        UnicodeError: The content is not in this encoding.
        DeprecationWarning: The codec reads it nevertheless, as that of escapes does an unknown one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        with TextIOWrapper(BytesIO(content), encoding) as file:
            return file.read()


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
