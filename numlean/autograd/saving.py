"""Tensors as ``pickle`` and ``copy`` take them: encodings, or exact text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.errors import NumleanError
from numlean.scalar.exact_lines import read_lines, write_lines
from numlean.scalar.protocol import Scalar, Storage

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor

Packed: TypeAlias = tuple[tuple[int, ...], str | None, bytes]
"""A shape; the dtype of integers, or None for text; and their bytes."""


def pack(x: Tensor) -> tuple[Scalar | None, Packed]:
    """Return a tensor's Scalar, None for indices, and its numbers.

    Raises:
        NumleanError: A tape watches the tensor, or its numbers have no exact text.
    """
    if x.tape is not None:
        raise NumleanError(
            "a tensor that a tape watches cannot be pickled or deep-copied, because its gradient"
            " would be lost: use t.detach()"
        )
    if x.scalar is INDEX:
        return None, _integers(x.data, x.shape)
    if x.scalar.format is not None:
        return x.scalar, _integers(x.scalar.to_bits(x.data), x.shape)
    text = "\n".join(write_lines(x.scalar, x.data))
    return x.scalar, (x.shape, None, text.encode())


def unpack(scalar: Scalar | None, packed: Packed) -> Storage:
    """Return the storage array of the numbers that ``pack`` returned."""
    shape, dtype, content = packed
    if dtype is None:
        lines = content.decode().split("\n") if content else []
        return read_lines(scalar or INDEX, lines, shape)
    integers = (
        np.frombuffer(content, dtype).astype(np.dtype(dtype).newbyteorder("=")).reshape(shape)
    )
    return integers if scalar is None else scalar.from_bits(integers)


def _integers(array: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Packed:
    little = array.astype(array.dtype.newbyteorder("<"))
    return shape, little.dtype.str, little.tobytes()
