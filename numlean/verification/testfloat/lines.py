"""Lines of hexadecimal numbers, read and written as arrays, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

import numpy as np

from numlean.errors import NumleanError
from numlean.verification.testfloat.functions import Number

Columns = list[np.ndarray[tuple[int], np.dtype[np.unsignedinteger]]]

FLAGS: Final = Number(8)
"""The type of the flags at the end of a line."""

_CHUNK: Final = 1 << 21
_LONGEST_LINE: Final = 1 << 12
_BAD: Final = 0xFF
_SPACE, _NEWLINE = b" \n"


class BadLineError(NumleanError):
    """A line that is not a test case."""


def _digit_values() -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    values = np.full(256, _BAD, np.uint8)
    for digits in (b"0123456789abcdef", b"0123456789ABCDEF"):
        values[list(digits)] = np.arange(16)
    return values


_VALUES: Final = _digit_values()
_DIGITS: Final = np.frombuffer(b"0123456789ABCDEF", np.uint8)


def read_cases(stream: BinaryIO, numbers: Sequence[Number]) -> Iterator[tuple[int, Columns]]:
    """Yield the number of the first line, from 1, and the columns of many lines at a time.

    Args:
        stream: The lines.
        numbers: The types of the fields of a line; the last ones are the result and the flags.

    Raises:
        BadLineError: A line has other fields; the message has its number.
        OSError: The stream cannot be read.
    """
    line, rest = 1, b""
    for data in iter(lambda: stream.read(_CHUNK), b""):
        whole, newline, tail = (rest + data).rpartition(b"\n")
        if len(tail) > _LONGEST_LINE:
            line += (whole + newline).count(b"\n")
            raise BadLineError(f"line {line} has more than {_LONGEST_LINE} characters")
        rest = tail
        if newline:
            columns = _columns(whole + newline, numbers, line)
            yield line, columns
            line += len(columns[0])
    if rest:
        yield line, _columns(rest + b"\n", numbers, line)


def _columns(data: bytes, numbers: Sequence[Number], line: int) -> Columns:
    columns = _fixed_columns(data, numbers)
    return _free_columns(data, numbers, line) if columns is None else columns


def _fixed_columns(data: bytes, numbers: Sequence[Number]) -> Columns | None:
    """Return the columns of lines whose fields have their full width; None for other lines."""
    width = sum(number.digits + 1 for number in numbers)
    if len(data) % width:
        return None
    table = np.frombuffer(data, np.uint8).reshape(-1, width)
    columns: Columns = []
    start = 0
    for k, number in enumerate(numbers):
        end = start + number.digits
        separator = _NEWLINE if k == len(numbers) - 1 else _SPACE
        digits = np.ascontiguousarray(_VALUES[table[:, start:end]].T)
        if digits.max(initial=0) == _BAD or np.any(table[:, end] != separator):
            return None
        value = np.zeros(len(table), number.storage)
        for digit in digits:
            value = (value << number.storage.type(4)) | digit.astype(number.storage)
        if number.bits < 8 * value.itemsize and np.any(value >> number.storage.type(number.bits)):
            return None
        columns.append(value)
        start = end + 1
    return columns


def _free_columns(data: bytes, numbers: Sequence[Number], line: int) -> Columns:
    """Return the columns of lines with any spacing and any number of digits."""
    lines = data.split(b"\n")[:-1]
    rows = [_numbers_of(text, numbers, line + k) for k, text in enumerate(lines)]
    return [
        np.array([row[k] for row in rows], dtype=number.storage) for k, number in enumerate(numbers)
    ]


def _numbers_of(text: bytes, numbers: Sequence[Number], line: int) -> list[int]:
    fields = text.split()
    if len(fields) != len(numbers):
        raise BadLineError(
            f"line {line} has {len(fields)} fields, expected {len(numbers)}: {_shown(text)}"
        )
    values = []
    for field, number in zip(fields, numbers, strict=True):
        is_hexadecimal = len(field) <= _LONGEST_LINE and all(_VALUES[c] != _BAD for c in field)
        value = int(field, 16) if is_hexadecimal else -1
        if not 0 <= value < 1 << number.bits:
            raise BadLineError(
                f"line {line}: {_shown(field)} is not a hexadecimal number of {number.bits} bits"
            )
        values.append(value)
    return values


def _shown(text: bytes) -> str:
    return repr(text.decode("ascii", "backslashreplace")[:80])


def format_cases(columns: Columns, numbers: Sequence[Number]) -> bytes:
    """Return the lines of columns of numbers."""
    width = sum(number.digits + 1 for number in numbers)
    table = np.full((len(columns[0]), width), _SPACE, np.uint8)
    start = 0
    for column, number in zip(columns, numbers, strict=True):
        for k in range(number.digits):
            shift = column.dtype.type(4 * (number.digits - 1 - k))
            table[:, start + k] = _DIGITS[(column >> shift) & column.dtype.type(15)]
        start += number.digits + 1
    table[:, -1] = _NEWLINE
    return table.tobytes()
