"""A checkpoint's bytes: a safetensors file of integers, and one document about them.

The document is JSON, in the safetensors metadata under ``numlean``. It begins with the version of
its form and the SHA-256 of the whole file, taken with zeros where the digest's digits stand. So no
bit of the file can change unnoticed, be it a number's, a name's or one of the digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final, TypeAlias

import numpy as np

from numlean.checkpoint.errors import CheckpointError

VERSION: Final = 1
"""The version of the form that is written, and the only one that is read."""

KEY: Final = "numlean"
"""Where in the safetensors metadata the document is."""

Document: TypeAlias = dict[str, Any]
Arrays: TypeAlias = dict[str, np.ndarray[Any, Any]]

_BLANK: Final = b"0" * 64
_DTYPES: Final = {"U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "I64": "<i8"}
_LENGTH: Final = 8
"""Bytes of the number with which a safetensors file begins: how long its header is."""


def dumps(document: Document, arrays: Arrays) -> bytes:
    """The file of a document and arrays of integers; the same bytes for the same of both."""
    from safetensors.numpy import save

    whole = {"version": VERSION, "sha256": "", **document}
    whole["sha256"] = _BLANK.decode()
    compact = {name: np.array(x, order="C") for name, x in arrays.items()}
    content = bytes(save(compact, {KEY: json.dumps(whole, allow_nan=False)}))
    return content.replace(_BLANK, hashlib.sha256(content).hexdigest().encode(), 1)


def loads(content: bytes) -> tuple[Document, Arrays]:
    """What ``packed`` was given.

    Raises:
        CheckpointError: These are not the bytes of a checkpoint, or not all of them, or not as they
            were written, or those of another version.
    """
    header = read_header(content)
    document = _document(header)
    _refuse_version(document)
    _refuse_length(content, header)
    _refuse_digest(content, document)
    return document, _arrays(content)


def read_header(content: bytes) -> dict[str, Any]:
    """The header of a safetensors file.

    Raises:
        CheckpointError: It has none, or not the whole of it.
    """
    if len(content) <= _LENGTH:
        raise CheckpointError(f"the file has only {len(content)} bytes")
    if content[_LENGTH : _LENGTH + 1] != b"{":
        raise CheckpointError("this is no safetensors file")
    stop = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    if stop > len(content):
        raise CheckpointError(f"the header ends at byte {stop}, but the file at {len(content)}")
    header = _parsed(content[_LENGTH:stop], "header")
    if not all(isinstance(entry, dict) for entry in header.values()):
        raise CheckpointError("the header is not that of a safetensors file")
    return header


def tensors_of(content: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The tensors of a safetensors file: each one's name, and its ``dtype``, ``shape``, ``data``.

    Raises:
        CheckpointError: The header and the numbers do not fit.
    """
    from safetensors import SafetensorError, deserialize

    try:
        return deserialize(content)  # type: ignore[no-untyped-call, no-any-return]
    except SafetensorError as error:
        raise CheckpointError(f"the safetensors are broken: {error}") from None


def is_checkpoint(header: dict[str, Any]) -> bool:
    """Whether a safetensors file is, or was, a checkpoint."""
    return KEY in header.get("__metadata__", {})


def _parsed(text: bytes | str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise CheckpointError(f"the {what} is no JSON") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"the {what} is no JSON object")
    return value


def _document(header: dict[str, Any]) -> Document:
    if not is_checkpoint(header):
        raise CheckpointError("a safetensors file, but no checkpoint of numlean's")
    text = header["__metadata__"][KEY]
    if not isinstance(text, str):
        raise CheckpointError("the document is no text")
    return _parsed(text, "document")


def _refuse_version(document: Document) -> None:
    version = document.get("version")
    if not isinstance(version, int):
        raise CheckpointError(f"the document names no version: {version!r}")
    if version != VERSION:
        raise CheckpointError(
            f"a checkpoint of version {version}, written by numlean {document.get('numlean')};"
            f" this numlean reads version {VERSION}"
        )


def _refuse_length(content: bytes, header: dict[str, Any]) -> None:
    start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    try:
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name[:2] != "__"]
        stop = start + max([0, *map(int, ends)])
    except (KeyError, IndexError, TypeError, ValueError):
        raise CheckpointError("the header does not say where the numbers are") from None
    if stop != len(content):
        raise CheckpointError(f"the file has {len(content)} bytes instead of {stop}")


def _refuse_digest(content: bytes, document: Document) -> None:
    digest = document.get("sha256")
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise CheckpointError(f"the document's digest is none: {digest!r}")
    blank = content.replace(digest.encode(), _BLANK, 1)
    actual = hashlib.sha256(blank).hexdigest()
    if actual != digest:
        raise CheckpointError(f"the file has been changed: its SHA-256 is {actual}, not {digest}")


def _arrays(content: bytes) -> Arrays:
    return {name: _array(name, entry) for name, entry in tensors_of(content)}


def _array(name: str, entry: dict[str, Any]) -> np.ndarray[Any, Any]:
    if entry["dtype"] not in _DTYPES:
        raise CheckpointError(f"{name!r} is of {entry['dtype']}, not of encodings")
    little = np.frombuffer(entry["data"], np.dtype(_DTYPES[entry["dtype"]]))
    return little.reshape(entry["shape"]).astype(little.dtype.newbyteorder("="))
