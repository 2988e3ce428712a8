"""Primitives of each element: arithmetic, signs, extrema and selection.

In a vector-Jacobian product, g is the output's cotangent and z the output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from numlean.autograd.primitive import Primitive, scalar_method
from numlean.autograd.primitives.reductions import unbroadcast
from numlean.scalar.protocol import Scalar, Storage

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
"""A truth value for each element."""


def _where_storage(scalar: Scalar, a: Storage, b: Storage, x: Storage, *, relation: str) -> Storage:
    return scalar.where(getattr(scalar, relation)(a, b), x)


def _choose_storage(
    scalar: Scalar, a: Storage, b: Storage, x: Storage, y: Storage, *, relation: str
) -> Storage:
    return scalar.where(getattr(scalar, relation)(a, b), x, y)


def _masked_storage(scalar: Scalar, x: Storage, y: Storage, *, mask: Mask) -> Storage:
    return scalar.where(mask, x, y)


def _relu_storage(scalar: Scalar, x: Storage) -> Storage:
    return scalar.maximum(x, scalar.from_float(0.0))


add: Primitive = Primitive(
    "add",
    scalar_method("add"),
    (
        lambda g, z, x, y: unbroadcast(g, x),
        lambda g, z, x, y: unbroadcast(g, y),
    ),
)
sub: Primitive = Primitive(
    "sub",
    scalar_method("sub"),
    (
        lambda g, z, x, y: unbroadcast(g, x),
        lambda g, z, x, y: unbroadcast(neg(g), y),
    ),
)
mul: Primitive = Primitive(
    "mul",
    scalar_method("mul"),
    (
        lambda g, z, x, y: unbroadcast(mul(g, y), x),
        lambda g, z, x, y: unbroadcast(mul(g, x), y),
    ),
)
div: Primitive = Primitive(
    "div",
    scalar_method("div"),
    (
        lambda g, z, x, y: unbroadcast(div(g, y), x),
        lambda g, z, x, y: unbroadcast(neg(div(mul(g, z), y)), y),
    ),
)
neg: Primitive = Primitive("neg", scalar_method("neg"), (lambda g, z, x: neg(g),))
sqrt: Primitive = Primitive("sqrt", scalar_method("sqrt"), (lambda g, z, x: div(g, z + z),))
fma: Primitive = Primitive(
    "fma",
    scalar_method("fma"),
    (
        lambda g, z, a, b, c: unbroadcast(mul(g, b), a),
        lambda g, z, a, b, c: unbroadcast(mul(g, a), b),
        lambda g, z, a, b, c: unbroadcast(g, c),
    ),
)

where: Primitive = Primitive(
    "where",
    _where_storage,
    (
        None,
        None,
        lambda g, z, a, b, x, *, relation: unbroadcast(where(a, b, g, relation=relation), x),
    ),
)
"""x where a stands in the relation ("lt", "le" or "eq") to b, else +0."""

choose: Primitive = Primitive(
    "where",
    _choose_storage,
    (
        None,
        None,
        lambda g, z, a, b, x, y, *, relation: unbroadcast(where(a, b, g, relation=relation), x),
        lambda g, z, a, b, x, y, *, relation: unbroadcast(
            choose(a, b, g.literal(0.0), g, relation=relation), y
        ),
    ),
)
"""x where a stands in the relation ("lt", "le" or "eq") to b, else y."""

masked: Primitive = Primitive(
    "where",
    _masked_storage,
    (
        lambda g, z, x, y, *, mask: unbroadcast(masked(g, g.literal(0.0), mask=mask), x),
        lambda g, z, x, y, *, mask: unbroadcast(masked(g.literal(0.0), g, mask=mask), y),
    ),
)
"""x where a mask holds, else y. The mask is a constant."""

abs_: Primitive = Primitive(
    "abs",
    scalar_method("abs"),
    (lambda g, z, x: sub(where_positive(x, g), where_positive(neg(x), g)),),
)
relu: Primitive = Primitive("relu", _relu_storage, (lambda g, z, x: where_positive(x, g),))
"""maximum(x, +0): a NaN stays one. The gradient at zero is zero."""

maximum: Primitive = Primitive(
    "maximum",
    scalar_method("maximum"),
    (
        lambda g, z, x, y: unbroadcast(where(y, x, g, relation="le"), x),
        lambda g, z, x, y: unbroadcast(where(x, y, g, relation="lt"), y),
    ),
)
"""The gradient of a tie goes to the first."""

minimum: Primitive = Primitive(
    "minimum",
    scalar_method("minimum"),
    (
        lambda g, z, x, y: unbroadcast(where(x, y, g, relation="le"), x),
        lambda g, z, x, y: unbroadcast(where(y, x, g, relation="lt"), y),
    ),
)
"""The gradient of a tie goes to the first."""


def where_positive(x: Tensor, y: Tensor) -> Tensor:
    """Return y where x is positive, else +0."""
    return where(x.literal(0.0), x, y, relation="lt")
