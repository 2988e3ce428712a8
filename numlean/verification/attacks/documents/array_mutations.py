"""Mutations of the arrays of a checkpoint, and of the entries that describe them."""

from __future__ import annotations

import random
from typing import Any, Final

import numpy as np

from numlean.checkpoint.container import Arrays

_SHAPES: Final[tuple[list[int], ...]] = (
    [],
    [0],
    [-1],
    [10**9],
    [10**18, 10**18],
    [2**64],
    [1] * 100,
    [0, 2**61],
    [True],
)
_TYPES: Final = (np.uint8, np.uint16, np.uint32, np.uint64, np.int64)
_LINES: Final = (
    *(
        "0:1:" + "f" * 10_000,
        "0:1:-" + "f" * 10_000,
        "0:1:fffffffffffffff",
        "1:0:0",
        "0:" + "f" * 9,
    ),
    *("nan", "inf", "-inf", "-0", "", "0:1", "0:1:0:0", "0:x:0", "2:1:0", "\x1b[31m", "9" * 5000),
)
_NAMES: Final = (
    "../../evil",
    "/etc/evil",
    "..",
    "",
    "a\\b",
    "a\0b",
    "\x1b[31m",
    "[/b]$x^2$",
    "0.bias",
)


def forge_arrays(document: dict[str, Any], arrays: Arrays, draw: random.Random) -> str:
    """Change the arrays of a checkpoint or their entries in place; return what was changed."""
    entries = _entries(document)
    entry, name = draw.choice(entries), draw.choice(list(arrays))
    match draw.randrange(9):
        case 0:
            entry["shape"] = draw.choice(_SHAPES)
            return f"the shape {entry['shape']!s:.40}"
        case 1:
            entry["kind"] = draw.choice(("encodings", "indices", "text"))
            return f"{entry['name']} as {entry['kind']}"
        case 2:
            arrays[name] = arrays[name].astype(draw.choice(_TYPES))
            return f"{name} of {arrays[name].dtype}"
        case 3:
            arrays[name] = draw.choice([arrays[name].ravel()[:0], np.tile(arrays[name], 3)])
            return f"{name} of shape {arrays[name].shape}"
        case 4:
            text = draw.choice(_LINES)
            lines = [text] * draw.choice((1, 8, 16))
            arrays[entry["name"]] = np.frombuffer("\n".join(lines).encode(), np.uint8)
            return f"{entry['name']} with the number {text:.40}"
        case 5:
            raw = np.frombuffer(draw.randbytes(arrays[name].nbytes), arrays[name].dtype)
            arrays[name] = raw.reshape(arrays[name].shape)
            return f"{name} of random bits"
        case 6:
            arrays[f"{name}.more"] = arrays[name]
            return f"{name} twice"
        case 7:
            new = f"parameters/{draw.choice(_NAMES)}"
            arrays[new] = arrays.pop(entry["name"])
            entry["name"] = new
            return f"an array with the name {new!r}"
    entry["name"] = draw.choice((name, "", "parameters/", "a", "/etc/passwd", "\x1b[31m", "\0"))
    return f"an entry with the name {entry['name']!r}"


def _entries(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of all arrays."""
    groups = [*document["state"].values(), *document["extra_state"].values()]
    return [*document["parameters"], *(entry for group in groups for entry in group)]
