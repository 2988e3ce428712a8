"""The numbers from which one element of a result was computed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from numlean.analysis.trace.element import Element, Index
from numlean.analysis.trace.products import PRODUCT, element_of_mixed_product, element_of_product
from numlean.autograd.literal import exact_text
from numlean.scalar.operations import ELEMENTWISE, MIXED_PRODUCTS, Kind, operations
from numlean.scalar.protocol import Numbers, Scalar, Storage
from numlean.scalar.real_numbers import real_numbers
from numlean.scalar.shapes import axes_of
from numlean.scalar.wrappers.tracing import TracedOperation

_PAIRWISE_RELATIONS: Final = operations(kind=Kind.RELATION)
_PRODUCTS: Final = operations(kind=Kind.PRODUCT)


def element_of(op: TracedOperation, index: Index) -> Element | None:
    """Return the computation of an element; None for operations that only move numbers."""
    name = op.operation
    if name in ELEMENTWISE or name in _PAIRWISE_RELATIONS:
        return _elementwise(op, index)
    if name in _PRODUCTS:
        return _product(op, index)
    if name in ("sum", "max"):
        return _along_axes(op, index)
    if name == "from_float":
        (values,) = op.operands
        return _of_number(single(real_numbers(values, name), index), op.options)
    if name == "cast_from":
        source, x = op.operands
        shown = {"a": Numbers(source, single(x, index))}
        return replace(_of_cast(op, index), shown=shown)
    if name in MIXED_PRODUCTS:
        return element_of_mixed_product(op, index)
    if name == PRODUCT:
        return element_of_product(op, index)
    if name == "from_string":
        return _of_text(single(np.array(op.operands[0], np.str_), index))
    return None


def _exact_number(op: TracedOperation, index: Index) -> Storage:
    """Return a number that is cast, as binary64 if the source's numbers are, else as mpf."""
    source, x = op.operands
    value = single(x, index)
    values: Storage = source.to_exact(value) if source.format is None else source.to_float(value)
    return values


def _of_cast(op: TracedOperation, index: Index) -> Element:
    """Return a cast of a number, or in a wider arithmetic the number."""
    number = _of_number(_exact_number(op, index), {})
    options = {name: x for name, x in op.options.items() if name != "flags"}
    if not options:
        return number
    source, x = op.operands
    value, format = single(x, index), op.scalar.format

    def apply(s: Scalar, x: tuple[Any, ...]) -> Storage:
        is_own = s.format == format and (format is not None or s == op.scalar)
        return s.cast_from(source, value, **options) if is_own else number.apply(s, x)

    return replace(number, apply=apply)


def _of_number(value: Storage, options: dict[str, Any]) -> Element:
    """Return the conversion of a number, which is rounded once."""
    if value.dtype != np.float64:
        return _of_text(np.array([exact_text(value[0])], np.str_))
    return Element({"a": value}, lambda s, x: s.from_float(x[0], **options), is_conversion=True)


def _of_text(text: Storage) -> Element:
    return Element({"a": text}, lambda s, x: s.from_string(list(x[0])), is_conversion=True)


def single(x: Storage, index: Index) -> Storage:
    """Return one element of an array, as an array of one axis."""
    return np.asarray(x[tuple(slice(k, k + 1) for k in index)]).reshape(1)


def _elementwise(op: TracedOperation, index: Index) -> Element:
    shape = op.result.shape
    operands = {
        label: single(np.broadcast_to(x, shape), index)
        for label, x in zip("abc", map(np.asarray, op.operands), strict=False)
    }
    return Element(operands, lambda s, x: getattr(s, op.operation)(*x))


def _product(op: TracedOperation, index: Index) -> Element:
    a, b = op.operands
    *batch, i, j = index
    row, column = a[(*batch, i)], b[(*batch, slice(None), j)]
    options = op.options

    def apply(s: Scalar, x: tuple[Any, ...]) -> Storage:
        row, column = (np.ascontiguousarray(v) for v in x)
        return s.matmul(row.reshape(1, -1), column.reshape(-1, 1), **options).reshape(1)

    return Element({"a": row, "b": column}, apply, is_chain=True)


def _along_axes(op: TracedOperation, index: Index) -> Element:
    x, *rest = op.operands
    options = dict(op.options)
    is_sum = op.operation == "sum"
    axis = rest[0] if rest else options.pop("axis", None if is_sum else -1)
    options.pop("keepdims", None)
    axes = axes_of(axis, x.ndim)
    kept = [k for k in range(x.ndim) if k not in axes]
    own = index if len(index) == len(kept) else tuple(index[k] for k in kept)
    terms = x.transpose(*kept, *axes)[own].reshape(-1)

    def apply(s: Scalar, x: tuple[Any, ...]) -> Storage:
        operation = getattr(s, op.operation)
        result: Storage = operation(np.ascontiguousarray(x[0]), 0, **options).reshape(1)
        return result

    return Element({"a": terms}, apply, is_chain=is_sum)
