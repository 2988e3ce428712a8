"""Hostile arrays."""

from __future__ import annotations

import struct
from random import Random
from typing import Any, Final

from numlean.verification.attacks.bytes_mutations import mutate_bytes
from numlean.verification.attacks.data_files.case import Case

_OPTIONS: Final = ("--target", "1", "--hidden", "3", "--steps", "1", "--batch-size", "2", "--json")

_DESCRIPTIONS: Final[tuple[Any, ...]] = (
    *("<f8", ">f8", "<f4", "<f2", "<i8", "<u1", "|b1", "<U3", "<U0", "|V0", "|V8", "|O", "<c16"),
    *("<M8[s]", "|S4", "a5", "<f16", "f8,f8", "<U1000000000", "|V9999999999", "x" * 500, "", 7),
    *(None, [], [("x", "<f8"), ("1", "<f8")], [("x", "<f8"), ("1", "<U2")], [("1", "|O")]),
    *([("1", "<f8", (10**9,))], [("1", "<f8"), ("1", "<f8")], [("\x1b[31m", "<f8"), ("1", "<f8")]),
    *([("n" * 300, "<f8"), ("1", "<f8")], {"names": ["1"]}, ("<f8", (2,)), [("1", "<U0")]),
    [("", "|V8"), ("1", "<f8")],
)

_SHAPES: Final[tuple[Any, ...]] = (
    *((4, 2), (8,), (2, 2, 2), (), (0, 2), (2, 0), (-1, 2), (2**40, 2), (2**32, 2**32), (True, 2)),
    *((10**18, 0), (0, 10**18), (10**4000, 2), (1.0, 2), "4", 8, None, [4, 2], (1,) * 60),
    *((4, 10**7), (10**9, 1), (8, 1)),
)

_HEADERS: Final = (
    *("(" * 9000, "-" * 9000 + "1", "[" * 3000 + "]" * 3000, "{}", "1", "", "\0", "9" * 9000),
    *("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",)}", "\x1b[31m"),
    *("{'descr': '<f8', 'fortran_order': 1, 'shape': (4, 2)}", "{'descr': '\\d', 'shape': ()}"),
    *("{'descr': '<f8', 'fortran_order': False, 'shape': (4L, 2L)}", "{" * 5000, "x" * 20_000),
    *(
        "__import__('os').system('true')",
        "{'a': {'b': 1, **{}}}",
        "not " * 2000 + "1",
        "1 if 1 else 2",
    ),
)

_VERSIONS: Final = ((1, 0), (1, 0), (2, 0), (3, 0), (0, 0), (1, 1), (9, 9), (255, 255))


def npy_case(draw: Random) -> Case:
    """Return a hostile array."""
    words, content = npy_content(draw)
    if draw.random() < 0.4:
        change, content = mutate_bytes(content, draw)
        words = f"{words}, {change}"
    more = draw.choice(((), (), ("--drop", "2"), ("--kind", "classification"), ("--drop-missing",)))
    target = draw.choice((_OPTIONS, _OPTIONS, ("--target", "2", *_OPTIONS[2:])))
    if draw.random() < 0.1:
        target = ("--target", "FILE", *_OPTIONS[2:])
    return Case(words, content, ".npy", (*target, *more))


def npy_content(draw: Random) -> tuple[str, bytes]:
    """Return what is hostile about an array, and its bytes."""
    kind = draw.randrange(4)
    if kind == 0:
        header = draw.choice(_HEADERS)
        return f"the header {header!r:.30}", framed(header, draw.choice(_VERSIONS), _body(draw))
    description, shape = "<f8", (4, 2)
    if kind in (1, 3):
        description = draw.choice(_DESCRIPTIONS)
    if kind in (2, 3):
        shape = draw.choice(_SHAPES)
    if kind == 3 and draw.random() < 0.3:
        return "an array", array_bytes("<f8", (4, 2), struct.pack("<8d", *range(8)))
    return f"{description!r:.30} of shape {shape!r:.30}", array_bytes(
        description, shape, _body(draw), fortran=draw.random() < 0.2
    )


def array_bytes(description: Any, shape: Any, body: bytes, *, fortran: bool = False) -> bytes:
    """Return an array with any header."""
    header = repr({"descr": description, "fortran_order": fortran, "shape": shape})
    return framed(header, (1, 0), body)


def framed(header: str, version: tuple[int, int], body: bytes) -> bytes:
    """Return a header with its length, and a body."""
    content = header.encode("utf-8", "replace")
    size = 2 if version[0] < 2 else 4
    length = min(len(content), (1 << 8 * size) - 1).to_bytes(size, "little")
    return b"\x93NUMPY" + bytes(version) + length + content + body


def _body(draw: Random) -> bytes:
    match draw.randrange(5):
        case 0:
            return draw.randbytes(draw.choice((0, 16, 64, 65)))
        case 1:
            return struct.pack(
                "<8d", *(draw.choice((0.0, 1e308, float("nan"), -1e-310, 5.0)) for _ in range(8))
            )
        case 2:
            return struct.pack(
                "<16I", *(draw.choice((65, 0, 0xD800, 0x110000, 2**32 - 1)) for _ in range(16))
            )
        case _:
            return struct.pack("<8d", *(draw.randint(0, 3) for _ in range(8)))
