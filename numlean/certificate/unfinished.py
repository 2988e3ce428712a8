"""The bytes of the certificate of a run that has not ended: lines to which further ones are added.

The first line is an object with everything that is known before the first step. Each step is a
line: a list, as in a finished certificate. After the steps up to a checkpoint follows a line that
closes them, with their number, the value digest after them, and the SHA-256 of the whole file up to
that SHA-256.

So no line is ever written again, and a file that ends anywhere after a closing line is the
certificate of the steps before the last one. When the run ends, a finished certificate replaces it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final, TypedDict

from numlean.certificate.chain import Step
from numlean.certificate.file_format import Document, check_contents, check_version, is_digest
from numlean.data.bounded_json import check_values
from numlean.errors import DocumentError
from numlean.json_lines import parse_json, read_document

KEY: Final = "numlean_unfinished_certificate"
"""The name of the version field, which identifies the file."""

VERSION: Final = 1

_START: Final = f'{{"{KEY}": '.encode()
_KNOWN_AT_THE_END: Final = ("stopped_by", "final", "steps")
"""The fields of a certificate that the first line lacks."""


class _Closing(TypedDict):
    """A line that closes the steps before it.

    Attributes:
        steps: The number of all steps before it.
        value_digest: The value digest of the parameters after them.
        sha256: The digest of the file up to here.
    """

    steps: int
    value_digest: str
    sha256: str


class LineWriter:
    """Makes the bytes of an unfinished certificate, piece by piece.

    Attributes:
        steps: The number of steps in the pieces so far.
    """

    def __init__(self) -> None:
        self.steps = 0
        self._hash = hashlib.sha256()

    def first_line(self, document: Document) -> bytes:
        """Return the first line, from a certificate of any number of steps."""
        known = {
            field.name: getattr(document, field.name)
            for field in fields(Document)
            if field.name not in _KNOWN_AT_THE_END
        }
        return self._hashed(_line({KEY: VERSION, **known}))

    def lines(self, steps: Sequence[Step], value_digest: str) -> bytes:
        """Return the lines of further steps, and the line that closes them."""
        self.steps += len(steps)
        plain = json.dumps({"steps": self.steps, "value_digest": value_digest})
        start = f'{plain[:-1]}, "sha256": "'.encode()
        before = self._hashed(b"".join([*(_line(step.to_list()) for step in steps), start]))
        return before + self._hashed(f'{self._hash.hexdigest()}"}}\n'.encode())

    def _hashed(self, content: bytes) -> bytes:
        self._hash.update(content)
        return content


def _line(plain: object) -> bytes:
    return f"{json.dumps(plain, allow_nan=False)}\n".encode()


def is_unfinished(content: bytes) -> bool:
    """Return whether a file begins as the certificate of a run that has not ended."""
    return content.startswith(_START)


def loads(content: bytes) -> Document:
    """Return the certificate of the steps before the last closing line.

    A last line without an end was being written when the run ended. It is left out, and so are
    steps that no line closes.

    Raises:
        DocumentError: No steps are closed, the file is altered, or it has another version.
    """
    check_values(content, "certificate")
    first, *lines = content.split(b"\n")[:-1] or [b""]
    known = _first(first)
    steps: list[Any] = []
    closing, end, place = None, 0, len(first) + 1
    for number, line in enumerate(lines, 2):
        plain = parse_json(line, f"certificate, line {number}")
        if isinstance(plain, list):
            steps.append(plain)
        else:
            closing = _closing(plain, f"certificate, line {number}", len(steps))
            end = place + _place_of(closing["sha256"], line, f"certificate, line {number}")
        place += len(line) + 1
    if closing is None:
        raise DocumentError("the certificate is truncated: it has no line that closes its steps")
    closed = steps[: closing["steps"]]
    document = _document(known, closed, closing["value_digest"])
    check_contents(document)
    actual = hashlib.sha256(content[:end]).hexdigest()
    if actual != closing["sha256"]:
        raise DocumentError(
            "the file has been altered outside its steps: its SHA-256 up to its last closing line"
            f" is {actual}, not {closing['sha256']}"
        )
    return document


def _first(line: bytes) -> dict[str, Any]:
    plain = parse_json(line, "certificate, line 1")
    if not isinstance(plain, dict) or KEY not in plain:
        raise DocumentError("not a numlean certificate")
    check_version(plain, KEY, (VERSION,))
    unknown = [name for name in _KNOWN_AT_THE_END if name in plain]
    if unknown:
        raise DocumentError(f"certificate, line 1: unknown field {unknown[0]!r}")
    return {name: value for name, value in plain.items() if name != KEY}


def _closing(plain: object, name: str, count: int) -> _Closing:
    closing = read_document(_Closing, plain, name)
    if closing["steps"] != count:
        raise DocumentError(
            f"{name}: the file has been altered: the line closes {closing['steps']!r:.80} steps,"
            f" but {count} precede it"
        )
    if not is_digest(closing["sha256"]):
        raise DocumentError(f"{name}: the sha256 field is not a SHA-256 digest")
    return closing


def _place_of(digest: str, line: bytes, name: str) -> int:
    place = line.rfind(digest.encode())
    if place < 0:  # it is written with an escape
        raise DocumentError(
            f"{name}: the file has been altered: the sha256 field is not plain text"
        )
    return place


def _document(known: dict[str, Any], steps: list[Any], value_digest: str) -> Document:
    initial = known.get("initial")
    state = initial.get("state_digest") if isinstance(initial, dict) else None
    if steps:
        state = steps[-1][1] if len(steps[-1]) > 1 else None
    final = {"state_digest": state, "value_digest": value_digest}
    whole = {**known, "stopped_by": None, "final": final, "steps": steps}
    return read_document(Document, whole, "certificate")
