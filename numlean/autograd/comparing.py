"""Comparisons of tensors, element by element."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from numbers import Number
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.errors import MixedScalarError, ShapeError
from numlean.scalar.identity import name_both

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
"""Whether a relation holds, for each element."""

_COMPARABLE: Final = (Number, Decimal, Fraction, np.generic, np.ndarray, list, tuple)

_OF_INDICES: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "eq": np.equal,
    "lt": np.less,
    "le": np.less_equal,
}


def holds(a: Tensor, relation: str, b: Tensor) -> Mask:
    """Return whether a stands in the relation "eq", "lt" or "le" to b, for each element.

    The Scalar compares: a NaN stands in none of them, and zeros are equal. A mask is data: a
    gradient does not go through it, and a compiled step does not compute it again.

    Raises:
        MixedScalarError: They are numbers of different Scalars.
        ShapeError: Their shapes do not broadcast.
    """
    if a.scalar is INDEX and b.scalar is INDEX:
        return _of_indices(a, relation, b)
    if a.scalar is not b.scalar and a.scalar != b.scalar:
        raise MixedScalarError(
            f"a comparison takes numbers of one Scalar, not {name_both(a.scalar, b.scalar)};"
            " convert one with a.to(b.scalar)"
        )
    result = getattr(a.scalar, relation)(a.data, b.data)
    return np.array(result, dtype=np.bool_)[()]


def is_comparable(value: object) -> bool:
    """Return whether a value is a number or an array, which == compares by its elements."""
    return isinstance(value, _COMPARABLE)


def truth(x: Tensor) -> bool:
    """Return whether the only element is not zero; a NaN is not.

    Raises:
        ShapeError: There is not exactly one element.
    """
    if x.size != 1:
        raise ShapeError(
            f"a tensor of shape {x.shape} is neither true nor false: compare its elements, and use"
            " (a == b).all() or (a == b).any()"
        )
    return not holds(x.reshape(1), "eq", x.literal(0))[0]


def _of_indices(a: Tensor, relation: str, b: Tensor) -> Mask:
    try:
        found: Mask = _OF_INDICES[relation](a.data, b.data)
        return found
    except ValueError:
        raise ShapeError(f"shapes {a.shape} and {b.shape} do not broadcast") from None
