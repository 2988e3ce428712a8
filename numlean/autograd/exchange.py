"""Exchange of tensors with numpy and with other libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.errors import ExportError, NumleanError
from numlean.scalar.conversion import Conversion, check_options
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean_kernels.formats import Format

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor

_NARROW: Final = {np.dtype(np.float16): "binary16", np.dtype(np.float32): "float32"}
"""numpy's formats that are narrower than binary64, and the dtypes of the same numbers."""

_HARDWARE: Final = (
    (np.dtype(np.float16), Format("binary16", 5, 10)),
    (np.dtype(np.float32), Format("binary32", 8, 23)),
    (np.dtype(np.float64), Format("binary64", 11, 52)),
)

_SCALAR_OF: Final = {"float16": "binary16", "float32": "float32", "float64": "float64"}

_REFUSALS: Final = (TypeError, ValueError, BufferError, RuntimeError, AttributeError)
"""What another library raises for an array that it does not hand over."""


def values_of(x: Tensor) -> np.ndarray[Any, Any]:
    """Return a new array of the values: binary64, each rounded once; of indices int64."""
    return np.array(x.data if x.scalar is INDEX else x.to_float())


def as_array(x: Tensor, dtype: Any, copy: bool | None) -> np.ndarray[Any, Any]:
    """Return the values as numpy asks for them; each is rounded once to the dtype.

    Integers are the values toward zero. Of dtype object, they are exact, as ``mpmath.mpf``.

    Raises:
        NumleanError: A copy is refused, or a value is not in the range of an integer dtype.
    """
    if copy is False:
        raise NumleanError(
            "a tensor's values can only be copied: use np.asarray(t), without copy=False"
        )
    if dtype is None or x.scalar is INDEX:
        return values_of(x) if dtype is None else values_of(x).astype(dtype)
    wanted = np.dtype(dtype)
    if wanted.hasobject:
        return np.array(x.scalar.to_exact(x.data), dtype=object)
    if wanted.kind in "iu":
        return _as_integers(x, wanted)
    if wanted in _NARROW and x.scalar.format is None:
        # Not through binary64, which would round twice.
        scalar = get_scalar(_NARROW[wanted])
        return scalar.to_float(scalar.from_exact(x.scalar.to_exact(x.data))).astype(wanted)
    with np.errstate(over="ignore", invalid="ignore"):
        return values_of(x).astype(wanted)


def _as_integers(x: Tensor, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    wide = x.scalar.to_int(x.data)
    ends = np.iinfo(dtype)
    if wide.size and not (ends.min <= int(wide.min()) and int(wide.max()) <= ends.max):
        raise NumleanError(
            f"a value from {wide.min()} to {wide.max()} is not in the range of {dtype}"
        )
    return np.array(wide).astype(dtype)


def converted(x: Tensor, scalar: Scalar, conversion: Conversion) -> Storage:
    """Return the numbers in another arithmetic, each rounded once from its exact value.

    Raises:
        NumleanError: Indices are not numbers, or the arithmetic lacks a choice of the conversion.
    """
    if INDEX in (x.scalar, scalar):
        raise NumleanError("indices and numbers of a Scalar do not convert into each other")
    if not conversion.is_plain or not scalar.is_deterministic:
        options = conversion.options()
        check_options(scalar, "cast_from", options)
        return scalar.cast_from(x.scalar, x.data, **options)
    if x.scalar.format is not None:
        return scalar.from_float(x.to_float())  # exact, and keeps the sign of a zero
    return scalar.from_exact(x.scalar.to_exact(x.data))


def exported(x: Tensor) -> np.ndarray[Any, Any]:
    """Return the values as DLPack can express them: exactly, in a copy.

    The dtype is the narrowest of float16, float32 and float64 that has every number of the format:
    bfloat16 is exported as float32, and the formats of eight bits as float16. Indices are int64.

    Raises:
        ExportError: Binary64 does not have every number of the Scalar.
    """
    if x.scalar is INDEX:
        return values_of(x)
    for dtype, hardware in _HARDWARE:
        if x.scalar.format is not None and hardware.contains(x.scalar.format):
            return as_array(x, dtype, None)
    raise ExportError(
        f"DLPack has no format for the numbers of {x.scalar.name}; export t.numpy(), whose values"
        " are rounded to binary64"
    )


def imported(array: Any) -> np.ndarray[Any, Any]:
    """Return the numpy array of an object of another library, by DLPack.

    Raises:
        NumleanError: numpy does not take it.
    """
    try:
        return np.from_dlpack(array)
    except _REFUSALS as error:
        raise NumleanError(
            f"from_dlpack takes an array of another library on the CPU, of a dtype that numpy has:"
            f" {error}"
        ) from None


def scalar_of(array: np.ndarray[Any, Any], scalar: Scalar | str | None) -> Scalar:
    """Return a given arithmetic, or the one whose numbers are an array's.

    Raises:
        NumleanError: There is none for the array's dtype.
    """
    if scalar is None and array.dtype.name not in _SCALAR_OF:
        raise NumleanError(
            f"no Scalar has exactly the numbers of {array.dtype}; name one, such as"
            ' from_dlpack(x, "float64")'
        )
    chosen = _SCALAR_OF[array.dtype.name] if scalar is None else scalar
    return get_scalar(chosen) if isinstance(chosen, str) else chosen


def integer_of(x: Tensor) -> int:
    """Return the only element, toward zero, as an integer of any size.

    Raises:
        NumleanError: It is infinite or a NaN.
    """
    if x.scalar is INDEX:
        return int(x.data.item())
    value = x.scalar.to_exact(x.data).item()
    try:
        return int(value)
    except (OverflowError, ValueError):
        raise NumleanError(f"{value} of {x.scalar.name} is not an integer") from None
