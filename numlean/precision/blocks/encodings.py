"""Numbers as binary32 encodings, which block formats take."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.scalar.registry import get_scalar

Array = np.ndarray[Any, Any]

BINARY32_DTYPE: Final = "ieee32exec"
"""The dtype of the numbers that are quantised."""


def binary32_encodings(x: Tensor | ArrayLike, taker: str) -> Array:
    """Return numbers as binary32 encodings, rounded to nearest.

    Args:
        x: The numbers.
        taker: The name of the function that takes them, for errors.

    Raises:
        NumleanError: They are no real numbers, or no array of one shape.
    """
    if isinstance(x, Tensor):
        scalar: Any = get_scalar(BINARY32_DTYPE, "python" if x.scalar.device == "python" else "cpu")
        return np.asarray(scalar.cast_from(x.scalar, x.data))
    try:
        given = np.asarray(x)
    except ValueError:
        raise NumleanError(
            f"{taker} takes an array of numbers; the parts of this one have different shapes"
        ) from None
    except TypeError as error:  # such as an array of CuPy, or a tensor of PyTorch, on a GPU
        raise NumleanError(
            f"{taker} takes an array that numpy reads; copy this one to the host first: {error}"
        ) from None
    if given.dtype.kind not in "iufb" and given.dtype.name != "bfloat16":
        raise NumleanError(
            f"{taker} takes real numbers, got an array of {given.dtype}; convert it with"
            " astype('float32')"
        )
    with np.errstate(all="ignore"):
        return np.asarray(given.astype(np.float32, copy=False), order="C").view(np.uint32)
