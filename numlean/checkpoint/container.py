"""The bytes of a checkpoint: a safetensors file of integers, and one document about them.

The document is JSON, in the safetensors metadata under ``numlean``. It begins with the version of
the format and the SHA-256 of the whole file, computed with zeros in place of the digest. So no bit
of the file can change unnoticed, in a number, a name or the digest itself.
"""

from __future__ import annotations

import hashlib
import json
import operator
import re
from typing import Any, Final, TypeAlias

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from numlean.checkpoint.errors import CheckpointError
from numlean.data.bounded_json import parse_bounded
from numlean.display_text import printable
from numlean.errors import DocumentError

VERSION: Final = 2
"""The version that is written."""

READABLE_VERSIONS: Final = (1, 2)

KEY: Final = "numlean"
"""The key of the document in the safetensors metadata."""

Document: TypeAlias = dict[str, Any]
Arrays: TypeAlias = dict[str, np.ndarray[Any, Any]]

_BLANK: Final = b"0" * 64
_DTYPES: Final = {"U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "I64": "<i8"}
_LENGTH: Final = 8
"""Bytes of the number at the start of a safetensors file: the length of its header."""


def dumps(document: Document, arrays: Arrays) -> bytes:
    """Return the bytes of a document and arrays of integers; equal input gives equal bytes."""
    whole = {"version": VERSION, "sha256": "", **document}
    whole["sha256"] = _BLANK.decode()
    compact = {name: np.array(x, order="C") for name, x in arrays.items()}
    content = bytes(save(compact, {KEY: json.dumps(whole, allow_nan=False)}))
    return content.replace(_BLANK, hashlib.sha256(content).hexdigest().encode(), 1)


def loads(content: bytes) -> tuple[Document, Arrays]:
    """Return the document, version and digest included, and the arrays.

    Raises:
        CheckpointError: The bytes are not a checkpoint, are incomplete or altered, or have another
            version.
    """
    header = read_header(content)
    document = _document(header)
    _check_version(document)
    _check_length(content, header)
    _check_digest(content, document)
    return document, _arrays(content)


def read_header(content: bytes) -> dict[str, Any]:
    """Return the header of a safetensors file.

    Raises:
        CheckpointError: There is no header, or it is incomplete.
    """
    if len(content) <= _LENGTH:
        raise CheckpointError(f"not a safetensors file: it has only {len(content)} bytes")
    if content[_LENGTH : _LENGTH + 1] != b"{":
        raise CheckpointError("not a safetensors file")
    stop = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    if stop > len(content):
        raise CheckpointError(
            f"the file is cut off: its header ends at byte {stop}, but it has {len(content)} bytes"
        )
    header = _parsed(content[_LENGTH:stop], "header")
    if not all(isinstance(entry, dict) for entry in header.values()):
        raise CheckpointError("not a safetensors file: an entry of its header is not an object")
    return header


def tensors_of(content: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Return the name and the ``dtype``, ``shape`` and ``data`` of each tensor of a file.

    Raises:
        CheckpointError: The header and the numbers do not match.
    """
    try:
        return deserialize(content)  # type: ignore[no-untyped-call, no-any-return]
    except SafetensorError as error:
        raise CheckpointError(f"the safetensors file is damaged: {error}") from None


def is_checkpoint(header: dict[str, Any]) -> bool:
    """Return whether a safetensors file is, or was, a checkpoint."""
    return KEY in header.get("__metadata__", {})


def _parsed(text: bytes, part: str) -> dict[str, Any]:
    try:
        value = parse_bounded(text, part)
    except DocumentError as error:
        raise CheckpointError(str(error)) from None
    if not isinstance(value, dict):
        raise CheckpointError(f"the {part} is not a JSON object")
    return value


def _document(header: dict[str, Any]) -> Document:
    if not is_checkpoint(header):
        raise CheckpointError("a safetensors file, but not a numlean checkpoint")
    text = header["__metadata__"][KEY]
    if not isinstance(text, str):
        raise CheckpointError("the document is not a text")
    return _parsed(text.encode(), "document")


def _check_version(document: Document) -> None:
    version = document.get("version")
    if type(version) is not int:
        raise CheckpointError(f"the document has no version: {version!r:.80}")
    if version not in READABLE_VERSIONS:
        raise CheckpointError(
            f"a checkpoint of version {version}, written by numlean"
            f" {printable(str(document.get('numlean')), 20)}; this numlean reads versions"
            f" {' and '.join(map(str, READABLE_VERSIONS))}"
        )


def _check_length(content: bytes, header: dict[str, Any]) -> None:
    start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    try:
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name[:2] != "__"]
        stop = start + max([0, *map(operator.index, ends)])
    except (KeyError, IndexError, TypeError):
        raise CheckpointError("the header does not contain the positions of the numbers") from None
    if stop != len(content):
        raise CheckpointError(f"the file has {len(content)} bytes instead of {stop}")


def _check_digest(content: bytes, document: Document) -> None:
    digest = document.get("sha256")
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise CheckpointError(f"the sha256 field is not a SHA-256 digest: {digest!r:.80}")
    place, whole = content.find(digest.encode()), memoryview(content)
    if place < 0:
        raise CheckpointError("the sha256 field is not written digit by digit")
    found = hashlib.sha256(whole[:place])
    found.update(_BLANK)
    found.update(whole[place + len(_BLANK) :])
    actual = found.hexdigest()
    if actual != digest:
        raise CheckpointError(f"the file has been changed: its SHA-256 is {actual}, not {digest}")


def _arrays(content: bytes) -> Arrays:
    return {name: _array(name, entry) for name, entry in tensors_of(content)}


def _array(name: str, entry: dict[str, Any]) -> np.ndarray[Any, Any]:
    if entry["dtype"] not in _DTYPES:
        known = ", ".join(_DTYPES)
        raise CheckpointError(
            f"{name!r:.80} has the dtype {entry['dtype']}; expected one of {known}"
        )
    little = np.frombuffer(entry["data"], np.dtype(_DTYPES[entry["dtype"]]))
    return little.reshape(entry["shape"]).astype(little.dtype.newbyteorder("="), copy=False)
