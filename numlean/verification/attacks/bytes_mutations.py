"""Mutations of the bytes of a file, which know nothing of its format."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

_OTHER_FILES: Final = (b"", b"{}", b"[]", b"null", b"\0" * 100, b"{" * 9999)
_DIGITS: Final = b"0123456789abcdef"


def mutate_bytes(content: bytes, draw: Random) -> tuple[str, bytes]:
    """Return what was changed, in words, and the changed bytes, which differ from the old ones."""
    while True:
        words, change = draw.choice(_CHANGES)
        start = draw.randrange(len(content) + 1)
        changed = change(content, start, draw)
        if changed != content:
            return f"{words} at byte {start}", changed


def _flip(content: bytes, start: int, draw: Random) -> bytes:
    changed = bytearray(content)
    places = draw.choice(([start], [start], [start], draw.choices(range(len(content) + 1), k=8)))
    for place in places:
        if place < len(changed):
            changed[place] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _overwrite(content: bytes, start: int, draw: Random) -> bytes:
    extra = draw.randbytes(draw.choice((1, draw.randint(1, 16), draw.randint(1, 64))))
    return content[:start] + extra + content[start + len(extra) :]


def _fill(content: bytes, start: int, draw: Random) -> bytes:
    filler = draw.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * draw.choice((1, 2, 4, 8))
    return content[:start] + filler + content[start + len(filler) :]


def _insert(content: bytes, start: int, draw: Random) -> bytes:
    extra = draw.choice([draw.randbytes(draw.randint(1, 64)), b" ", b"\n", b"0", b",", b"\xef\xbb"])
    return content[:start] + extra + content[start:]


def _omit(content: bytes, start: int, draw: Random) -> bytes:
    return content[:start] + content[start + draw.randint(1, 64) :]


def _cut(content: bytes, start: int, draw: Random) -> bytes:
    return content[:start]


def _repeat(content: bytes, start: int, draw: Random) -> bytes:
    stop = start + draw.choice((draw.randint(1, 60), draw.randint(1, 500)))
    return content[:start] + content[start:stop] * draw.choice((2, 2, 3, 1000)) + content[stop:]


def _exchange(content: bytes, start: int, draw: Random) -> bytes:
    first, middle, last = sorted((start, *(draw.randrange(len(content) + 1) for _ in range(2))))
    return content[:first] + content[middle:last] + content[first:middle] + content[last:]


def _digit(content: bytes, start: int, draw: Random) -> bytes:
    places = [k for k, byte in enumerate(content) if byte in _DIGITS]
    place = draw.choice(places) if places else start
    return content[:place] + draw.choice(_DIGITS).to_bytes() + content[place + 1 :]


def _another_file(content: bytes, start: int, draw: Random) -> bytes:
    return draw.choice((*_OTHER_FILES, draw.randbytes(1000)))


_CHANGES: Final[tuple[tuple[str, Callable[[bytes, int, Random], bytes]], ...]] = (
    ("bits flipped", _flip),
    ("bytes overwritten", _overwrite),
    ("bytes set to one value", _fill),
    ("bytes inserted", _insert),
    ("bytes left out", _omit),
    ("cut off", _cut),
    ("a piece repeated", _repeat),
    ("pieces exchanged", _exchange),
    ("a digit changed", _digit),
    ("another file", _another_file),
)
