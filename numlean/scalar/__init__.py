"""The Scalar: number formats and their arithmetic on arrays."""

from numlean.scalar.flags import Flags
from numlean.scalar.protocol import Axis, Contraction, Indices, Order, Scalar, Storage
from numlean.scalar.registry import Backend, Spec, get_scalar, scalars

__all__ = [
    "Axis",
    "Backend",
    "Contraction",
    "Flags",
    "Indices",
    "Order",
    "Scalar",
    "Spec",
    "Storage",
    "get_scalar",
    "scalars",
]
