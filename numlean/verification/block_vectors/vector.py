"""Vectors as lines of JSON: one block on each, and a digest on the last one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, final

from numlean.data.bounded_json import check_values
from numlean.errors import DataError, DocumentError
from numlean.json_lines import parse_json

_FIELDS: Final = ("format", "rule", "preset", "input", "tensor_scale", "scale", "elements")
_OPTIONAL: Final = ("tensor_amax",)
_LAST: Final = ("lines", "sha256")
_LONGEST_BLOCK: Final = 1 << 16
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@final
@dataclass(frozen=True)
class Vector:
    """A block of numbers, and its codes.

    Attributes:
        format: The name of the format.
        rule: The rule of its scales; None where a preset has the only one.
        preset: The library whose rules apply otherwise.
        input: The numbers as binary32 encodings.
        tensor_scale: The binary32 encoding of the tensor's scale.
        scale: The code of the block's scale.
        elements: The codes of its elements.
        tensor_amax: The binary32 encoding of the tensor's greatest magnitude, from which its scale
            follows; None if all scales are those of blocks.
    """

    format: str
    rule: str | None
    preset: str
    input: tuple[int, ...]
    tensor_scale: int
    scale: int
    elements: tuple[int, ...]
    tensor_amax: int | None = None

    @property
    def line(self) -> str:
        """The vector as JSON; encodings and codes are hexadecimal."""
        plain = {
            "format": self.format,
            "rule": self.rule,
            "preset": self.preset,
            "input": [f"{x:08x}" for x in self.input],
            "tensor_scale": f"{self.tensor_scale:08x}",
            "scale": f"{self.scale:02x}",
            "elements": [f"{code:02x}" for code in self.elements],
        }
        if self.tensor_amax is not None:
            plain["tensor_amax"] = f"{self.tensor_amax:08x}"
        return json.dumps(plain, separators=(",", ":"))


def vectors_text(vectors: Iterable[Vector]) -> str:
    """Return the file of vectors: their lines, then their number and the digest of the lines."""
    lines = [f"{vector.line}\n".encode() for vector in vectors]
    return b"".join(lines).decode() + _last_line(lines) + "\n"


def read_vectors(content: bytes, name: str) -> list[Vector]:
    """Return the vectors of a file.

    Args:
        content: The file's content.
        name: Its name, for errors.

    Raises:
        DataError: The file is not one of vectors, or was changed or cut off.
    """
    check_values(content, name)
    if content.startswith(_BYTE_ORDER_MARK) or b"\r\n" in content:
        raise DataError(f"{name}: end lines with LF alone, and write no byte order mark")
    lines = content.splitlines(keepends=True)
    if not lines:
        raise DataError(f"{name} is empty; it has a block on each line and a digest on the last")
    *body, last = lines
    _check_digest(body, last, name)
    if not body:
        raise DataError(f"{name} has no vectors, only a last line")
    return [_vector(line, f"{name}, line {number}") for number, line in enumerate(body, 1)]


def _check_digest(body: list[bytes], last: bytes, name: str) -> None:
    end = _object(last, f"{name}, line {len(body) + 1}")
    if set(end) != set(_LAST):
        needed = _last_line([*body, last.rstrip() + b"\n"])
        raise DataError(
            f"{name}: the last line has no digest; if the file is whole, end it with {needed}"
        )
    if type(end["lines"]) is not int or end["lines"] != len(body):
        raise DataError(
            f"{name}: {len(body)} lines before the last, but that says {end['lines']!r}; was the"
            " file cut off?"
        )
    digest = hashlib.sha256(b"".join(body)).hexdigest()
    if not isinstance(end["sha256"], str) or end["sha256"].lower() != digest:
        raise DataError(
            f"{name}: the digest of the lines is {digest}, but the last line says"
            f" {end['sha256']!r}; was the file changed?"
        )


def _last_line(lines: list[bytes]) -> str:
    """Return the line that ends a file of lines."""
    digest = hashlib.sha256(b"".join(lines)).hexdigest()
    return json.dumps({"lines": len(lines), "sha256": digest})


def _object(line: bytes, name: str) -> dict[str, Any]:
    try:
        plain = parse_json(line, name)
    except DocumentError as error:
        raise DataError(str(error)) from None
    if not isinstance(plain, dict):
        raise DataError(f"{name}: a line is a JSON object")
    return plain


def _vector(line: bytes, name: str) -> Vector:
    plain = _object(line, name)
    missing = [field for field in _FIELDS if field not in plain]
    unknown = [field for field in plain if field not in (*_FIELDS, *_OPTIONAL)]
    if missing or unknown:
        what = f"has no {missing[0]!r}" if missing else f"has an unknown field {unknown[0]!r}"
        raise DataError(f"{name} {what}; a vector has {', '.join(_FIELDS)}")
    rule = plain["rule"]
    if not (rule is None or isinstance(rule, str)):
        raise DataError(f"{name}: rule is a text or null, got {rule!r}")
    for field in ("format", "preset"):
        if not isinstance(plain[field], str):
            raise DataError(f"{name}: {field} is a text, got {plain[field]!r}")
    amax = plain.get("tensor_amax")
    vector = Vector(
        plain["format"],
        rule,
        plain["preset"],
        _codes(plain, "input", 32, name),
        _code(plain["tensor_scale"], "tensor_scale", 32, name),
        _code(plain["scale"], "scale", 8, name),
        _codes(plain, "elements", 8, name),
        None if amax is None else _code(amax, "tensor_amax", 32, name),
    )
    if len(vector.input) != len(vector.elements):
        raise DataError(
            f"{name}: {len(vector.input)} numbers need as many elements, got {len(vector.elements)}"
        )
    return vector


def _codes(plain: dict[str, Any], field: str, bits: int, name: str) -> tuple[int, ...]:
    values = plain[field]
    if not isinstance(values, list) or not 1 <= len(values) <= _LONGEST_BLOCK:
        raise DataError(f"{name}: {field} is a list of 1 to {_LONGEST_BLOCK} hexadecimal codes")
    return tuple(_code(value, field, bits, name) for value in values)


def _code(value: Any, field: str, bits: int, name: str) -> int:
    is_text = isinstance(value, str) and 1 <= len(value) <= bits // 4 and value.isascii()
    if not (is_text and value.isalnum()):
        raise DataError(
            f"{name}: {field} has hexadecimal codes of at most {bits // 4} digits, got {value!r}"
        )
    try:
        return int(value, 16)
    except ValueError:
        raise DataError(f"{name}: {field} has {value!r}, which is not hexadecimal") from None
