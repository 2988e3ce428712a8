"""The primitive that rounds numbers to another Scalar.

In a vector-Jacobian product, g is the output's cotangent and z the output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numlean.autograd.indices import INDEX
from numlean.autograd.primitive import Primitive
from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.record import recorded_like

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


def _cast_storage(scalar: Scalar, x: Storage, *, to: Scalar) -> Storage:
    return to.cast_from(scalar, x)


_cast: Primitive = Primitive(
    "cast",
    _cast_storage,
    (lambda g, z, x, *, to: cast(g, x.scalar),),
    result=lambda scalar, *, to: to,
)


def cast(x: Tensor, scalar: Scalar) -> Tensor:
    """Return the numbers in a Scalar, each rounded once; a tensor of an equal Scalar as it is.

    The gradient is straight-through: as if nothing were rounded. The cotangent of x is that of the
    result, cast to the Scalar of x.

    Raises:
        NumleanError: Indices are not numbers.
        UnavailableError: A recorded step casts, and cannot repeat the Scalar's operations.
    """
    if x.scalar is scalar or x.scalar == scalar:
        return x
    if INDEX in (x.scalar, scalar):
        raise NumleanError("indices and numbers of a Scalar do not convert into each other")
    return _cast(x, to=recorded_like(x.scalar, scalar))
