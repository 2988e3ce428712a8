"""What a run is of, as plain data: so that a checkpoint can tell whether it is of this one."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from itertools import islice
from typing import Any, Final, TypeAlias

import numpy as np

from numlean.autograd.primitive import Primitive
from numlean.autograd.tensor import Tensor
from numlean.data import Batch, DataLoader, Dataset, Sample

Plain: TypeAlias = Any
"""What JSON can say: dicts with names, lists, texts, numbers, booleans and None."""

Data: TypeAlias = Dataset | Sequence[Sample | Batch] | DataLoader
"""What a loop trains on."""

_ABSENT: Final = object()

_SHOWN: Final = 5
"""Of more differences than this, the others are only counted."""


def fingerprint(value: object) -> Plain:
    """A value as plain data, equal for values that mean the same in every process.

    Dataclasses are described by their class and fields; a function only by its name, and an object
    of any other class by that and those attributes that are plain.
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
    if is_dataclass(value) and not isinstance(value, type):
        own = {field.name: fingerprint(getattr(value, field.name)) for field in fields(value)}
        return {"class": type(value).__qualname__, **own}
    if hasattr(value, "__qualname__"):
        return value.__qualname__
    return {"class": type(value).__qualname__, **_plain_attributes(value)}


def data_described(data: Data | None) -> Plain:
    """How many samples there are and a digest of them; of a loader, also how it batches them."""
    match data:
        case None:
            return None
        case DataLoader():
            own = {field.name: getattr(data, field.name) for field in fields(data)}
            order = None if data.order is None else np.array(data.order, np.int64)
            described_own = fingerprint({**own, "dataset": None, "order": order})
            return {"class": "DataLoader", **described_own, "dataset": data_described(data.dataset)}
        case Dataset():
            parts = [data.x, data.y]
        case _:
            parts = [part for sample in data for part in sample]
    digest = hashlib.sha256(" ".join(map(_digest, parts)).encode()).hexdigest()
    count = data.size if isinstance(data, Dataset) else len(data)
    return {"samples": count, "sha256": digest}


def differences(there: Plain, here: Plain, name: str = "") -> Iterator[str]:
    """Where two descriptions differ, each in words."""
    match there, here:
        case dict(), dict():
            for key in (*there, *(key for key in here if key not in there)):
                inner = f"{name}.{key}" if name else key
                yield from differences(there.get(key, _ABSENT), here.get(key, _ABSENT), inner)
        case list(), list() if len(there) == len(here):
            for index, (one, other) in enumerate(zip(there, here, strict=True)):
                yield from differences(one, other, f"{name}.{index}")
        case _ if there != here or isinstance(there, bool) != isinstance(here, bool):
            yield f"{name} is {_shown(there)} in the file and {_shown(here)} here"


def summary(different: Iterable[str]) -> str:
    """The first few of several differences, and how many more there are; "" if there is none."""
    differences = iter(different)
    shown, more = list(islice(differences, _SHOWN)), sum(1 for _ in differences)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _shown(value: Plain) -> str:
    if value is _ABSENT:
        return "absent"
    if isinstance(value, dict) and "class" in value:
        return str(value["class"])
    return f"{len(value)} long" if isinstance(value, dict | list) else repr(value)


def _plain_attributes(value: object) -> dict[str, Plain]:
    attributes = vars(value) if hasattr(value, "__dict__") else {}
    is_plain = (bool, int, float, str, type(None))
    return {name: fingerprint(v) for name, v in attributes.items() if isinstance(v, is_plain)}


def _digest(values: Tensor | np.ndarray[Any, Any]) -> str:
    if isinstance(values, Tensor):
        kind, shape, content = values.scalar.name, values.shape, _tensor_bytes(values)
    else:
        array = np.asarray(values)
        kind, shape = array.dtype.str[1:], array.shape
        content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return hashlib.sha256(f"{kind} {shape}\n".encode() + content).hexdigest()


def _tensor_bytes(tensor: Tensor) -> bytes:
    from numlean.checkpoint.raw_numbers import to_raw

    return to_raw(tensor).array.tobytes()
