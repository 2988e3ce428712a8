"""The content of a file of the cache: a header, and the kernel or table that it describes.

========  =======================================================
bytes     meaning
========  =======================================================
n         ``MAGIC``
32        the SHA-256 of everything that follows
8         the length of the key, little-endian
k         the key, in UTF-8
the rest  the kernel, pickled; or the words of a table
========  =======================================================

Whoever can write a file can also compute its hash. The hash finds damage; the checks of the folder
and of the file (:mod:`.folder`) keep others out.
"""

from __future__ import annotations

import hashlib
from typing import Final

MAGIC: Final = b"numlean kernel 1\n"

_HASH: Final = slice(len(MAGIC), len(MAGIC) + 32)
_LENGTH: Final = slice(_HASH.stop, _HASH.stop + 8)


class DamagedError(Exception):
    """A file of the cache is not what was written. The message is the reason."""


def pack(key: str, content: bytes) -> bytes:
    """Return the bytes of a file."""
    name = key.encode()
    body = b"".join((len(name).to_bytes(8, "little"), name, content))
    return MAGIC + hashlib.sha256(body).digest() + body


def unpack(raw: bytes) -> tuple[str, bytes]:
    """Return the key and the content of a file; the content is not interpreted.

    Raises:
        DamagedError: The bytes are not those of a file that :func:`pack` made.
    """
    if not raw.startswith(MAGIC):
        raise DamagedError("it does not begin as a file of this cache")
    if hashlib.sha256(memoryview(raw)[_HASH.stop :]).digest() != raw[_HASH]:
        raise DamagedError("its SHA-256 is not that of its content")
    end = _LENGTH.stop + int.from_bytes(raw[_LENGTH], "little")
    if not _LENGTH.stop <= end <= len(raw):
        raise DamagedError("its key is longer than the file")
    return raw[_LENGTH.stop : end].decode(errors="replace"), raw[end:]


def content_of(raw: bytes, key: str) -> bytes:
    """Return the content of a file if it is that of a key.

    Raises:
        DamagedError: The file is damaged, or that of another key.
    """
    found, content = unpack(raw)
    if found != key:
        raise DamagedError("it contains something else")
    return content


def digest(text: str) -> str:
    """Return a short digest of a key, for names."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]
