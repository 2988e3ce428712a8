"""Test vectors of matrix units: dot products, and the results that units give.

A file is one of two kinds.

*JSON lines* (any suffix but .npz). The first line is an object with the keys ``kind`` ("matrix unit
vectors"), ``version`` (1), ``operands`` (such as "fp16"), ``output`` ("fp32" or "fp16") and
``instruction`` ("mma", "wgmma", ..., or "" where a chip has one for the operands). Each further
line is a dot product: ``name``, ``a`` and ``b`` (lists of encodings of the operands' format, as
hexadecimal texts), ``c`` (an encoding of the output's format) and ``answers``, an object with the
result of each unit by its name.

*numpy archive* (.npz). The arrays of ``shared/data/matrix_units``: ``a``, ``b`` of shape (N, k) and
``c`` of shape (N,), whose values are written as binary32 encodings (uint32), and the result
``d_fp32`` or ``d_fp16``, written in the same way. Recorded files have two more: ``d_encodings``,
the result in the output's own format (it keeps the bits of NaNs), and ``about``, a JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Final, TypedDict

import numpy as np

from numlean.analysis.matrix_units.encodings import Words, from_binary32, to_binary32
from numlean.data.input_file import read_input, shown_path
from numlean.data.npz_file import Archive
from numlean.data.size_limit import check_size
from numlean.errors import DataError, NumleanError, UnknownNameError
from numlean.files import atomic
from numlean.json_lines import json_line, memory_of_json, parse_json, read_document
from numlean.precision.matrix_units import MatrixUnit
from numlean_kernels.formats import Format
from numlean_kernels.matrix_units.chips import OPERANDS, OUTPUTS

ARCHIVE_SUFFIX: Final = ".npz"
KIND: Final = "matrix unit vectors"
VERSION: Final = 1

_FEW: Final = 10_000
"""As many products take less time in the interpreter than compiling a kernel does."""

_LONGEST: Final = 1 << 20
"""The greatest k of a product in a file."""


class _Header(TypedDict):
    kind: str
    version: int
    operands: str
    output: str
    instruction: str


class _Line(TypedDict):
    name: str
    a: list[str]
    b: list[str]
    c: str
    answers: dict[str, str]


@dataclass(frozen=True, eq=False)
class UnitVectors:
    """Dot products of operands of one format, padded with zeros to one length.

    Attributes:
        operands: The format of a and b, as units name it.
        output: The format of c and of results.
        a: Encodings of the operands' format, of shape (N, k); tf32 operands are binary32 encodings.
        b: Likewise.
        c: Encodings of the output's format, of shape (N,).
        instruction: The instruction that they are for; empty if that is the chip's only one.
        lengths: The length of each product before padding.
        names: The name of each product.
        answers: The results of units by name, each of shape (N,).
    """

    operands: str
    output: str
    a: Words
    b: Words
    c: Words
    instruction: str = ""
    lengths: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    answers: Mapping[str, Words] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count, k = self.a.shape
        object.__setattr__(self, "lengths", self.lengths or (k,) * count)
        object.__setattr__(self, "names", self.names or tuple(map(str, range(count))))

    def __len__(self) -> int:
        return len(self.c)

    @property
    def operand_format(self) -> Format:
        """The format of the encodings of a and b."""
        return OPERANDS[self.operands].format

    @property
    def output_format(self) -> Format:
        """The format of the encodings of c and of results."""
        return OUTPUTS[self.output]

    def with_answers(self, unit: MatrixUnit) -> UnitVectors:
        """Return the vectors with the results of one more unit.

        Raises:
            NumleanError: The unit has operands or an output of another format.
        """
        if (unit.operands, unit.output) != (self.operands, self.output):
            raise NumleanError(
                f"the vectors have {self.operands} operands and {self.output} results, but"
                f" {unit.name} has {unit.operands} and {unit.output}"
            )
        device = "python" if self.a.size <= _FEW else "cpu"
        answers = np.asarray(unit.dot(self.a, self.b, self.c, device=device)).astype(np.uint32)
        return replace(self, answers={**self.answers, unit.name: answers})


def stack(
    rows: Sequence[tuple[Sequence[int], Sequence[int], int]], k: int = 1
) -> tuple[Words, Words, Words]:
    """Return a, b, c of products of any lengths, padded with zeros to the longest, at least k."""
    length = max([k, *(len(a) for a, _, _ in rows)])
    a, b = (np.zeros((len(rows), length), np.uint32) for _ in range(2))
    for row, (left, right, _) in enumerate(rows):
        a[row, : len(left)], b[row, : len(right)] = left, right
    return a, b, np.array([c for _, _, c in rows], np.uint32)


def vectors_text(vectors: UnitVectors) -> str:
    """Return the JSON lines of vectors."""
    header = _Header(
        kind=KIND,
        version=VERSION,
        operands=vectors.operands,
        output=vectors.output,
        instruction=vectors.instruction,
    )
    lines = [
        json_line(dict(header)),
        *(json_line(_plain(vectors, row)) for row in range(len(vectors))),
    ]
    return "\n".join(lines) + "\n"


def _plain(vectors: UnitVectors, row: int) -> dict[str, Any]:
    length = vectors.lengths[row]
    wide, narrow = vectors.output_format.width, vectors.operand_format.width
    return dict(
        _Line(
            name=vectors.names[row],
            a=[_hex(x, narrow) for x in vectors.a[row, :length]],
            b=[_hex(x, narrow) for x in vectors.b[row, :length]],
            c=_hex(vectors.c[row], wide),
            answers={name: _hex(each[row], wide) for name, each in vectors.answers.items()},
        )
    )


def archive_bytes(vectors: UnitVectors, result: Words | None, about: Mapping[str, Any]) -> bytes:
    """Return a numpy archive of vectors, with the recorded results if there are any."""
    arrays: dict[str, Any] = {
        "a": to_binary32(vectors.operand_format, vectors.a),
        "b": to_binary32(vectors.operand_format, vectors.b),
        "c": to_binary32(vectors.output_format, vectors.c),
        "about": np.array(json.dumps(dict(about), sort_keys=True)),
    }
    if result is not None:
        arrays[f"d_{vectors.output}"] = to_binary32(vectors.output_format, result)
        arrays["d_encodings"] = np.asarray(result, np.uint32)
    buffer = BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def write_vectors(path: str | Path, vectors: UnitVectors) -> None:
    """Write a file of vectors: an archive if its suffix is .npz, else JSON lines.

    Raises:
        OSError: The file cannot be written.
    """
    if _is_archive(path):
        about = {"operands": vectors.operands, "output": vectors.output}
        about["instruction"] = vectors.instruction
        atomic.write(path, archive_bytes(vectors, None, about))
    else:
        atomic.write(path, vectors_text(vectors).encode())


def read_vectors(
    path: str, *, operands: str | None = None, output: str | None = None
) -> UnitVectors:
    """Return the vectors of a file.

    Args:
        path: JSON lines, or a numpy archive (.npz).
        operands: The format of the operands, for an archive that does not name it.
        output: Likewise.

    Raises:
        DataError: The file cannot be read, or is no file of vectors.
        UnknownNameError: A format is unknown.
    """
    if _is_archive(path):
        return _read_archive(path, operands, output)
    return _read_lines(path)


def _is_archive(path: str | Path) -> bool:
    return Path(path).suffix.lower() == ARCHIVE_SUFFIX


def _read_lines(path: str) -> UnitVectors:
    shown, content = shown_path(path), read_input(path, pipes=True)
    try:
        lines = [line for line in content.decode("utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise DataError(f"{shown}: not text in UTF-8") from None
    check_size(f"{shown}: its values", memory_of_json(content))
    if len(lines) < 2:
        raise DataError(
            f"{shown}: no test vectors: a first line about them, then one line for each"
        )
    place = f"{shown}, line 1"
    header = read_document(_Header, parse_json(lines[0], place), place)
    if (header["kind"], header["version"]) != (KIND, VERSION):
        raise DataError(
            f"{place}: expected kind {KIND!r} and version {VERSION}, got {header['kind']!r:.80}"
            f" and {header['version']}"
        )
    operands, output = header["operands"], header["output"]
    _check_formats(operands, output)
    narrow, wide = OPERANDS[operands].format, OUTPUTS[output]
    rows, names, answers = [], [], dict[str, list[int]]()
    for number, line in enumerate(lines[1:], 2):
        place = f"{shown}, line {number}"
        each = read_document(_Line, parse_json(line, place), place)
        if len(each["a"]) != len(each["b"]) or not 0 < len(each["a"]) <= _LONGEST:
            raise DataError(
                f"{place}: a and b must have equal lengths of 1 to {_LONGEST}, got"
                f" {len(each['a'])} and {len(each['b'])}"
            )
        left = [_parsed(x, narrow, place) for x in each["a"]]
        right = [_parsed(x, narrow, place) for x in each["b"]]
        rows.append((left, right, _parsed(each["c"], wide, place)))
        names.append(each["name"])
        if number > 2 and set(answers) != set(each["answers"]):
            raise DataError(f"{place}: the answers are of other units than those of line 2")
        for unit, text in each["answers"].items():
            answers.setdefault(unit, []).append(_parsed(text, wide, place))
    longest = max(len(left) for left, _, _ in rows)
    check_size(f"{shown}: its operands, padded to k = {longest}", 8 * longest * len(rows))
    a, b, c = stack(rows)
    found = {unit: np.array(each, np.uint32) for unit, each in answers.items()}
    lengths = tuple(len(left) for left, _, _ in rows)
    instruction = header["instruction"]
    return UnitVectors(operands, output, a, b, c, instruction, lengths, tuple(names), found)


def _read_archive(path: str, operands: str | None, output: str | None) -> UnitVectors:
    archive = Archive.open(path)
    missing = [key for key in ("a", "b", "c") if key not in archive.keys]
    if missing:
        raise DataError(f"{archive.path}: there is no array {missing[0]!r} of test vectors")
    about: dict[str, Any] = {}
    if "about" in archive.keys:
        text = archive.array("about")
        about = parse_json(str(text), f"{archive.path}, key 'about'")
        if not isinstance(about, dict):
            raise DataError(f"{archive.path}, key 'about': expected an object")
    operands, output = operands or about.get("operands"), output or about.get("output")
    if not isinstance(operands, str) or not isinstance(output, str):
        raise DataError(
            f"{archive.path} does not name the formats of its vectors; name a unit, such as"
            " A100:fp16"
        )
    _check_formats(operands, output)
    narrow, wide = OPERANDS[operands].format, OUTPUTS[output]
    a, b, c = (_words(archive, key) for key in ("a", "b", "c"))
    if a.ndim != 2 or a.shape != b.shape or c.shape != a.shape[:1] or not a.size:
        shapes = ", ".join(str(each.shape) for each in (a, b, c))
        raise DataError(
            f"{archive.path}: a and b must have the shape (N, k) and c the shape (N,), got {shapes}"
        )
    instruction = str(about.get("instruction", ""))
    return UnitVectors(
        operands,
        output,
        from_binary32(narrow, a, f"{archive.path}: a"),
        from_binary32(narrow, b, f"{archive.path}: b"),
        from_binary32(wide, c, f"{archive.path}: c"),
        instruction,
    )


def _words(archive: Archive, key: str) -> Words:
    array = archive.array(key)
    if array.dtype != np.uint32:
        raise DataError(
            f"{archive.path}, key {key!r}: must hold binary32 encodings (uint32), got {array.dtype}"
        )
    return np.asarray(array, np.uint32)


def _check_formats(operands: str, output: str) -> None:
    if operands not in OPERANDS:
        raise UnknownNameError("operand format", operands, tuple(OPERANDS))
    if output not in OUTPUTS:
        raise UnknownNameError("output format", output, tuple(OUTPUTS))


def _parsed(text: str, format: Format, place: str) -> int:
    try:
        number = int(text, 16)
    except ValueError:
        number = -1
    if not text.lower().startswith("0x") or not 0 <= number < 1 << format.width:
        raise DataError(
            f"{place}: expected an encoding of {format.name} such as"
            f" {_hex(format.one, format.width)}, got {text!r:.80}"
        )
    return number


def _hex(encoding: Any, width: int) -> str:
    return f"{int(encoding):#0{2 + (width + 3) // 4}x}"
