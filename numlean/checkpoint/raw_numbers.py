"""Tensors as integers that mean the same everywhere, and back, not a bit changed.

Numbers that have an encoding are kept as that; indices as they are; all others as text, one number
a line: ``sign:significand:exponent``, the last two in hexadecimal, or ``-0``, ``inf``, ``-inf`` or
``nan``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.checkpoint.errors import CheckpointError
from numlean.scalar.protocol import Scalar, Storage

Kind: TypeAlias = Literal["encodings", "indices", "text"]

_NUMBER: Final = re.compile("([01]):([0-9a-f]+):(-?[0-9a-f]+)")
_MINUS_ZERO: Final = "-0"


@dataclass(frozen=True)
class RawTensor:
    """A tensor apart from its arithmetic.

    Attributes:
        kind: What the integers are: encodings, indices, or the bytes of a text.
        shape: The tensor's shape.
        array: The integers; of a text, in one dimension.
    """

    kind: Kind
    shape: tuple[int, ...]
    array: np.ndarray[Any, Any]


def to_raw(tensor: Tensor) -> RawTensor:
    """A tensor's numbers as integers.

    Raises:
        CheckpointError: Its Scalar cannot tell all its numbers by their exact values.
    """
    scalar, x = tensor.scalar, tensor.data
    if scalar is INDEX:
        return RawTensor("indices", x.shape, x)
    if scalar.format is not None:
        return RawTensor("encodings", x.shape, scalar.to_bits(x))
    text = _written(scalar, x)
    if scalar.to_bytes(_read(scalar, text, x.shape)) != scalar.to_bytes(x):
        raise CheckpointError(
            f"{scalar.name} has numbers that its from_exact does not give back: {x.ravel()[:3]}"
        )
    return RawTensor("text", x.shape, np.frombuffer("\n".join(text).encode(), np.uint8))


def from_raw(numbers: RawTensor, scalar: Scalar) -> Tensor:
    """The tensor of numbers in a Scalar.

    Raises:
        CheckpointError: They are none of that Scalar.
    """
    if numbers.kind == "indices":
        return Tensor(INDEX, _fitting(numbers, np.dtype(np.int64)))
    if (numbers.kind == "encodings") != (scalar.format is not None):
        raise CheckpointError(f"the numbers are {numbers.kind}, which {scalar.name} has not")
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
            f"{numbers.kind} of {dtype} {numbers.shape} are {array.dtype} {array.shape}"
        )
    return array


def _written(scalar: Scalar, x: Storage) -> list[str]:
    lines = [_line(value._mpf_) for value in scalar.to_exact(x).flat]
    flat, zero = x.reshape(-1), scalar.to_bytes(scalar.from_exact([0]))
    for k in (k for k, line in enumerate(lines) if line == "0:0:0"):
        if scalar.to_bytes(flat[k : k + 1]) != zero:
            lines[k] = _MINUS_ZERO
    return lines


def _line(value: Any) -> str:
    for name, special in _specials().items():
        if value == special:
            return name
    sign, significand, exponent, _ = value
    return f"{sign:d}:{int(significand):x}:{int(exponent):x}"


def _specials() -> dict[str, Any]:
    from mpmath import libmp

    return {"inf": libmp.finf, "-inf": libmp.fninf, "nan": libmp.fnan}


def _read(scalar: Scalar, lines: list[str], shape: tuple[int, ...]) -> Storage:
    if len(lines) != int(np.prod(shape, dtype=object)):
        raise CheckpointError(f"{len(lines)} numbers do not make the shape {shape}")
    values = np.fromiter(map(_value, lines), dtype=object, count=len(lines))
    x = scalar.from_exact(values)
    is_minus_zero = np.array([line == _MINUS_ZERO for line in lines], dtype=np.bool_)
    if is_minus_zero.any():
        x = np.where(is_minus_zero, scalar.neg(x), x)
    return x.reshape(shape)


def _value(line: str) -> Any:
    from mpmath import libmp, mp

    if line == _MINUS_ZERO:
        return mp.make_mpf(libmp.fzero)
    if line in _specials():
        return mp.make_mpf(_specials()[line])
    match = _NUMBER.fullmatch(line)
    if match is None:
        raise CheckpointError(f"{line[:80]!r} is no number of a checkpoint")
    significand = int(match[2], 16) * (-1 if match[1] == "1" else 1)
    return mp.make_mpf(libmp.from_man_exp(significand, int(match[3], 16)))
