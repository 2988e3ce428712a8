"""Conversion of tensors to integers that mean the same on every machine, and back, exactly.

Numbers with an encoding are stored as encodings, indices as they are, and all others as text, one
number per line: see :mod:`numlean.scalar.exact_lines`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.checkpoint.errors import CheckpointError
from numlean.errors import DocumentError
from numlean.scalar.exact_lines import read_lines, write_lines
from numlean.scalar.protocol import Scalar

Kind: TypeAlias = Literal["encodings", "indices", "text"]


_BYTES_PER_NUMBER: Final = 300
"""The bytes that a number without an encoding takes in memory, at most, beside its digits."""


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

    @property
    def memory(self) -> int:
        """An upper bound of the bytes that the numbers take as a tensor."""
        size = int(self.array.nbytes)
        return size if self.kind != "text" else size + _BYTES_PER_NUMBER * prod(self.shape)


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
    try:
        text = write_lines(scalar, x)
    except DocumentError as error:
        raise CheckpointError(str(error)) from None
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
    count = content.count(b"\n") + 1 if content else 0
    if count != prod(numbers.shape):  # before lines and numbers take memory
        raise CheckpointError(f"{count} numbers do not fill the shape {numbers.shape}")
    lines = content.decode("ascii", "replace").split("\n") if content else []
    try:
        return Tensor(scalar, read_lines(scalar, lines, numbers.shape))
    except DocumentError as error:
        raise CheckpointError(str(error)) from None


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
