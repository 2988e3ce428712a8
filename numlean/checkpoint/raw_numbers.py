"""Conversion of tensors to integers that mean the same on every machine, and back, exactly.

Numbers with an encoding are stored as encodings, indices as they are, and all others as text, one
number per line: ``sign:significand:exponent``, the last two in hexadecimal, or ``-0``, ``inf``,
``-inf`` or ``nan``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.checkpoint.errors import CheckpointError
from numlean.errors import NumleanError
from numlean.scalar.exact import Exact, exact_of, to_mpf
from numlean.scalar.exact_text import format_fields, parse_fields
from numlean.scalar.protocol import Scalar, Storage

Kind: TypeAlias = Literal["encodings", "indices", "text"]

_MINUS_ZERO: Final = "-0"


@dataclass(frozen=True)
class RawTensor:
    """The numbers of a tensor as integers, without its Scalar.

    Attributes:
        kind: The meaning of the integers: encodings, indices, or the bytes of a text.
        shape: The tensor's shape.
        array: The integers; one-dimensional for a text.
    """

    kind: Kind
    shape: tuple[int, ...]
    array: np.ndarray[Any, Any]


def to_raw(tensor: Tensor) -> RawTensor:
    """Return a tensor's numbers as integers.

    Raises:
        CheckpointError: Exact values do not represent all numbers of its Scalar.
    """
    scalar, x = tensor.scalar, tensor.data
    if scalar is INDEX:
        return RawTensor("indices", x.shape, x)
    if scalar.format is not None:
        return RawTensor("encodings", x.shape, scalar.to_bits(x))
    text = _written(scalar, x)
    if scalar.to_bytes(_read(scalar, text, x.shape)) != scalar.to_bytes(x):
        raise CheckpointError(
            f"{scalar.name}: from_exact does not reproduce the numbers {x.ravel()[:3]}"
        )
    return RawTensor("text", x.shape, np.frombuffer("\n".join(text).encode(), np.uint8))


def from_raw(numbers: RawTensor, scalar: Scalar) -> Tensor:
    """Return the tensor of stored numbers in a Scalar.

    Raises:
        CheckpointError: They are not numbers of this Scalar.
    """
    if numbers.kind == "indices":
        return Tensor(INDEX, _fitting(numbers, np.dtype(np.int64)))
    if (numbers.kind == "encodings") != (scalar.format is not None):
        raise CheckpointError(f"{scalar.name} does not use {numbers.kind}")
    if scalar.format is not None:
        bits = _fitting(numbers, np.dtype(scalar.format.storage_dtype))
        return Tensor(scalar, scalar.from_bits(bits))
    content = _fitting(numbers, np.dtype(np.uint8), is_text=True).tobytes()
    lines = content.decode("ascii", "replace").split("\n") if content else []
    return Tensor(scalar, _read(scalar, lines, numbers.shape))


def _fitting(
    numbers: RawTensor, dtype: np.dtype[Any], *, is_text: bool = False
) -> np.ndarray[Any, Any]:
    array = numbers.array
    fits = array.ndim == 1 if is_text else array.shape == numbers.shape
    if array.dtype != dtype or not fits:
        raise CheckpointError(
            f"expected {numbers.kind} of {dtype} {numbers.shape}, got {array.dtype} {array.shape}"
        )
    return array


def _written(scalar: Scalar, x: Storage) -> list[str]:
    lines = [_line(exact_of(value)) for value in scalar.to_exact(x).flat]
    flat, zero = x.reshape(-1), scalar.to_bytes(scalar.from_exact([0]))
    for k in (k for k, line in enumerate(lines) if line == "0:0:0"):
        if scalar.to_bytes(flat[k : k + 1]) != zero:
            lines[k] = _MINUS_ZERO
    return lines


def _line(value: Exact) -> str:
    for name, special in _specials().items():
        if value == special:
            return name
    return format_fields(value)


def _specials() -> dict[str, Any]:
    from mpmath import libmp

    return {"inf": libmp.finf, "-inf": libmp.fninf, "nan": libmp.fnan}


def _read(scalar: Scalar, lines: list[str], shape: tuple[int, ...]) -> Storage:
    if len(lines) != int(np.prod(shape, dtype=object)):
        raise CheckpointError(f"{len(lines)} numbers do not fill the shape {shape}")
    values = np.fromiter(map(_value, lines), dtype=object, count=len(lines))
    x = scalar.from_exact(values)
    is_minus_zero = np.array([line == _MINUS_ZERO for line in lines], dtype=np.bool_)
    if is_minus_zero.any():
        x = np.where(is_minus_zero, scalar.neg(x), x)
    return x.reshape(shape)


def _value(line: str) -> Any:
    if line == _MINUS_ZERO:
        return to_mpf(Exact(0, 0, 0, 0))
    if line in _specials():
        return to_mpf(_specials()[line])
    try:
        return to_mpf(parse_fields(line))
    except NumleanError:
        raise CheckpointError(f"{line[:80]!r} is not a number in a checkpoint's form") from None
