"""Single arrays of numpy in files (.npy).

The header is read here and not by ``numpy.load``: numpy takes memory for the shape that the header
states before it looks how long the file is. The format is that of NEP 1 (``numpy.lib.format``),
versions 1.0 to 3.0.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np

from numlean.data.input_file import read_input, shown_path
from numlean.data.size_limit import FLOAT_SIZE, check_size
from numlean.errors import DataError

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

NUMBERS: Final = "biuf"
"""The kinds of dtypes that are numbers."""
TEXT: Final = "U"
"""The kind of dtypes that are texts."""

_MAGIC: Final = b"\x93NUMPY"
_LENGTH_SIZES: Final = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
"""The bytes of the number that states the header's length, by version."""
_LONGEST_HEADER: Final = 10_000
"""The maximum length of a header; the parser of literals is not safe with longer ones."""
_LONG: Final = re.compile(r"(?<=\d)L(?=[,)])")
"""The mark of a long integer, which Python 2 wrote into shapes."""
_MOST_AXES: Final = 32
_LARGEST_EXTENT: Final = 1 << 62
_LARGEST_CHARACTER: Final = 0x10FFFF
_LONGEST_REASON: Final = 200


@dataclass(frozen=True)
class _Header:
    """What an array is like, and where its elements begin."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    is_fortran: bool
    start: int


def read_npy(path: str) -> Array:
    """Return the array of a file; never unpickle Python objects.

    Raises:
        DataError: The file cannot be read, is no such array, or holds neither numbers nor text.
    """
    return array_of_bytes(read_input(path, pipes=True), shown_path(path))


def array_of_bytes(content: bytes, place: str) -> Array:
    """Return the array of a ``.npy`` file's content, without copying it.

    Args:
        content: The bytes.
        place: Where they are, for messages.

    Raises:
        DataError: They are no such array, or it holds neither numbers nor text.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of Python about the header's literal
            header = _read_header(content)
    except DataError as error:
        raise DataError(f"{place}: not an array of numpy: {error}") from None
    except Exception as error:  # a damaged header raises whatever Python's parser stumbles over
        raise DataError(f"{place}: not an array of numpy: {one_line(error)}") from None
    for name in header.dtype.names or (None,):
        _check_dtype(header.dtype if name is None else header.dtype[name], name, place)
    _check_extent(header, len(content), place)
    order = "F" if header.is_fortran else "C"
    array: Array = np.ndarray(
        header.shape,
        header.dtype,
        content,
        header.start,
        order=order,  # type: ignore[arg-type]
    )
    for name in header.dtype.names or (None,):
        _check_characters(array if name is None else array[name], name, place)
    return array


def one_line(error: Exception) -> str:
    """Return what a library says about a file, in one line."""
    return (" ".join(str(error).split()) or type(error).__name__)[:_LONGEST_REASON]


def _read_header(content: bytes) -> _Header:
    """Return the header.

    Raises:
        DataError: It is none.
        Exception: Its literal cannot be parsed.
    """
    if not content.startswith(_MAGIC) or len(content) < len(_MAGIC) + 2:
        raise DataError("the file does not begin as one")
    version = content[6], content[7]
    if version not in _LENGTH_SIZES:
        raise DataError(f"version {version[0]}.{version[1]} of the format is unknown")
    begin = 8 + _LENGTH_SIZES[version]
    length = int.from_bytes(content[8:begin], "little")
    if length > _LONGEST_HEADER:
        raise DataError(f"its header has {length:,} bytes, more than {_LONGEST_HEADER:,}")
    start = begin + length
    if len(content) < start:
        raise DataError("the file ends within its header")
    text = content[begin:start].decode("utf-8" if version == (3, 0) else "latin-1")
    fields = _literal(text)
    if not isinstance(fields, dict) or fields.keys() != {"descr", "fortran_order", "shape"}:
        raise DataError("its header does not state descr, fortran_order and shape")
    shape, is_fortran = fields["shape"], fields["fortran_order"]
    if not _is_shape(shape):
        raise DataError(f"its shape is {shape!r:.80}")
    if not isinstance(is_fortran, bool):
        raise DataError(f"its fortran_order is {is_fortran!r:.80}")
    dtype = np.lib.format.descr_to_dtype(fields["descr"])
    if dtype.hasobject:
        raise DataError("it holds pickled Python objects, which numlean does not load")
    return _Header(dtype, shape, is_fortran, start)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except SyntaxError:
        return ast.literal_eval(_LONG.sub("", text))


def _is_shape(shape: object) -> bool:
    return (
        isinstance(shape, tuple)
        and len(shape) <= _MOST_AXES
        and all(type(extent) is int and 0 <= extent < _LARGEST_EXTENT for extent in shape)
    )


def _check_dtype(dtype: np.dtype[Any], name: str | None, place: str) -> None:
    if dtype.kind not in NUMBERS + TEXT or not dtype.itemsize:
        raise DataError(f"{_field(place, name)}: must hold real numbers or text, got {dtype!s:.80}")


def _check_extent(header: _Header, size: int, place: str) -> None:
    """Check that the elements fill the rest of the content, and are not too many."""
    count = prod(header.shape)
    stated, found = count * header.dtype.itemsize, size - header.start
    if stated != found:
        what = "is cut off" if found < stated else "has more data than one array"
        raise DataError(
            f"{place}: the file {what}: {header.dtype!s:.80} of shape {header.shape!s:.80} are"
            f" {_shown(stated)} bytes, but {found:,} follow the header"
        )
    columns = len(header.dtype.names or "1")
    check_size(f"{place}: the {count:,} elements as binary64 numbers", count * columns * FLOAT_SIZE)


def _shown(size: int) -> str:
    return f"{size:,}" if size < _LARGEST_EXTENT else "more than 2**62"


def _check_characters(array: Array, name: str | None, place: str) -> None:
    """Check that texts consist of characters, which numpy does not."""
    if array.dtype.kind != TEXT or not array.size:
        return
    words = np.ascontiguousarray(array).reshape(-1)
    codes = words.view(np.dtype(np.uint32).newbyteorder(words.dtype.byteorder))
    is_surrogate = (codes >= 0xD800) & (codes < 0xE000)
    if (is_surrogate | (codes > _LARGEST_CHARACTER)).any():
        raise DataError(f"{_field(place, name)}: a text contains what is no character of Unicode")


def _field(place: str, name: str | None) -> str:
    return place if name is None else f"{place}, field {name!r:.80}"
