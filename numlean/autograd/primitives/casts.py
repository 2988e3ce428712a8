"""The primitive that rounds numbers to another Scalar.

In a vector-Jacobian product, g is the output's cotangent and z the output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from numlean.autograd.indices import INDEX
from numlean.autograd.primitive import Primitive
from numlean.errors import NumleanError
from numlean.scalar.conversion import Conversion, check_options
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.record import recorded_like

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


_OWN: Final = Conversion()


def _cast_storage(scalar: Scalar, x: Storage, *, to: Scalar, **options: Any) -> Storage:
    return to.cast_from(scalar, x, **options)


_cast: Primitive = Primitive(
    "cast",
    _cast_storage,
    (lambda g, z, x, *, to, **options: cast(g, x.scalar),),
    result=lambda scalar, *, to, **options: to,
)


def cast(x: Tensor, scalar: Scalar, conversion: Conversion = _OWN) -> Tensor:
    """Return the numbers in a Scalar, each rounded once; a tensor of an equal Scalar as it is.

    The gradient is straight-through: as if nothing were rounded. The cotangent of x is that of the
    result, cast to the Scalar of x by that Scalar's own rounding.

    Args:
        x: The tensor.
        scalar: The Scalar of the result.
        conversion: The rounding and the overflow, in place of the Scalar's. With an overflow, the
            numbers of an equal Scalar are converted too: an infinity may become another number.

    Raises:
        NumleanError: Indices are not numbers, or the Scalar lacks a choice.
        UnavailableError: A recorded step casts, and cannot repeat the Scalar's operations.
    """
    if conversion.overflow is None and (x.scalar is scalar or x.scalar == scalar):
        return x
    if INDEX in (x.scalar, scalar):
        raise NumleanError("indices and numbers of a Scalar do not convert into each other")
    options = conversion.options()
    if options:
        check_options(scalar, "cast_from", options)
    return _cast(x, to=recorded_like(x.scalar, scalar), **options)
