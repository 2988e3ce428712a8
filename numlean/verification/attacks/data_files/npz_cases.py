"""Hostile archives."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any, Final

from numlean.verification.attacks.bytes_mutations import mutate_bytes
from numlean.verification.attacks.data_files.case import Case
from numlean.verification.attacks.data_files.npy_cases import array_bytes, npy_content

_OPTIONS: Final = ("--target", "y", "--hidden", "3", "--steps", "1", "--batch-size", "2", "--json")
_STORED, _DEFLATED = 0, 8
_BOMB: Final = 1 << 28


@dataclass(frozen=True)
class _Member:
    """A member of an archive: its own fields, right or wrong."""

    name: str
    data: bytes
    checksum: int
    size: int
    method: int = _DEFLATED
    flags: int = 0

    @classmethod
    def of(cls, name: str, content: bytes) -> _Member:
        return cls(name, _deflated(content), zlib.crc32(content), len(content))


def npz_case(draw: Random) -> Case:
    """Return a hostile archive."""
    inputs = array_bytes("<f8", (4, 2), struct.pack("<8d", *(draw.randint(0, 9) for _ in range(8))))
    targets = array_bytes("<f8", (4,), struct.pack("<4d", *(draw.randint(0, 9) for _ in range(4))))
    members = [_Member.of("x.npy", inputs), _Member.of("y.npy", targets)]
    words, members = draw.choice(_MAKERS)(members, draw)
    content = _archive(members)
    if draw.random() < 0.3:
        change, content = mutate_bytes(content, draw)
        words = f"{words}, {change}"
    more = draw.choice(((), (), (), ("--input", "x"), ("--input", "\x1b"), ("--target", "x")))
    return Case(words, content, ".npz", (*_OPTIONS, *more))


def _unchanged(members: list[_Member], draw: Random) -> tuple[str, list[_Member]]:
    return "an archive", members


def _hostile_array(members: list[_Member], draw: Random) -> tuple[str, list[_Member]]:
    words, content = npy_content(draw)
    k = draw.randrange(2)
    members[k] = _Member.of(members[k].name, content)
    return f"{words} in a member", members


def _altered_array(members: list[_Member], draw: Random) -> tuple[str, list[_Member]]:
    k = draw.randrange(2)
    words, content = mutate_bytes(zlib.decompress(members[k].data, -15), draw)
    members[k] = _Member.of(members[k].name, content)
    return f"{words} in a member, checksum right", members


def _altered_data(members: list[_Member], draw: Random) -> tuple[str, list[_Member]]:
    k = draw.randrange(2)
    words, data = mutate_bytes(members[k].data, draw)
    members[k] = replace(members[k], data=data)
    return f"{words} in compressed data", members


def _wrong_field(members: list[_Member], draw: Random) -> tuple[str, list[_Member]]:
    k = draw.randrange(2)
    field, value = draw.choice(
        (
            *(("method", each) for each in (0, 1, 9, 12, 14, 93, 97, 99, 65535)),
            *(("flags", each) for each in (1, 8, 0x20, 0x40, 0x2000, 0x800, 65535)),
            *(("size", each) for each in (0, 1, 100, 2**31, 2**32 - 1)),
            *(("checksum", each) for each in (0, 1)),
        )
    )
    wrong: dict[str, Any] = {field: value}
    members[k] = replace(members[k], **wrong)
    return f"a member with {field} {value}", members


def _bomb(members: list[_Member], draw: Random) -> tuple[str, list[_Member]]:
    size = draw.choice((_BOMB, 10, 8, 2**32 - 1))
    bomb = _Member(draw.choice(("x.npy", "y.npy", "z.npy")), _bomb_data(), 0, size)
    others = [each for each in members if each.name != bomb.name]
    return f"a bomb as {bomb.name} that states {size} bytes", [*others, bomb]


def _other_names(members: list[_Member], draw: Random) -> tuple[str, list[_Member]]:
    name = draw.choice(
        (
            "x",
            "y",
            "x.txt",
            "../x.npy",
            "/etc/x.npy",
            "",
            ".npy",
            "\x1b[31m.npy",
            "n" * 60_000,
            "é.npy",
        )
    )
    k = draw.randrange(2)
    members[k] = replace(members[k], name=name)
    return f"a member called {name!r:.20}", members


def _more_members(members: list[_Member], draw: Random) -> tuple[str, list[_Member]]:
    count = draw.choice((1, 100, 20_000))
    extra = _Member("k.npy", b"", 0, 0, _STORED)
    return f"{count} more members", [
        *members,
        *(replace(extra, name=f"k{k}") for k in range(count)),
    ]


def _twice(members: list[_Member], draw: Random) -> tuple[str, list[_Member]]:
    return "a member twice", [*members, draw.choice(members)]


_MAKERS: Final = (
    *(_unchanged, _hostile_array, _hostile_array, _altered_array, _altered_data, _wrong_field),
    *(_wrong_field, _bomb, _other_names, _more_members, _twice),
)


def _deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


@cache
def _bomb_data() -> bytes:
    """Return compressed zeros behind a header for them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = array_bytes("|u1", (_BOMB,), b"")
    pieces = [packer.compress(start)]
    pieces += [packer.compress(bytes(1 << 20)) for _ in range(_BOMB >> 20)]
    return b"".join([*pieces, packer.flush()])


def _archive(members: list[_Member]) -> bytes:
    """Return an archive of members, with whatever their fields say."""
    pieces, entries, offset = [], [], 0
    for each in members:
        name = each.name.encode()
        common = struct.pack(
            *("<4H3I2H", each.flags, each.method, 0, 0x21, each.checksum, len(each.data)),
            *(each.size, len(name), 0),
        )
        piece = b"PK\3\4" + struct.pack("<H", 20) + common + name + each.data
        entry = b"PK\1\2" + struct.pack("<2H", 20, 20) + common
        entries.append(entry + struct.pack("<3H2I", 0, 0, 0, 0, offset) + name)
        pieces.append(piece)
        offset += len(piece)
    directory, count = b"".join(entries), len(entries)
    end = struct.pack("<4H2IH", 0, 0, count, count, len(directory), offset, 0)
    return b"".join(pieces) + directory + b"PK\5\6" + end
