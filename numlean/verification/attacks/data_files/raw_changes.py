"""Changes of bytes that know nothing of a format."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final


def altered(content: bytes, draw: Random) -> tuple[str, bytes]:
    """Return a change in words, and the changed content."""
    words, change = draw.choice(_CHANGES)
    return words, change(content, draw)


def _flip(content: bytes, draw: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 8))):
        if changed:
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _overwrite(content: bytes, draw: Random) -> bytes:
    place, size = draw.randrange(len(content) + 1), draw.randint(1, 16)
    return content[:place] + draw.randbytes(size) + content[place + size :]


def _set(content: bytes, draw: Random) -> bytes:
    place, size = draw.randrange(len(content) + 1), draw.choice((1, 2, 4, 8))
    filler = draw.choice((b"\0", b"\xff", b"\x7f", b"\x80"))
    return content[:place] + filler * size + content[place + size :]


def _insert(content: bytes, draw: Random) -> bytes:
    place = draw.randrange(len(content) + 1)
    return content[:place] + draw.randbytes(draw.randint(1, 40)) + content[place:]


def _omit(content: bytes, draw: Random) -> bytes:
    place = draw.randrange(len(content) + 1)
    return content[:place] + content[place + draw.randint(1, 40) :]


def _cut(content: bytes, draw: Random) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _repeat(content: bytes, draw: Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    stop = start + draw.randint(1, 60)
    return content[:start] + content[start:stop] * draw.choice((2, 3, 1000)) + content[stop:]


def _exchange(content: bytes, draw: Random) -> bytes:
    a, b = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    return content[b:] + content[a:b] + content[:a]


_CHANGES: Final[tuple[tuple[str, Callable[[bytes, Random], bytes]], ...]] = (
    ("bits flipped", _flip),
    ("bytes overwritten", _overwrite),
    ("bytes set to one value", _set),
    ("bytes inserted", _insert),
    ("bytes left out", _omit),
    ("cut off", _cut),
    ("a piece repeated", _repeat),
    ("pieces exchanged", _exchange),
)
