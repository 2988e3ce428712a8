"""Fingerprints: descriptions of values as plain data, equal if the values mean the same.

A checkpoint contains the fingerprint of its run, so that it is resumed by the same run only.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from types import CodeType, FunctionType
from typing import Any, Final, TypeAlias

import numpy as np

from numlean.arguments.option import described_fields
from numlean.autograd.primitive import Primitive
from numlean.autograd.tensor import Tensor
from numlean.checkpoint.raw_numbers import to_raw
from numlean.data import Batch, DataLoader, Dataset, Sample
from numlean.nn import Layer

Plain: TypeAlias = Any
"""Data that JSON can express: objects, lists, texts, numbers, booleans and null."""

Data: TypeAlias = Dataset | Sequence[Sample | Batch] | DataLoader
"""Data that a loop trains on."""


_DESCRIBABLE: Final = (
    *(bool, int, float, str, type(None), Enum, np.generic, np.ndarray),
    *(FunctionType, partial, Primitive, Layer),
)


def fingerprint(value: object) -> Plain:
    """Return a value as plain data, equal in every process for values that mean the same.

    A dataclass gives its class and fields, without each ``option`` that has its default; an object
    of any other class its class and those attributes that are plain values, arrays, functions,
    layers, or lists and mappings of these; a layer of such a class also gives its children. A
    function of a module gives its name. A lambda or a local function gives its name and a digest of
    its code, defaults and closure: such functions share names, so that ``lambda x: x * 2`` and
    ``lambda x: x * 3`` differ. The digest does not cover the values of global names, and depends on
    the version of Python.
    """
    match value:
        case Enum():
            return value.name
        case np.generic():
            return fingerprint(value.item())
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else repr(value)
        case np.ndarray():
            return {"class": "array", "shape": [*value.shape], "sha256": _digest(value)}
        case Tensor():
            return {"class": "Tensor", "shape": [*value.shape], "sha256": _digest(value)}
        case Primitive():
            return value.name
        case partial():
            given = (value.args, value.keywords)
            return {"class": "partial", "of": fingerprint(value.func), "given": fingerprint(given)}
        case Mapping():
            return {str(key): fingerprint(element) for key, element in value.items()}
        case list() | tuple():
            return [fingerprint(element) for element in value]
        case FunctionType() if "<" in value.__qualname__:  # <lambda>, <locals>
            return {"class": value.__qualname__, "sha256": _function_digest(value)}
    if is_dataclass(value) and not isinstance(value, type):
        own = {name: fingerprint(v) for name, v in described_fields(value).items()}
        return {"class": type(value).__qualname__, **own}
    if hasattr(value, "__qualname__"):
        return value.__qualname__
    children = value.children if isinstance(value, Layer) else ()
    return {
        "class": type(value).__qualname__,
        **_describable_attributes(value),
        **({"children": fingerprint(children)} if children else {}),
    }


def data_fingerprint(data: Data | None) -> Plain:
    """Return the number of samples and a digest of them; for a loader, also how it batches them."""
    match data:
        case None:
            return None
        case DataLoader():
            own = {field.name: getattr(data, field.name) for field in fields(data)}
            order = None if data.order is None else np.array(data.order, np.int64)
            plain = fingerprint({**own, "dataset": None, "order": order})
            return {"class": "DataLoader", **plain, "dataset": data_fingerprint(data.dataset)}
        case Dataset():
            parts = [data.x, data.y]
        case _:
            parts = [part for sample in data for part in sample]
    digest = hashlib.sha256(" ".join(map(_digest, parts)).encode()).hexdigest()
    count = data.size if isinstance(data, Dataset) else len(data)
    return {"samples": count, "sha256": digest}


def _describable_attributes(value: object) -> dict[str, Plain]:
    attributes = vars(value) if hasattr(value, "__dict__") else {}
    return {name: fingerprint(v) for name, v in attributes.items() if _is_describable(v)}


def _is_describable(value: object) -> bool:
    match value:
        case Mapping():
            return all(map(_is_describable, value.values()))
        case list() | tuple():
            return all(map(_is_describable, value))
    return isinstance(value, _DESCRIBABLE)


def _function_digest(function: FunctionType) -> str:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    plain = {
        "code": _code(function.__code__),
        "defaults": fingerprint([function.__defaults__, function.__kwdefaults__]),
        "closure": ["itself" if each is function else fingerprint(each) for each in cells],
    }
    text = json.dumps(plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _code(code: CodeType) -> Plain:
    """Describe the computation of a code object, without names of variables, files and lines."""
    return [code.co_code.hex(), list(code.co_names), [_constant(each) for each in code.co_consts]]


def _constant(value: object) -> Plain:
    match value:
        case CodeType():
            return _code(value)
        case frozenset():  # its order depends on the process
            return sorted(map(repr, value))
    return repr(value)


def _digest(values: Tensor | np.ndarray[Any, Any]) -> str:
    if isinstance(values, Tensor):
        kind, shape, content = values.scalar.name, values.shape, to_raw(values).array.tobytes()
    else:
        array = np.asarray(values)
        kind, shape = array.dtype.str[1:], array.shape
        content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return hashlib.sha256(f"{kind} {shape}\n".encode() + content).hexdigest()
