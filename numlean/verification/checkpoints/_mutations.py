"""Files that are almost a checkpoint."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from numlean.checkpoint.container import VERSION, dumps, loads, read_header

_LENGTH: Final = 8


@dataclass(frozen=True)
class Mutation:
    """A changed checkpoint, or another file in its place.

    Attributes:
        kind: The kind of change: one of ``KINDS``.
        content: The bytes.
    """

    kind: str
    content: bytes


class _Original:
    """A checkpoint, and the positions of its parts."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.header = read_header(content)
        self.start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")

    @property
    def places(self) -> dict[str, tuple[int, int]]:
        """The tensors' bytes, by name."""
        return {
            name: (self.start + entry["data_offsets"][0], self.start + entry["data_offsets"][1])
            for name, entry in self.header.items()
            if name != "__metadata__"
        }

    def anywhere(self, draw: random.Random) -> int:
        """Return a position: in the length, the header or the numbers, equally likely."""
        start, stop = draw.choice(
            [(0, _LENGTH), (_LENGTH, self.start), (self.start, len(self.content))]
        )
        return draw.randrange(start, stop)

    def with_header(self, header: dict[str, Any]) -> bytes:
        """Return the same numbers with another header."""
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return len(text).to_bytes(_LENGTH, "little") + text + self.content[self.start :]


def mutations(content: bytes, count: int, *, seed: int = 0) -> Iterator[Mutation]:
    """Yield mutations of every kind in turn; the same ones for a seed."""
    draw, original, makers = random.Random(seed), _Original(content), list(_MAKERS.items())
    for k in range(count):
        kind, make = makers[k % len(makers)]
        changed = make(original, draw)
        while changed == content:  # such as two equal tensors exchanged
            changed = make(original, draw)
        yield Mutation(kind, changed)


def _truncate(original: _Original, draw: random.Random) -> bytes:
    ends = [0, _LENGTH, original.start, *(stop for _, stop in original.places.values())]
    place = draw.choice([original.anywhere(draw), draw.choice(ends)])
    return original.content[: min(place, len(original.content) - 1)]


def _flip_bit_of_file(original: _Original, draw: random.Random) -> bytes:
    return _flip(original.content, original.anywhere(draw), draw)


def _flip_bit_of_digest(original: _Original, draw: random.Random) -> bytes:
    digest = json.loads(original.header["__metadata__"]["numlean"])["sha256"]
    place = original.content.index(digest.encode()) + draw.randrange(len(digest))
    return _flip(original.content, place, draw)


def _flip(content: bytes, place: int, draw: random.Random) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _overwrite(original: _Original, draw: random.Random) -> bytes:
    start, changed = original.anywhere(draw), bytearray(original.content)
    stop = min(start + draw.randint(2, 64), len(changed))
    changed[start:stop] = draw.randbytes(stop - start)
    return bytes(changed)


def _zero(original: _Original, draw: random.Random) -> bytes:
    start, changed = original.anywhere(draw), bytearray(original.content)
    stop = draw.choice([len(changed), min(start + 512, len(changed))])
    changed[start:stop] = bytes(stop - start)
    return bytes(changed)


def _insert(original: _Original, draw: random.Random) -> bytes:
    place = draw.choice([original.anywhere(draw), len(original.content)])
    extra = draw.randbytes(draw.randint(1, 64))
    return original.content[:place] + extra + original.content[place:]


def _omit(original: _Original, draw: random.Random) -> bytes:
    place = original.anywhere(draw)
    return original.content[:place] + original.content[place + draw.randint(1, 64) :]


def _swap_numbers(original: _Original, draw: random.Random) -> bytes:
    (a, b), (c, d) = draw.sample(list(original.places.values()), 2)
    size, changed = min(b - a, d - c), bytearray(original.content)
    changed[a : a + size], changed[c : c + size] = changed[c : c + size], changed[a : a + size]
    return bytes(changed)


def _swap_names(original: _Original, draw: random.Random) -> bytes:
    a, b = draw.sample(list(original.places), 2)
    header = dict(original.header)
    header[a], header[b] = header[b], header[a]
    return original.with_header(header)


def _edit_document(original: _Original, draw: random.Random) -> bytes:
    document = json.loads(original.header["__metadata__"]["numlean"])
    edit = draw.choice(["step", "schedule", "run", "state", "parameters", "sha256", "version"])
    if draw.random() < 0.5:
        del document[edit]
    else:
        document[edit] = draw.choice([None, -1, 0, 10**30, "x", [], {}, document["step"] + 1])
    metadata = {"numlean": json.dumps(document)}
    return original.with_header({**original.header, "__metadata__": metadata})


def _change_version(original: _Original, draw: random.Random) -> bytes:
    document, arrays = loads(original.content)
    version = draw.choice([0, VERSION + 1, VERSION + draw.randint(2, 1000), -1])
    return dumps({**document, "version": version}, arrays)


def _forge(original: _Original, draw: random.Random) -> bytes:
    document, arrays = loads(original.content)
    name = draw.choice(list(arrays))
    match draw.randrange(6):
        case 0:
            del arrays[name]
        case 1:
            arrays[f"{name}.more"] = arrays[name]
        case 2:
            wider = {1: np.uint16, 2: np.uint32, 4: np.uint64, 8: np.uint8}
            arrays[name] = arrays[name].astype(wider[arrays[name].itemsize])
        case 3:
            arrays[name] = arrays[name][np.newaxis]
        case 4:
            part = draw.choice(["parameters", "state", "extra_state"])
            document[part] = draw.choice([None, 5, [7], [{"name": []}], {"momentum": 3}])
        case _:
            part = draw.choice(["step", "schedule", "last_rate", "run", "recipe", "loader"])
            document[part] = draw.choice([-1, "x", [1], 1e300])
    return dumps(document, arrays)


def _replace_file(original: _Original, draw: random.Random) -> bytes:
    return draw.choice([_empty, _noise, _text, _npz, _other_safetensors])(draw)


def _empty(draw: random.Random) -> bytes:
    return b""


def _noise(draw: random.Random) -> bytes:
    return draw.randbytes(draw.randint(1, 4096))


def _text(draw: random.Random) -> bytes:
    return b"".join(b"%d,%r\n" % (k, draw.random()) for k in range(draw.randint(1, 50)))


def _npz(draw: random.Random) -> bytes:
    archive = io.BytesIO()
    np.savez(archive, w=np.full(draw.randint(1, 9), draw.random()))
    return archive.getvalue()


def _other_safetensors(draw: random.Random) -> bytes:
    from safetensors.numpy import save

    metadata = draw.choice([None, {"format": "pt"}, {"numlean": "0.1"}, {"numlean": "{}"}])
    return bytes(save({"w": np.full(draw.randint(1, 9), draw.random())}, metadata))


_MAKERS: Final[dict[str, Callable[[_Original, random.Random], bytes]]] = {
    "cut off": _truncate,
    "a bit flipped": _flip_bit_of_file,
    "a bit of the digest flipped": _flip_bit_of_digest,
    "bytes overwritten": _overwrite,
    "zeros from a place on": _zero,
    "bytes inserted or added": _insert,
    "bytes left out": _omit,
    "two tensors' numbers exchanged": _swap_numbers,
    "two tensors' names exchanged": _swap_names,
    "the document edited": _edit_document,
    "another version, digest right": _change_version,
    "other contents, digest right": _forge,
    "another kind of file": _replace_file,
}

KINDS: Final = tuple(_MAKERS)
"""The mutations by kind."""
