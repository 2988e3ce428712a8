"""The dtypes of operands and results of operations by name, where they are not numbers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean.errors import StorageError
from numlean.scalar import shapes
from numlean.scalar.kernel_scalar.components import Components, contiguous, ready
from numlean.scalar.protocol import Storage
from numlean_kernels.formats import format_of_key
from numlean_kernels.ieee.convert import cast_format_key, is_cast
from numlean_kernels.ieee.to_integer import integer_dtype
from numlean_kernels.tables.ieee import SIGNALLING_COMPARISONS

_RESULTS: Final = {
    **dict.fromkeys(("eq", "lt", "le", "total_order"), np.bool_),
    **dict.fromkeys(("compare", "classify"), np.int8),
    "to_binary64": np.uint64,
}
_OPERANDS: Final = {"from_binary64": np.uint64, "from_int64": np.int64, "from_uint64": np.uint64}
_SCALING: Final = "scaleb"


def result_dtype(s: Components, name: str) -> np.dtype[Any]:
    """Return the dtype of the results of an operation."""
    integers = integer_dtype(name)
    if integers is not None:
        return np.dtype(integers)
    known = _RESULTS.get(SIGNALLING_COMPARISONS.get(name, name))
    return s.codec.storage_dtype if known is None else np.dtype(known)


def fit(s: Components, name: str, operands: tuple[Any, ...]) -> tuple[Storage, ...]:
    """Return the operands of an operation as kernels take them: checked and of one shape.

    Raises:
        StorageError: An operand is not an array of the dtype that the operation takes.
    """
    arrays = [_checked(s, name, k, operand) for k, operand in enumerate(operands)]
    shape = {array.shape for array in arrays}
    if len(shape) == 1:
        return tuple(arrays)
    return tuple(contiguous(s, array) for array in shapes.broadcast(name, tuple(arrays)))


def _checked(s: Components, name: str, k: int, operand: Any) -> Storage:
    dtype = np.dtype(np.int64) if name == _SCALING and k == 1 else _operand_dtype(name)
    if dtype is None:
        return ready(s, name, operand)
    if not isinstance(operand, np.ndarray) or operand.dtype != dtype:
        given = f"{operand.dtype} array" if isinstance(operand, np.ndarray) else repr(operand)
        raise StorageError(f"{name} of {s.name} takes {dtype} arrays, not {given:.80}")
    return contiguous(s, operand)


def _operand_dtype(name: str) -> np.dtype[Any] | None:
    if is_cast(name):
        return format_of_key(cast_format_key(name)).storage_dtype
    known = _OPERANDS.get(name)
    return None if known is None else np.dtype(known)
