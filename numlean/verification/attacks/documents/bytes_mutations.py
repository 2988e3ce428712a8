"""Mutations of the bytes of a file."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final


def mutate_bytes(content: bytes, draw: random.Random) -> tuple[str, bytes]:
    """Return what was changed, in words, and the changed bytes, which differ from the old ones."""
    while True:
        name, change = draw.choice(_CHANGES)
        start = draw.randrange(len(content))
        changed = change(content, start, draw)
        if changed != content:
            return f"{name} at byte {start}", changed


def _flip(content: bytes, start: int, draw: random.Random) -> bytes:
    changed = bytearray(content)
    changed[start] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _overwrite(content: bytes, start: int, draw: random.Random) -> bytes:
    extra = draw.randbytes(draw.randint(1, 64))
    return content[:start] + extra + content[start + len(extra) :]


def _insert(content: bytes, start: int, draw: random.Random) -> bytes:
    extra = draw.choice([draw.randbytes(draw.randint(1, 64)), b" ", b"\n", b"0", b",", b"\xef\xbb"])
    return content[:start] + extra + content[start:]


def _omit(content: bytes, start: int, draw: random.Random) -> bytes:
    return content[:start] + content[start + draw.randint(1, 64) :]


def _cut(content: bytes, start: int, draw: random.Random) -> bytes:
    return content[:start]


def _repeat(content: bytes, start: int, draw: random.Random) -> bytes:
    return content[: start + draw.randint(1, 500)] + content[start:]


def _exchange(content: bytes, start: int, draw: random.Random) -> bytes:
    first, middle, last = sorted(draw.randrange(len(content) + 1) for _ in range(3))
    return content[:first] + content[middle:last] + content[first:middle] + content[last:]


def _digit(content: bytes, start: int, draw: random.Random) -> bytes:
    places = [k for k, byte in enumerate(content) if byte in b"0123456789abcdef"]
    place = draw.choice(places) if places else start
    return content[:place] + draw.choice(b"0123456789abcdef").to_bytes() + content[place + 1 :]


def _another_file(content: bytes, start: int, draw: random.Random) -> bytes:
    return draw.choice([b"", b"{}", b"[]", b"null", b"\0" * 100, draw.randbytes(1000), b"{" * 9999])


_CHANGES: Final[tuple[tuple[str, Callable[[bytes, int, random.Random], bytes]], ...]] = (
    ("a bit flipped", _flip),
    ("bytes overwritten", _overwrite),
    ("bytes inserted", _insert),
    ("bytes left out", _omit),
    ("cut off", _cut),
    ("bytes repeated", _repeat),
    ("parts exchanged", _exchange),
    ("a digit changed", _digit),
    ("another file", _another_file),
)
