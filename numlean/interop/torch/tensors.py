"""Tensors of numlean as tensors of PyTorch of the same format, and the reverse, bit for bit."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import UnavailableError
from numlean.interop.torch.library import array, library, tensor
from numlean.scalar.registry import scalar_on
from numlean_kernels.formats import BFLOAT16, BINARY16, BINARY32, BINARY64

_DTYPES: Final = {
    BFLOAT16: "bfloat16",
    BINARY16: "float16",
    BINARY32: "float32",
    BINARY64: "float64",
}
"""PyTorch's names of formats."""

_OURS: Final = {
    "bfloat16": "bfloat16",
    "float16": "binary16",
    "float32": "float32",
    "float64": "float64",
}
"""Our names of PyTorch's dtypes."""


def their_tensor(x: Tensor) -> Any:
    """Return a copy of a tensor as PyTorch's, of the same format; indices as int64.

    Raises:
        UnavailableError: PyTorch has no such format.
    """
    if x.scalar is INDEX:
        return tensor(np.array(x.data, dtype=np.int64))
    name = _DTYPES.get(x.scalar.format) if x.scalar.format is not None else None
    if name is None:
        raise UnavailableError(f"PyTorch has no numbers of {x.scalar.name}")
    bits = np.array(x.scalar.to_bits(x.data))
    words = bits.view(np.dtype(f"i{bits.itemsize}"))
    return tensor(words).view(getattr(library(), name))


def our_tensor(z: Any, device: str) -> Tensor:
    """Return a tensor of PyTorch as numlean's, of the same format.

    Args:
        z: The tensor, of floats.
        device: The device of its Scalar.
    """
    name = str(z.dtype).removeprefix("torch.")
    scalar = scalar_on(_OURS[name], device)
    words = array(z.view(getattr(library(), f"int{8 * z.element_size()}")))
    return Tensor(scalar, scalar.from_bits(words.view(np.dtype(f"u{words.itemsize}"))))
