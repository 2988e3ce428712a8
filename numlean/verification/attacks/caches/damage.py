"""Ways to damage a file of the cache, or to put something else in its place.

Each takes the path of the file, the path of another kernel's file, a random generator and the path
of a marker: an object in a pickle would create the marker, if anything unpickled it.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from numlean_kernels.cache_files.entry import MAGIC, DamagedError, pack, unpack

_NOBODY: Final = 65534
_OPEN: Final = "a pickle that others can write to"


@dataclass(frozen=True)
class Target:
    """What is damaged.

    Attributes:
        path: The file of a kernel.
        other: The file of another kernel.
        marker: A path that no file may get.
        draw: Draws the places of the damage.
    """

    path: Path
    other: Path
    marker: Path
    draw: random.Random


Damage: TypeAlias = Callable[[Target], None]


@dataclass(frozen=True)
class _Payload:
    """An object whose unpickling creates a file."""

    marker: Path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def payload(marker: Path) -> bytes:
    """Return a pickle that creates a marker."""
    return pickle.dumps(_Payload(marker))


def disguised_payload(raw: bytes, marker: Path) -> bytes:
    """Return the same pickle with the key of a file and a correct hash.

    Only the owners and modes of the file and its folder show that it is hostile.

    Args:
        raw: The file of a kernel, perhaps damaged already.
        marker: What the pickle creates.
    """
    try:
        key = unpack(raw)[0]
    except DamagedError:
        return payload(marker)
    return pack(key, payload(marker))


class NotPermittedError(Exception):
    """This process may not give files to another user, as root often may."""


def give_away(path: Path) -> None:
    """Give a file to another user.

    Raises:
        NotPermittedError: This process may not.
    """
    try:
        os.chown(path, _NOBODY, _NOBODY)
    except OSError as error:
        raise NotPermittedError(str(error)) from None


def _flip(target: Target, count: int = 1) -> None:
    raw = bytearray(target.path.read_bytes())
    for _ in range(count):
        raw[target.draw.randrange(len(raw))] ^= 1 << target.draw.randrange(8)
    target.path.write_bytes(raw)


def _flip_many(target: Target) -> None:
    _flip(target, 100)


def _flip_in_header(target: Target) -> None:
    raw = bytearray(target.path.read_bytes())
    raw[target.draw.randrange(min(len(raw), 2000))] ^= 1 << target.draw.randrange(8)
    target.path.write_bytes(raw)


def _truncate(target: Target) -> None:
    raw = target.path.read_bytes()
    target.path.write_bytes(raw[: target.draw.randrange(len(raw))])


def _empty(target: Target) -> None:
    target.path.write_bytes(b"")


def _magic_only(target: Target) -> None:
    target.path.write_bytes(MAGIC)


def _append(target: Target) -> None:
    target.path.write_bytes(target.path.read_bytes() + target.draw.randbytes(9))


def _zeros(target: Target) -> None:
    target.path.write_bytes(bytes(target.path.stat().st_size))


def _zero_block(target: Target) -> None:
    raw = bytearray(target.path.read_bytes())
    start = target.draw.randrange(len(raw))
    raw[start : start + 4096] = bytes(len(raw[start : start + 4096]))
    target.path.write_bytes(raw)


def _noise(target: Target) -> None:
    target.path.write_bytes(target.draw.randbytes(5000))


def _swap(target: Target) -> None:
    target.path.write_bytes(target.other.read_bytes())


def _content_of_other(target: Target) -> None:
    """Keep the header, with the content of another kernel."""
    raw, other = target.path.read_bytes(), target.other.read_bytes()
    try:
        key, content = unpack(other)
    except DamagedError:  # not a file of this format
        target.path.write_bytes(raw[:1000] + other[1000:])
        return
    target.path.write_bytes(pack(f"{key} and more", content))


def _long_key(target: Target) -> None:
    body = b"\xff" * 16
    target.path.write_bytes(MAGIC + hashlib.sha256(body).digest() + body)


def _pickle(target: Target) -> None:
    target.path.write_bytes(payload(target.marker))


def _pickle_behind_header(target: Target) -> None:
    """Replace the content by a pickle, and keep the hash and the key."""
    raw = target.path.read_bytes()
    try:
        content = unpack(raw)[1]
    except DamagedError:
        content = raw
    target.path.write_bytes(raw[: len(raw) - len(content)] + payload(target.marker))


def _pickle_of_other_key(target: Target) -> None:
    """Write a pickle with a correct hash, for a kernel that nobody asks for."""
    target.path.write_bytes(pack("another kernel", payload(target.marker)))


def _foreign_index(target: Target) -> None:
    """Write the pickles that numba would read first."""
    stem = target.path.name.split(".")[0]
    for name in (f"{stem}.nbi", f"{target.path.stem}.nbi", "index.nbi"):
        target.path.with_name(name).write_bytes(payload(target.marker))
    target.path.write_bytes(payload(target.marker))


def _empty_folder(target: Target) -> None:
    target.path.unlink()
    target.path.mkdir()


def _link_to_pickle(target: Target) -> None:
    elsewhere = target.marker.with_suffix(".pickle")
    elsewhere.write_bytes(payload(target.marker))
    target.path.unlink()
    target.path.symlink_to(elsewhere)


def _link_to_device(target: Target) -> None:
    target.path.unlink()
    target.path.symlink_to(os.devnull)


def _dangling_link(target: Target) -> None:
    target.path.unlink()
    target.path.symlink_to(target.marker)


def _pipe(target: Target) -> None:
    target.path.unlink()
    os.mkfifo(target.path)


def _writable_by_others(target: Target) -> None:
    target.path.write_bytes(disguised_payload(target.path.read_bytes(), target.marker))
    target.path.chmod(0o666)


def _owned_by_another(target: Target) -> None:
    target.path.write_bytes(disguised_payload(target.path.read_bytes(), target.marker))
    give_away(target.path)


def _unreadable(target: Target) -> None:
    target.path.chmod(0)


def _missing(target: Target) -> None:
    target.path.unlink()


DAMAGES: Final[dict[str, Damage]] = {
    "a flipped bit": _flip,
    "100 flipped bits": _flip_many,
    "a flipped bit in the header": _flip_in_header,
    "a truncated file": _truncate,
    "an empty file": _empty,
    "a file that ends after its first line": _magic_only,
    "appended bytes": _append,
    "zeros": _zeros,
    "a block of zeros": _zero_block,
    "random bytes": _noise,
    "another kernel's file": _swap,
    "another kernel's content": _content_of_other,
    "a key that is longer than the file": _long_key,
    "a pickle": _pickle,
    "a pickle behind the header": _pickle_behind_header,
    "a pickle with a hash": _pickle_of_other_key,
    "an index of pickles": _foreign_index,
    "a folder": _empty_folder,
    "a link to a pickle": _link_to_pickle,
    "a link to a device": _link_to_device,
    "a dangling link": _dangling_link,
    "a pipe": _pipe,
    _OPEN: _writable_by_others,
    "a pickle of another user": _owned_by_another,
    "a file that cannot be read": _unreadable,
    "a missing file": _missing,
}
"""The ways to damage a file, by description."""


def damage(name: str, target: Target) -> str:
    """Damage a file, and return what was done, which is one of ``DAMAGES``.

    It is another one if this process may not give files to another user.
    """
    try:
        DAMAGES[name](target)
    except NotPermittedError:
        name = _OPEN
        DAMAGES[name](target)
    return name
