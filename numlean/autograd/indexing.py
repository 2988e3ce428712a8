"""Parts of tensors: the indices that numpy takes, with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from numlean.autograd import primitives as ops
from numlean.autograd.indices import INDEX
from numlean.errors import IndexOutOfRangeError, ShapeError

if TYPE_CHECKING:
    from types import EllipsisType

    from numlean.autograd.tensor import Tensor

Place: TypeAlias = (
    "int | slice | EllipsisType | Sequence[Any] | np.ndarray[Any, Any] | Tensor | None"
)
"""An index of an axis: a number, a slice, several indices, a mask; None makes an axis."""

Places: TypeAlias = "Place | tuple[Place, ...]"


def part(x: Tensor, where: Places) -> Tensor:
    """Return the part of a tensor that an index selects, as numpy selects it.

    Numbers, slices, ``...`` and None select a view; the gradient of an element that is not selected
    is +0. Lists, arrays and masks select copies of elements; the gradient of an element adds those
    of its copies from +0, in C order.

    Raises:
        ShapeError: There are more indices than axes.
        IndexOutOfRangeError: An index is out of range, or is not one.
    """
    places = where if isinstance(where, tuple) else (where,)
    if x.scalar is INDEX or not all(map(_is_basic, places)):
        return _elements(x, places)
    return _view(x, _one_per_axis(places, x.ndim))


def _is_basic(place: Any) -> bool:
    if place is None or place is Ellipsis or isinstance(place, slice):
        return True
    return isinstance(place, int | np.integer) and not isinstance(place, bool)


def _one_per_axis(places: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    """Return basic indices with whole slices in place of ``...``."""
    count = sum(place is not None and place is not Ellipsis for place in places)
    if count > ndim:
        raise ShapeError(f"too many indices for a tensor with {ndim} axes: {count}")
    gaps = [k for k, place in enumerate(places) if place is Ellipsis]
    if len(gaps) > 1:
        raise IndexOutOfRangeError("an index can only have a single ellipsis ('...')")
    gap = gaps[0] if gaps else len(places)
    return (*places[:gap], *[slice(None)] * (ndim - count), *places[gap + 1 :])


def _view(x: Tensor, places: tuple[Any, ...]) -> Tensor:
    on_axes = [place for place in places if place is not None]
    slices = tuple(_as_slice(place, n) for place, n in zip(on_axes, x.shape, strict=True))
    z = ops.slice_(x, slices)
    extents = iter(z.shape)
    shape: list[int] = []
    for place in places:
        extent = 1 if place is None else next(extents)
        if place is None or isinstance(place, slice):
            shape.append(extent)
    return z if tuple(shape) == z.shape else z.reshape(*shape)


def _as_slice(place: Any, extent: int) -> slice:
    if isinstance(place, slice):
        try:
            place.indices(extent)
        except (TypeError, ValueError) as error:
            raise IndexOutOfRangeError(f"{place}: {error}") from None
        return place
    index = int(place)
    if not -extent <= index < extent:
        raise IndexOutOfRangeError(f"index {index} is out of range for an axis of extent {extent}")
    return slice(index % extent, index % extent + 1)


def _elements(x: Tensor, places: tuple[Any, ...]) -> Tensor:
    """Return copies of the elements that numpy selects for the same index."""
    keys = tuple(_as_array(place) for place in places)
    try:
        selected = np.arange(x.size).reshape(x.shape)[keys]
    except (IndexError, TypeError, ValueError) as error:
        raise IndexOutOfRangeError(f"{error}") from None
    index = np.asarray(selected, dtype=np.int64)
    if x.scalar is INDEX:
        return x.like(np.asarray(x.data.reshape(-1)[index]))
    return ops.take(x, x.indices(index))


def _as_array(place: Any) -> Any:
    scalar = getattr(place, "scalar", None)
    if scalar is None:
        return place
    if scalar is not INDEX:
        raise IndexOutOfRangeError(
            f"the index must be integers or a mask, not numbers of {scalar.name}"
        )
    return place.data
