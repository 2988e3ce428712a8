"""Conversion of numbers, texts and arrays to tensors, each rounded once."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Rational
from typing import Any, TypeAlias

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError
from numlean.scalar.entering import enter
from numlean.scalar.exact import exact_of, is_mpf
from numlean.scalar.exact_text import format_c_hex
from numlean.scalar.protocol import Scalar

TensorLike: TypeAlias = "Tensor | np.ndarray[Any, Any] | Sequence[Any] | str | Fraction | float"
"""A number, or an array or nested lists of numbers, texts, fractions and decimals."""


def as_tensor(scalar: Scalar, values: TensorLike) -> Tensor:
    """Return numbers as a tensor of an arithmetic.

    Floats and integers of any size have their exact values; texts are such as ``0.1``,
    ``0x1.8p-4``, ``1/3``, ``-inf``. A tensor's numbers are its exact values; indices remain so.

    Raises:
        NumleanError: A value is not a number.
        ShapeError: Nested lists have unequal lengths.
    """
    if isinstance(values, Tensor) and values.scalar is INDEX:
        return values
    array = _as_array(values)
    if array.dtype.kind in "fiu":
        return Tensor(scalar, enter(scalar, array))
    if all(map(_is_binary64, array.flat)):
        return Tensor(scalar, enter(scalar, array.astype(np.float64)))
    texts = [exact_text(value) for value in array.flat]
    return Tensor(scalar, scalar.from_string(texts).reshape(array.shape))


def _as_array(values: Any) -> np.ndarray[Any, Any]:
    if isinstance(values, Tensor):
        has_format = values.scalar.format is not None
        # Every format embeds in binary64, which has a -0.
        return values.to_float() if has_format else values.scalar.to_exact(values.data)
    if isinstance(values, np.ndarray):
        return values
    array = np.array(values, dtype=object)
    if any(isinstance(v, list | tuple | np.ndarray) for v in array.flat):
        raise ShapeError(f"nested lists of unequal lengths are not an array: {values!r}")
    return array


def _is_binary64(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, float) or (isinstance(value, int) and abs(value) <= 1 << 53)


def exact_text(value: Any) -> str:
    """Return a text whose value is exactly the number."""
    if isinstance(value, str):
        return value.replace(" ", "")
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float | np.floating):
        near = float(value)
        return near.hex() if near == value or value != value else _ratio(value)
    if isinstance(value, Rational | Decimal):
        return str(value)
    if is_mpf(value):
        exact = exact_of(value)
        return format_c_hex(exact) if exact.is_finite else str(value)
    raise NumleanError(
        f"{value!r} is not a number: give a float, an integer, a Fraction or a text such as '0.1'"
    )


def _ratio(value: float | np.floating[Any]) -> str:
    n, d = value.as_integer_ratio()
    return f"{n}/{d}"
