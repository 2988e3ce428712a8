"""Hostile files of weights."""

from __future__ import annotations

import json
import struct
from copy import deepcopy
from random import Random
from typing import Any, Final

from numlean.verification.attacks.bytes_mutations import mutate_bytes
from numlean.verification.attacks.data_files.case import Case
from numlean.verification.attacks.data_files.npz_cases import npz_case

_OPTIONS: Final = ("xor", "--weights", "FILE", "--steps", "1", "--dtypes", "float64,float32")

_SHAPES: Final = {"layer0.W": (8, 2), "layer0.b": (8,), "layer2.W": (1, 8), "layer2.b": (1,)}
"""The parameters of the task xor."""

_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, -1, 0, 1e300, 2**31, 2**64, 10**4000, "", "F64", "F16", "BF16", "F8_E4M3", "I64"),
    *(
        "\x1b[31m",
        "x" * 300,
        [],
        [2**40, 2**40],
        [-1],
        [0],
        {},
        [[]],
        {"numlean": "{}"},
        [0, 2**60],
    ),
)

_HEADERS: Final = (
    *("", "{}", "[]", "{", '{"a":' * 20_000, "[" * 50_000, '{"__metadata__": 1}', '{"a": NaN}'),
    *('{"a": 1e999}', '{"a": ' + "9" * 5000 + "}", '{"a": {}, "a": {}}', '{"\\ud800": {}}', "\0"),
    *('{"__metadata__": {"numlean": "{}"}}', '{"a": {"dtype": "F32"}}'),
)


def weights_case(draw: Random) -> Case:
    """Return hostile weights."""
    kind = draw.randrange(6)
    if kind == 0:
        other = npz_case(draw)
        return Case(other.words, other.content, draw.choice((".npz", ".safetensors")), _OPTIONS)
    if kind == 1:
        header = draw.choice(_HEADERS)
        words, content = f"the header {header[:30]!r}", framed(header, bytes(64), draw)
    else:
        words, content = _with_fields(draw, count=draw.choice((0, 1, 1, 2)))
    if draw.random() < 0.4:
        change, content = mutate_bytes(content, draw)
        words = f"{words}, {change}"
    return Case(words, content, ".safetensors", _OPTIONS)


def framed(header: str, body: bytes, draw: Random) -> bytes:
    """Return a header with its length, rarely a wrong one, and a body."""
    content = header.encode("utf-8", "replace")
    wrong = draw.choice((0, 1, 2**31, 2**60, 2**64 - 1))
    length = wrong if draw.random() < 0.1 else len(content)
    return length.to_bytes(8, "little") + content + body


def _with_fields(draw: Random, *, count: int) -> tuple[str, bytes]:
    header: dict[str, Any] = {}
    body, changed = b"", []
    for name, shape in _SHAPES.items():
        numbers = shape[0] * (shape[1] if len(shape) > 1 else 1)
        piece = struct.pack(
            f"<{numbers}f", *(draw.choice((0.5, -1, 1e38, 3e-40)) for _ in range(numbers))
        )
        offsets = [len(body), len(body) + len(piece)]
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": offsets}
        body += piece
    for _ in range(count):
        name = draw.choice(list(header))
        match draw.randrange(4):
            case 0:
                field = draw.choice(("dtype", "shape", "data_offsets", "more"))
                if isinstance(header[name], dict):
                    header[name][field] = deepcopy(draw.choice(_VALUES))
                changed.append(f"another {field}")
            case 1:
                header[draw.choice(("\x1b[31m", "n" * 5000, "layer9.W", ""))] = header.pop(name)
                changed.append("another name")
            case 2:
                header[name] = deepcopy(draw.choice(_VALUES))
                changed.append("another entry")
            case _:
                header["__metadata__"] = deepcopy(draw.choice(_VALUES))
                changed.append("other metadata")
    return " and ".join(changed) or "weights", framed(json.dumps(header), body, draw)
